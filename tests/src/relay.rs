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
        Self::open_among(&[target]).await
    }

    /// Opens a relay to several ports in turn, for each connection to the next one that is listened on.
    pub async fn open_among(targets: &[u16]) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port")?;
        let port = listener.local_addr()?.port();
        let (way, watched) = watch::channel(Way::Open);
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&taken);
        let targets: Arc<[u16]> = targets.into();
        tokio::spawn(async move {
            while let Ok((incoming, _)) = listener.accept().await {
                let turn = counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(relay(incoming, Arc::clone(&targets), turn, watched.clone()));
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

async fn relay(incoming: TcpStream, targets: Arc<[u16]>, turn: usize, mut way: watch::Receiver<Way>) {
    // A silent network takes no connection either: it is made once there is a network again.
    match way.wait_for(|way| *way != Way::Silent).await.map(|way| *way) {
        Ok(Way::Open | Way::Silent) => {}
        Ok(Way::Cut) | Err(_) => return,
    }
    let Some(outgoing) = connect(&targets, turn).await else { return };
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

async fn connect(targets: &[u16], turn: usize) -> Option<TcpStream> {
    let from_turn = targets.iter().cycle().skip(turn.checked_rem(targets.len())?);
    for target in from_turn.take(targets.len()) {
        if let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, *target)).await {
            return Some(stream);
        }
    }
    None
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
