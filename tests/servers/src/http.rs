//! Requests to the small HTTP services of servers, which need no more of it than this.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// Sends a request with a body of JSON, or none, and returns the status and the body of the answer.
pub fn request(
    method: &str,
    address: SocketAddrV4,
    path: &str,
    body: &str,
    patience: Duration,
) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address.into(), CONNECT_PATIENCE)
        .with_context(|| format!("{address} is not there"))?;
    stream.set_read_timeout(Some(patience))?;
    // Of HTTP/1.0 the answer ends with the connection.
    let head = format!("{method} {path} HTTP/1.0\r\nhost: {address}\r\ncontent-type: application/json\r\n");
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(|| format!("no answer to {method} {path}"))?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    status.zip(body).with_context(|| format!("not an answer of HTTP: {answer:?}"))
}
