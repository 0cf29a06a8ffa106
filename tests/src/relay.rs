//! A relay to a port: a network that can break its connections or hold back all that travels on them.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What a relay does with what travels through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Passes it on.
    Open,
    /// Breaks connections with all that is on its way, and refuses new ones.
    Cut,
    /// Holds it back.
    Silent,
}

/// A relay to one port of this machine.
pub struct Relay {
    port: u16,
    way: watch::Sender<Way>,
    taken: Arc<AtomicUsize>,
}

impl Relay {
    /// Opens a relay to a port, which need not be listened on yet.
    pub async fn open(target: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port")?;
        let port = listener.local_addr()?.port();
        let (way, watched) = watch::channel(Way::Open);
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((incoming, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(relay(incoming, target, watched.clone()));
            }
        });
        Ok(Self { port, way, taken })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections it has taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn relay(incoming: TcpStream, target: u16, mut way: watch::Receiver<Way>) {
    // A silent network takes no connection either: it is made once there is a network again.
    match way.wait_for(|way| *way != Way::Silent).await.map(|way| *way) {
        Ok(Way::Open | Way::Silent) => {}
        Ok(Way::Cut) | Err(_) => return,
    }
    let Ok(outgoing) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    let _best_effort = (incoming.set_nodelay(true), outgoing.set_nodelay(true));
    let (from_client, to_client) = incoming.into_split();
    let (from_server, to_server) = outgoing.into_split();
    let mut cut = way.clone();
    tokio::select! {
        _ = cut.wait_for(|way| *way == Way::Cut) => {}
        _both_ended = async {
            tokio::join!(pump(from_client, to_server, way.clone()), pump(from_server, to_client, way))
        } => {}
    }
}

/// Passes bytes on until their source ends; then says so.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut way: watch::Receiver<Way>,
) -> Option<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer).await.unwrap_or(0);
        way.wait_for(|way| *way != Way::Silent).await.ok()?;
        if count == 0 {
            return to.shutdown().await.ok();
        }
        to.write_all(buffer.get(..count)?).await.ok()?;
    }
}
