//! What is in the broker's queues, seen from outside.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use futures::future::join_all;
use jobs::Role;
use kernel::config::addresses;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicGetOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use messaging::topology::{DELAYS_SECONDS, Names};
use tokio::time::timeout;

const CLOSED_NORMALLY: u16 = 200;
/// For an answer of the broker.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
const DELETE_PATIENCE: Duration = Duration::from_secs(20);

/// A connection that only inspects.
pub struct Queues {
    connection: Connection,
    names: Names,
}

/// One queue at one moment.
#[derive(Clone, Debug)]
pub struct QueueState {
    pub name: String,
    /// Messages that wait; not those that a consumer holds.
    pub messages: u32,
    pub consumers: u32,
}

impl fmt::Display for QueueState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} messages in {} ({} consumers)", self.messages, self.name, self.consumers)
    }
}

/// A message that no worker will handle any more.
#[derive(Clone, Debug)]
pub struct LostMessage {
    pub queue: String,
    pub reason: String,
    pub body: String,
}

impl fmt::Display for LostMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} ({})", self.queue, self.body, self.reason)
    }
}

impl Queues {
    /// Connects to the broker, or to the first node of several that takes a connection.
    pub async fn connect(amqp_url: &str, prefix: &str) -> Result<Self> {
        let mut failure = anyhow!("an empty address");
        for node in addresses::of_broker(amqp_url) {
            let connecting = Connection::connect(&node, ConnectionProperties::default());
            match timeout(ANSWER_PATIENCE, connecting).await {
                Ok(Ok(connection)) => return Ok(Self { connection, names: Names::new(prefix) }),
                Ok(Err(error)) => failure = anyhow!(error).context("cannot connect to RabbitMQ"),
                Err(_) => failure = anyhow!("RabbitMQ does not answer"),
            }
        }
        Err(failure)
    }

    /// The state of a queue; `None` if there is none of this name.
    pub async fn state(&self, name: &str) -> Result<Option<QueueState>> {
        timeout(ANSWER_PATIENCE, self.ask_for_state(name)).await.context("RabbitMQ does not answer")?
    }

    async fn ask_for_state(&self, name: &str) -> Result<Option<QueueState>> {
        // Asking for a queue that does not exist costs the channel, so each question has its own.
        let channel = self.connection.create_channel().await.context("cannot open a channel")?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let Ok(queue) = channel.queue_declare(name.into(), options, FieldTable::default()).await else {
            return Ok(None);
        };
        let state = QueueState {
            name: name.to_owned(),
            messages: queue.message_count(),
            consumers: queue.consumer_count(),
        };
        let _channel_is_not_needed_any_more = channel.close(CLOSED_NORMALLY, "".into()).await;
        Ok(Some(state))
    }

    /// The queues in which jobs wait to be done, now or later.
    pub async fn waiting_messages(&self) -> Vec<QueueState> {
        let queues = Role::ALL.iter().map(|role| self.names.queue(*role));
        let delays = DELAYS_SECONDS.iter().map(|seconds| self.names.delay(*seconds));
        self.filled(queues.chain(delays).collect()).await
    }

    /// The queues with dead letters, or with what could not be routed, that no worker has collected yet.
    pub async fn uncollected_messages(&self) -> Vec<QueueState> {
        let dead = Role::ALL.iter().map(|role| self.names.dead(*role));
        self.filled(dead.chain([self.names.unrouted()]).collect()).await
    }

    /// The dead letters and what could not be routed. They stay where they are.
    pub async fn lost_messages(&self) -> Vec<LostMessage> {
        let mut lost = Vec::new();
        for queue in self.uncollected_messages().await {
            let Ok(channel) = self.connection.create_channel().await else { continue };
            while let Ok(Some(message)) =
                channel.basic_get(queue.name.as_str().into(), BasicGetOptions::default()).await
            {
                lost.push(lost_message(&queue.name, &message));
            }
            // What was taken and not acknowledged goes back with the channel.
            let _is_gone_either_way = channel.close(CLOSED_NORMALLY, "".into()).await;
        }
        lost
    }

    /// An error unless the queues of these roles have consumers.
    pub async fn require_consumers(&self, roles: &[Role]) -> Result<()> {
        for role in roles {
            let name = self.names.queue(*role);
            let state = self.state(&name).await?.with_context(|| format!("there is no queue {name}"))?;
            ensure!(state.consumers > 0, "{name} has no consumer");
        }
        Ok(())
    }

    /// Deletes every queue and exchange under the prefix. The wait for a broker that is busy with them is limited:
    /// what is left does no harm.
    pub async fn delete_all(&self) {
        let _left = timeout(DELETE_PATIENCE, self.delete_one_by_one()).await;
    }

    async fn delete_one_by_one(&self) {
        let Ok(channel) = self.connection.create_channel().await else { return };
        let mut exchanges = vec![self.names.jobs(), self.names.live(), self.names.unrouted()];
        exchanges.extend(DELAYS_SECONDS.iter().map(|seconds| self.names.delay(*seconds)));
        for name in self.names.all_queues() {
            let _was_not_there =
                channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await;
        }
        for name in exchanges {
            let _was_not_there =
                channel.exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default()).await;
        }
    }

    /// Closes the connection. Once in thousands of times the broker does not confirm it, so the wait is limited.
    pub async fn close(self) {
        let closing = self.connection.close(CLOSED_NORMALLY, "".into());
        let _is_gone_either_way = timeout(ANSWER_PATIENCE, closing).await;
    }

    async fn filled(&self, names: Vec<String>) -> Vec<QueueState> {
        let states = join_all(names.iter().map(|name| self.state(name))).await;
        states.into_iter().flatten().flatten().filter(|state| state.messages > 0).collect()
    }
}

fn lost_message(queue: &str, message: &BasicGetMessage) -> LostMessage {
    let headers = message.properties.headers().as_ref();
    let reason = match headers.and_then(|headers| headers.inner().get("x-purser-reason")) {
        Some(AMQPValue::LongString(reason)) => reason.to_string(),
        _ => "no reason given".to_owned(),
    };
    LostMessage { queue: queue.to_owned(), reason, body: String::from_utf8_lossy(&message.data).into_owned() }
}
