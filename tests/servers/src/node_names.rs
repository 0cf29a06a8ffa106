//! Stands in for `epmd`, Erlang's daemon that knows which nodes run on a machine. A broker asks it once, at
//! boot, whether its name is taken, and would otherwise start a real one that stays behind for ever.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// The length of what follows, and the request for all names.
const NAMES_REQUEST: [u8; 3] = [0, 1, b'n'];
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers "no names" at an address until this process ends. Returns the port.
pub fn answer_no_names(address: SocketAddrV4) -> Result<u16> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let port = listener.local_addr()?.port();
    thread::Builder::new().name("node names".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever asks something else, or breaks off, gets no answer.
            let _unanswered = answer(stream, port);
        }
    })?;
    Ok(port)
}

fn answer(mut stream: TcpStream, port: u16) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut request = [0; NAMES_REQUEST.len()];
    stream.read_exact(&mut request)?;
    if request == NAMES_REQUEST {
        // Our own port, and then the list, which is empty.
        stream.write_all(&u32::from(port).to_be_bytes())?;
    }
    Ok(())
}
