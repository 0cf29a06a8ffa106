//! How jobs travel: durable queues on RabbitMQ, one publisher, one consumer runtime, and the outbox that ties a job
//! to the transaction that caused it. The only user of the crate `lapin`.

pub mod consumer;
pub mod dead_letters;
pub mod inbox;
pub mod outbox;
pub mod publisher;
pub mod topology;

use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};
use serde::{Deserialize, Serialize};

use crate::config::Connections;
use crate::ids::UserId;
use crate::jobs::Notice;
pub use publisher::{PublishError, Publisher};

/// How long connecting may take before it counts as failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long connecting and declaring together may take: a broker may answer the one and not the other, when a queue
/// has no leader.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait before connecting again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

/// A message to every API instance: pushed to live connections, kept nowhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "live", rename_all = "snake_case")]
pub enum Live {
    /// Things happened to wallets. Many share a message, because a message costs more than what it says.
    Notices {
        /// In the order in which they happened.
        notices: Vec<Notice>,
    },
    /// A credential is no longer valid: forget it.
    CredentialRevoked {
        /// The hash under which it is remembered, in hexadecimal.
        key_hash: String,
    },
    /// A user may see other wallets than before.
    MembershipChanged {
        /// Who.
        user_id: UserId,
    },
}

/// Gives a conversation with the broker a deadline.
async fn within<T>(
    deadline: Duration,
    conversation: impl Future<Output = Result<T, lapin::Error>>,
) -> Result<T, lapin::Error> {
    let too_late = || lapin::ErrorKind::IOError(std::sync::Arc::new(std::io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(deadline, conversation).await.unwrap_or_else(|_| Err(too_late().into()))
}

/// Frames are this large at the most, in bytes. Each connection keeps room for 64 of them: with the broker's usual
/// 128 KB, most of what a process takes that does nothing.
const FRAME_MAX: u32 = 16 * 1024;

/// Opens a connection. Heartbeats every 5 seconds find a frozen broker.
async fn connect(connections: &Connections) -> Result<Connection, lapin::Error> {
    let mut uri: AMQPUri = connections.amqp_url.expose().parse().map_err(|error: String| {
        // The parser's text may repeat the address, password included.
        drop(error);
        lapin::ErrorKind::IOError(std::sync::Arc::new(std::io::Error::other("AMQP_URL cannot be read")))
    })?;
    uri.query.heartbeat = uri.query.heartbeat.or(Some(5));
    uri.query.frame_max = uri.query.frame_max.or(Some(FRAME_MAX));
    let connecting = Connection::connect_uri(uri, ConnectionProperties::default());
    within(CONNECT_TIMEOUT, connecting).await
}

/// Ends a connection, which may be lost already. Nobody waits for ever for the broker's word that it has ended.
async fn close(connection: &Connection) {
    let _gone_either_way = within(CONNECT_TIMEOUT, connection.close(200, topology::short(""))).await;
}
