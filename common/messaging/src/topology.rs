//! The exchanges and queues, declared by every process when it connects.
//!
//! `P.jobs` (direct) routes a job by role to `P.<role>`, a quorum queue. The alternate exchange takes unroutable
//! messages to `P.unrouted`, because a confirm alone does not prove that a message was routed. To retry a job later,
//! the consumer publishes it to `P.delay.<n>s` (fan-out), whose queue returns it by role to `P.jobs` after the delay.
//! Dead letters go to `P.<role>.dead`. Workers move dead letters and unroutable messages into the database (see
//! [`dead_letters`](crate::dead_letters)). Every queue dead-letters "at least once" and has an explicit delivery limit:
//! without these, RabbitMQ 4 and later drops messages that are redelivered too often.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use jobs::Role;

/// The waits, in seconds, before a failed job is retried; the last one repeats.
pub const DELAYS_SECONDS: [u32; 4] = [2, 15, 120, 900];

/// How often the broker redelivers a message that crashes its consumers, before it becomes a dead letter. Ordinary
/// failures do not count: those messages leave the queue and come back through a delay.
const DELIVERY_LIMIT: i32 = 60;

/// The names of exchanges and queues, all starting with the configured prefix.
#[derive(Clone, Debug)]
pub struct Names {
    prefix: String,
}

impl Names {
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    pub fn jobs(&self) -> String {
        format!("{}.jobs", self.prefix)
    }

    pub fn queue(&self, role: Role) -> String {
        format!("{}.{}", self.prefix, role.as_str())
    }

    pub fn dead(&self, role: Role) -> String {
        format!("{}.{}.dead", self.prefix, role.as_str())
    }

    /// Exchange and queue of a delay.
    pub fn delay(&self, seconds: u32) -> String {
        format!("{}.delay.{seconds}s", self.prefix)
    }

    /// Exchange and queue of unroutable messages.
    pub fn unrouted(&self) -> String {
        format!("{}.unrouted", self.prefix)
    }

    /// The fan-out exchange to all API instances.
    pub fn live(&self) -> String {
        format!("{}.live", self.prefix)
    }

    /// The name of a queue within this system.
    pub fn without_prefix<'a>(&self, queue: &'a str) -> &'a str {
        queue.strip_prefix(self.prefix.as_str()).map_or(queue, |rest| rest.trim_start_matches('.'))
    }

    pub fn all_queues(&self) -> Vec<String> {
        let mut all: Vec<String> =
            Role::ALL.iter().flat_map(|role| [self.queue(*role), self.dead(*role)]).collect();
        all.extend(DELAYS_SECONDS.iter().map(|seconds| self.delay(*seconds)));
        all.push(self.unrouted());
        all
    }
}

/// Declares all exchanges and queues; leaves existing ones unchanged.
pub(super) async fn declare(channel: &Channel, names: &Names) -> Result<(), lapin::Error> {
    let unrouted = names.unrouted();
    exchange(channel, &unrouted, ExchangeKind::Fanout, FieldTable::default()).await?;
    quorum_queue(channel, &unrouted, None).await?;
    bind(channel, &unrouted, &unrouted, "").await?;

    let mut arguments = FieldTable::default();
    arguments.insert("alternate-exchange".into(), long_string(&unrouted));
    let jobs = names.jobs();
    exchange(channel, &jobs, ExchangeKind::Direct, arguments).await?;
    exchange(channel, &names.live(), ExchangeKind::Fanout, FieldTable::default()).await?;

    for role in Role::ALL {
        let (queue, dead) = (names.queue(role), names.dead(role));
        quorum_queue(channel, &dead, None).await?;
        quorum_queue(
            channel,
            &queue,
            Some(DeadLetter { exchange: "", routing_key: Some(&dead), ttl_ms: None }),
        )
        .await?;
        bind(channel, &queue, &jobs, role.as_str()).await?;
    }
    for seconds in DELAYS_SECONDS {
        let delay = names.delay(seconds);
        let ttl_ms = seconds.checked_mul(1000).and_then(|ttl| i32::try_from(ttl).ok());
        exchange(channel, &delay, ExchangeKind::Fanout, FieldTable::default()).await?;
        // No routing key: a returning message keeps its own, which is its role.
        quorum_queue(channel, &delay, Some(DeadLetter { exchange: &jobs, routing_key: None, ttl_ms }))
            .await?;
        bind(channel, &delay, &delay, "").await?;
    }
    Ok(())
}

struct DeadLetter<'a> {
    exchange: &'a str,
    routing_key: Option<&'a str>,
    ttl_ms: Option<i32>,
}

async fn quorum_queue(
    channel: &Channel,
    name: &str,
    then: Option<DeadLetter<'_>>,
) -> Result<(), lapin::Error> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), long_string("quorum"));
    if let Some(then) = then {
        arguments.insert("x-dead-letter-exchange".into(), long_string(then.exchange));
        arguments.insert("x-dead-letter-strategy".into(), long_string("at-least-once"));
        // At-least-once dead-lettering needs a queue that refuses rather than drops when it is full.
        arguments.insert("x-overflow".into(), long_string("reject-publish"));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
        if let Some(key) = then.routing_key {
            arguments.insert("x-dead-letter-routing-key".into(), long_string(key));
        }
        if let Some(ttl) = then.ttl_ms {
            arguments.insert("x-message-ttl".into(), AMQPValue::LongInt(ttl));
        }
    } else {
        // During an outage of the database these are redelivered again and again, which must have no limit.
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(i32::MAX));
    }
    channel.queue_declare(short(name), QueueDeclareOptions::durable(), arguments).await?;
    Ok(())
}

async fn exchange(
    channel: &Channel,
    name: &str,
    kind: ExchangeKind,
    with: FieldTable,
) -> Result<(), lapin::Error> {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(short(name), kind, options, with).await
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<(), lapin::Error> {
    let options = QueueBindOptions::default();
    channel.queue_bind(short(queue), short(exchange), short(key), options, FieldTable::default()).await
}

pub(super) fn short(text: &str) -> ShortString {
    text.into()
}

pub(super) fn long_string(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}
