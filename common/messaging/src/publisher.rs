//! The one publisher: a task that owns a connection of its own and publishes with confirms, many in flight.
//!
//! A publish succeeds when the broker has the message on disk. Every publish has a deadline, after which its outcome
//! is unknown and counts as failed; publishing again is harmless, because running a job twice is. While the broker is
//! down, publishes fail at once. A node that confirms nothing for two publishes is left for the next one: if it is cut
//! off, heartbeats notice it later.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::sync::{RwLock, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use jobs::{EncodedJob, Role};
use kernel::clock;
use kernel::config::Connections;
use kernel::deadline::uncounted;
use kernel::metrics::catalogue;
use notices::Live;

use crate::connection::{self, Node, Session, supervise};
use crate::topology::{Names, long_string, short};

/// How long the broker may take to confirm.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);
/// So many publishes in a row without a confirm are enough to leave a node.
const UNCONFIRMED_MOST: u32 = 2;
/// How many publishes may wait for the task; further callers block.
const QUEUE: usize = 1024;

/// Header: why a message is a dead letter.
pub(super) const REASON: &str = "x-purser-reason";

/// Hands messages to the publishing task. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Publisher {
    requests: mpsc::Sender<PublishRequest>,
    connected: watch::Receiver<bool>,
    names: Names,
    /// Held while jobs of the outbox are published: shared by those who know which, alone by who takes all there are,
    /// so that nothing is told twice.
    pub(crate) outbox: Arc<RwLock<()>>,
}

/// Why the broker may not have the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Nothing was sent.
    #[error("the broker is not connected")]
    Disconnected,
    /// Sent but not confirmed: the connection broke, the broker is out of memory or disk, or the deadline passed.
    #[error("the broker did not confirm")]
    Unconfirmed,
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub exchange: String,
    pub routing_key: String,
    pub body: Vec<u8>,
    pub headers: Vec<(&'static str, AMQPValue)>,
    pub correlation_id: Option<String>,
    pub reply_to: Option<String>,
    pub durable: bool,
}

struct PublishRequest {
    message: Message,
    done: oneshot::Sender<Result<(), PublishError>>,
}

impl std::fmt::Debug for PublishRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PublishRequest")
    }
}

impl Publisher {
    /// Starts the task, which connects, and reconnects when the connection is lost, until `shutdown`.
    pub fn start(connections: &Connections, shutdown: CancellationToken) -> Self {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let (connected_writer, connected) = watch::channel(false);
        let names = Names::new(&connections.amqp_prefix);
        let shutdown = shutdown.child_token();
        let publishing = Publishing {
            connections: connections.clone(),
            requests: receiver,
            connected: connected_writer,
            shutdown: shutdown.clone(),
        };
        tokio::spawn(supervise(publishing, shutdown));
        Self { requests, connected, names, outbox: Arc::default() }
    }

    pub fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    /// Waits for a connection. Returns at once, connected or not, when the publisher has ended.
    pub async fn wait_until_connected(&self) {
        let mut connected = self.connected.clone();
        let _ended = connected.wait_for(|connected| *connected).await;
    }

    /// Publishes a job; returns when the broker has it on disk.
    ///
    /// # Errors
    /// See [`PublishError`]: the job may have to be published again.
    pub async fn publish(&self, job: impl Into<EncodedJob>) -> Result<(), PublishError> {
        let job = job.into();
        self.publish_text(job.role, job.body.into_bytes()).await
    }

    /// Publishes the text of a job to its role.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub async fn publish_text(&self, role: Role, body: Vec<u8>) -> Result<(), PublishError> {
        self.send(self.job_message(role, body)).await
    }

    /// Sends a live message to every API instance that is connected; the broker does not keep it for others.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub async fn announce(&self, live: &Live) -> Result<(), PublishError> {
        self.send_live(serde_json::to_vec(live).unwrap_or_default()).await
    }

    /// Checks that the broker confirms messages, with one that every receiver ignores.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub async fn probe(&self) -> Result<(), PublishError> {
        self.send_live(b"{}".to_vec()).await
    }

    async fn send_live(&self, body: Vec<u8>) -> Result<(), PublishError> {
        let mut message = self.job_message(Role::Notify, body);
        message.exchange = self.names.live();
        message.durable = false;
        self.send(message).await
    }

    /// Replies to a caller that waits at `reply_to`.
    pub(super) async fn reply(&self, reply_to: &str, correlation_id: Option<String>, body: Vec<u8>) {
        let message = Message {
            exchange: String::new(),
            routing_key: reply_to.to_owned(),
            body,
            headers: Vec::new(),
            correlation_id,
            reply_to: None,
            durable: false,
        };
        if let Err(error) = self.send(message).await {
            // The caller's deadline covers this; the job itself is done.
            tracing::warn!(%error, "cannot send a reply");
        }
    }

    /// Publishes a message to its role after a delay.
    pub(super) async fn publish_later(
        &self,
        role: Role,
        delay_seconds: u32,
        mut message: Message,
    ) -> Result<(), PublishError> {
        message.exchange = self.names.delay(delay_seconds);
        message.routing_key = role.as_str().to_owned();
        self.send(message).await
    }

    /// Dead-letters a job, with the reason.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub async fn dead_letter(&self, job: impl Into<EncodedJob>, reason: &str) -> Result<(), PublishError> {
        let job = job.into();
        let message = self.job_message(job.role, job.body.into_bytes());
        self.publish_dead(job.role, job.kind, reason, message).await
    }

    /// Dead-letters a message, with the reason.
    pub(super) async fn publish_dead(
        &self,
        role: Role,
        kind: &str,
        reason: &str,
        mut message: Message,
    ) -> Result<(), PublishError> {
        tracing::error!(kind, reason, role = role.as_str(), "a job became a dead letter");
        catalogue::DEAD_LETTERS.increment([role.as_str()]);
        message.headers.push((REASON, long_string(reason)));
        message.exchange = String::new();
        message.routing_key = self.names.dead(role);
        self.send(message).await
    }

    pub(super) fn job_message(&self, role: Role, body: Vec<u8>) -> Message {
        Message {
            exchange: self.names.jobs(),
            routing_key: role.as_str().to_owned(),
            body,
            headers: Vec::new(),
            correlation_id: None,
            reply_to: None,
            durable: true,
        }
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), PublishError> {
        if !self.is_connected() {
            return Err(PublishError::Disconnected);
        }
        let (done, outcome) = oneshot::channel();
        let request = PublishRequest { message, done };
        let sent = async {
            self.requests.send(request).await.map_err(|_| PublishError::Disconnected)?;
            outcome.await.map_err(|_| PublishError::Unconfirmed)?
        };
        let sent = uncounted(tokio::time::timeout(CONFIRM_TIMEOUT, sent)).await;
        sent.unwrap_or(Err(PublishError::Unconfirmed))
    }
}

