//! Connections to the broker: how one is opened, and the one loop that opens it again when it is lost.
//!
//! Reconnecting is done here and not by lapin: with its recovery, confirms in flight are rejected only when recovery
//! ends, and a webhook would wait instead of getting its 503.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use kernel::config::Connections;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio_util::sync::CancellationToken;

use crate::topology::{self, Names, short};

/// How long connecting may take before it counts as failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long connecting and declaring together may take: a broker may answer the one and not the other, when a queue
/// has no leader.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait before connecting again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);
/// How often a connection is looked at: lapin does not report a lost one to those who only wait.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);
/// Frames are this large at the most, in bytes. Each connection keeps room for 64 of them: with the broker's usual
/// 128 KB, most of the memory of an idle process.
const FRAME_MAX: u32 = 16 * 1024;

/// What is done over a connection of its own: publishing, or consuming some queues.
pub(crate) trait Session: Send {
    /// What [`open`](Self::open) leaves for [`serve`](Self::serve), such as a stream of deliveries.
    type State: Send;

    /// What the log calls it.
    fn name(&self) -> String;

    /// Connects, and subscribes where that is needed.
    fn open(&mut self) -> impl Future<Output = Result<(Connection, Self::State), lapin::Error>> + Send;

    /// Works until the connection is lost or `shutdown`.
    fn serve(
        &mut self,
        connection: &Connection,
        state: Self::State,
        shutdown: &CancellationToken,
    ) -> impl Future<Output = ()> + Send;
}

/// Keeps a session going until `shutdown`: opens it, serves it, and opens it again when its connection is lost.
pub(crate) async fn supervise(mut session: impl Session, shutdown: CancellationToken) {
    let name = session.name();
    let mut was_connected = true;
    while !shutdown.is_cancelled() {
        match within(OPEN_TIMEOUT, session.open()).await {
            Ok((connection, state)) => {
                tracing::info!("{name}: connected to the broker");
                was_connected = true;
                session.serve(&connection, state, &shutdown).await;
                if !shutdown.is_cancelled() {
                    tracing::warn!("{name}: lost the broker; connecting again");
                }
                close(&connection).await;
            }
            Err(error) if was_connected => {
                was_connected = false;
                tracing::warn!(%error, "{name}: cannot reach the broker; trying until it can");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(RECONNECT_PAUSE) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// Opens a connection, declares the topology, and opens a channel to work on.
pub(crate) async fn open(connections: &Connections) -> Result<(Connection, Channel), lapin::Error> {
    let connection = connect(connections).await?;
    // A declaration that the broker refuses closes its channel: it gets a channel of its own.
    let names = Names::new(&connections.amqp_prefix);
    topology::declare(&connection.create_channel().await?, &names).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

/// Returns when the connection is lost.
pub(crate) async fn lost(connection: &Connection) {
    let mut watch = tokio::time::interval(WATCH_INTERVAL);
    while connection.status().connected() {
        watch.tick().await;
    }
}

/// Connects. Heartbeats every 5 seconds find a frozen broker.
async fn connect(connections: &Connections) -> Result<Connection, lapin::Error> {
    let mut uri: AMQPUri = connections.amqp_url.expose().parse().map_err(|error: String| {
        // The parser's text may repeat the address, password included.
        drop(error);
        failed(io::Error::other("AMQP_URL cannot be read"))
    })?;
    uri.query.heartbeat = uri.query.heartbeat.or(Some(5));
    uri.query.frame_max = uri.query.frame_max.or(Some(FRAME_MAX));
    within(CONNECT_TIMEOUT, Connection::connect_uri(uri, ConnectionProperties::default())).await
}

/// Ends a connection, which may be lost already. The broker gets a limited time to confirm that it has ended.
async fn close(connection: &Connection) {
    let _gone_either_way = within(CONNECT_TIMEOUT, connection.close(200, short(""))).await;
}

/// Gives a conversation with the broker a deadline.
async fn within<T>(
    deadline: Duration,
    conversation: impl Future<Output = Result<T, lapin::Error>>,
) -> Result<T, lapin::Error> {
    let late = || failed(io::ErrorKind::TimedOut.into());
    tokio::time::timeout(deadline, conversation).await.unwrap_or_else(|_| Err(late()))
}

fn failed(error: io::Error) -> lapin::Error {
    lapin::ErrorKind::IOError(Arc::new(error)).into()
}
