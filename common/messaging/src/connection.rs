//! Connections to the broker: opens them, and reconnects in one loop when one is lost, each time to the next node.
//!
//! This module reconnects instead of lapin: lapin rejects the confirms in flight only when its recovery ends, so a
//! webhook would wait instead of getting its 503.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use kernel::config::{Connections, addresses};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio_util::sync::CancellationToken;

use crate::topology::{self, Names, short};

/// How long connecting may take before it counts as failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long connecting and declaring together may take: when a queue has no leader, a broker accepts the connection
/// but does not answer the declaration.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait before reconnecting.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);
/// How often a connection is checked: lapin does not report a lost connection to a task that only waits.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);
/// The largest frame, in bytes. Each connection keeps buffers for 64 of them: with the broker's default of 128 KB these
/// are most of the memory of an idle process.
const FRAME_MAX: u32 = 16 * 1024;

/// Which of the broker's nodes to connect to: one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Node(usize);

impl Node {
    pub(crate) fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// Work that has a connection of its own: publishing, or consuming some queues.
pub(crate) trait Session: Send {
    /// What [`open`](Self::open) leaves for [`serve`](Self::serve), such as a stream of deliveries.
    type State: Send;

    /// The name in the log.
    fn name(&self) -> String;

    /// Connects, and subscribes if the session consumes.
    fn open(
        &mut self,
        node: Node,
    ) -> impl Future<Output = Result<(Connection, Self::State), lapin::Error>> + Send;

    /// Works until the connection is lost or `shutdown`.
    fn serve(
        &mut self,
        connection: &Connection,
        state: Self::State,
        shutdown: &CancellationToken,
    ) -> impl Future<Output = ()> + Send;
}

/// Opens and serves a session until `shutdown`, and reopens it when its connection is lost.
pub(crate) async fn supervise(mut session: impl Session, shutdown: CancellationToken) {
    let name = session.name();
    let (mut was_connected, mut node) = (true, Node::default());
    while !shutdown.is_cancelled() {
        match within(OPEN_TIMEOUT, session.open(node)).await {
            Ok((connection, state)) => {
                tracing::info!("{name}: connected to the broker");
                was_connected = true;
                session.serve(&connection, state, &shutdown).await;
                if !shutdown.is_cancelled() {
                    tracing::warn!("{name}: lost the connection to the broker; reconnecting");
                }
                close(&connection).await;
            }
            Err(error) if was_connected => {
                was_connected = false;
                tracing::warn!(%error, "{name}: cannot reach the broker; retrying");
            }
            Err(_) => {}
        }
        node = node.next();
        tokio::select! {
            () = tokio::time::sleep(RECONNECT_PAUSE) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// Opens a connection, declares the topology, and opens a channel to work on.
pub(crate) async fn open(
    connections: &Connections,
    node: Node,
) -> Result<(Connection, Channel), lapin::Error> {
    let connection = connect(connections, node).await?;
    // The broker closes the channel of a declaration that it refuses, so declarations get a channel of their own.
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

/// Heartbeats every 5 seconds detect a frozen broker.
async fn connect(connections: &Connections, Node(node): Node) -> Result<Connection, lapin::Error> {
    let nodes = addresses::of_broker(connections.amqp_url.expose());
    let address = node.checked_rem(nodes.len()).and_then(|place| nodes.get(place)).map_or("", String::as_str);
    let mut uri: AMQPUri = address.parse().map_err(|error: String| {
        // The parser's text may repeat the address, password included.
        drop(error);
        failed(io::Error::other("AMQP_URL cannot be read"))
    })?;
    uri.query.heartbeat = uri.query.heartbeat.or(Some(5));
    uri.query.frame_max = uri.query.frame_max.or(Some(FRAME_MAX));
    within(CONNECT_TIMEOUT, Connection::connect_uri(uri, ConnectionProperties::default())).await
}

/// Closes a connection, which may be lost already. The broker has a limited time to confirm.
async fn close(connection: &Connection) {
    let _gone_either_way = within(CONNECT_TIMEOUT, connection.close(200, short(""))).await;
}

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