struct Publishing {
    connections: Connections,
    requests: mpsc::Receiver<PublishRequest>,
    connected: watch::Sender<bool>,
    /// Also cancelled when every [`Publisher`] is dropped.
    shutdown: CancellationToken,
}

impl Session for Publishing {
    type State = Channel;

    fn name(&self) -> String {
        "publisher".to_owned()
    }

    async fn open(&mut self, node: Node) -> Result<(Connection, Channel), lapin::Error> {
        self.refuse_waiting();
        let (connection, channel) = connection::open(&self.connections, node).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok((connection, channel))
    }

    async fn serve(&mut self, connection: &Connection, channel: Channel, _: &CancellationToken) {
        self.connected.send_replace(true);
        self.publish_all(connection, &channel).await;
        self.connected.send_replace(false);
        self.refuse_waiting();
    }
}

impl Publishing {
    /// Fails the publishes that queued up while the connection broke.
    fn refuse_waiting(&mut self) {
        while let Ok(request) = self.requests.try_recv() {
            let _gone = request.done.send(Err(PublishError::Disconnected));
        }
    }

    async fn publish_all(&mut self, connection: &Connection, channel: &Channel) {
        let mut lost = pin!(connection::lost(connection));
        let (unconfirmed, mut silence) = watch::channel(0);
        let unconfirmed = Arc::new(unconfirmed);
        loop {
            let request = tokio::select! {
                biased;
                Ok(_) = silence.wait_for(|count| *count >= UNCONFIRMED_MOST) => {
                    return tracing::warn!("the broker does not confirm; trying its next node");
                }
                request = self.requests.recv() => request,
                () = &mut lost => return,
                () = self.shutdown.cancelled() => return,
            };
            let Some(PublishRequest { message, done }) = request else { return self.shutdown.cancel() };
            let (exchange, key) = (short(&message.exchange), short(&message.routing_key));
            // Replies and live messages may be unroutable; a job must not.
            let options = BasicPublishOptions { mandatory: message.durable, immediate: false };
            let properties = properties(&message);
            match channel.basic_publish(exchange, key, options, &message.body, properties).await {
                Ok(confirm) => {
                    let unconfirmed = Arc::clone(&unconfirmed);
                    tokio::spawn(async move {
                        let confirmed = tokio::time::timeout(CONFIRM_TIMEOUT, confirm).await;
                        unconfirmed.send_if_modified(|count| note(count, confirmed.is_ok()));
                        let _gone = done.send(confirmed.map_or(Err(PublishError::Unconfirmed), outcome));
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "publish failed");
                    let _gone = done.send(Err(PublishError::Unconfirmed));
                    return;
                }
            }
        }
    }
}

/// Counts publishes in a row that the broker did not confirm; whether the count has changed.
fn note(count: &mut u32, is_confirmed: bool) -> bool {
    let before = *count;
    *count = if is_confirmed { 0 } else { before.saturating_add(1) };
    *count != before
}

fn outcome(confirmation: Result<Confirmation, lapin::Error>) -> Result<(), PublishError> {
    match confirmation {
        // The broker returns unroutable messages. With many in flight lapin may attach a returned message to the
        // confirm of another, which is then published twice; the alternate exchange keeps the returned one.
        Ok(Confirmation::Ack(None)) => Ok(()),
        Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(_) | Confirmation::NotRequested) | Err(_) => {
            Err(PublishError::Unconfirmed)
        }
    }
}

fn properties(message: &Message) -> BasicProperties {
    let mut properties = BasicProperties::default()
        .with_content_type(short("application/json"))
        .with_message_id(short(&uuid::Uuid::now_v7().to_string()))
        .with_timestamp(clock::seconds_of_the_machine())
        .with_delivery_mode(if message.durable { 2 } else { 1 });
    if let Some(id) = &message.correlation_id {
        properties = properties.with_correlation_id(short(id));
    }
    if let Some(queue) = &message.reply_to {
        properties = properties.with_reply_to(short(queue));
    }
    if !message.headers.is_empty() {
        let mut table = FieldTable::default();
        for (name, value) in &message.headers {
            table.insert(short(name), value.clone());
        }
        properties = properties.with_headers(table);
    }
    properties
}
