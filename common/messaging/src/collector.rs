//! Moves dead letters and unroutable messages from the broker to the database, where operators can list and search
//! them without disturbing their order or their delivery counts.
//!
//! Workers still dead-letter to a queue first, because the queue works while the database is down. The collector
//! acknowledges a dead letter after the commit, and recognizes a redelivered one by its id.

use std::pin::pin;
use std::time::Duration;

use futures::stream::{SelectAll, select_all};
use futures::{Stream, StreamExt};
use jobs::Role;
use kernel::clock::{Clock, Timestamp};
use kernel::config::Connections;
use kernel::deadline::within;
use kernel::ids::DeadLetterId;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, Consumer};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::connection::{self, Node, Session, supervise};
use crate::consumer::{ATTEMPT, header};
use crate::dead_letters::{NewLetter, operations};
use crate::publisher::REASON;
use crate::topology::{Names, short};

/// Dead letters fetched ahead while one is written.
const PREFETCH: u16 = 32;
/// How long a write may take.
const STORE_LIMIT: Duration = Duration::from_secs(5);
/// How long to wait before retrying a failed write.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Empties the dead-letter queues of all roles. Several may run at once.
pub struct Collector {
    pub connections: Connections,
    pub pool: PgPool,
    /// For dead letters whose id carries no time.
    pub clock: Clock,
}

/// The queue that a dead letter came from.
#[derive(Clone, Copy)]
pub(crate) enum Origin {
    Dead(Role),
    Unrouted,
}

type Letters = SelectAll<Box<dyn Stream<Item = (Origin, Result<Delivery, lapin::Error>)> + Send + Unpin>>;

impl Session for Collector {
    type State = Letters;

    fn name(&self) -> String {
        "dead letters".to_owned()
    }

    async fn open(&mut self, node: Node) -> Result<(Connection, Letters), lapin::Error> {
        let (connection, channel) = connection::open(&self.connections, node).await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let names = Names::new(&self.connections.amqp_prefix);
        let dead = Role::ALL.iter().map(|role| (Origin::Dead(*role), names.dead(*role)));
        let mut all = Vec::new();
        for (origin, queue) in dead.chain([(Origin::Unrouted, names.unrouted())]) {
            let options = BasicConsumeOptions::default();
            let deliveries: Consumer =
                channel.basic_consume(short(&queue), short(""), options, FieldTable::default()).await?;
            let from_here = deliveries.map(move |delivery| (origin, delivery));
            all.push(Box::new(from_here) as Box<dyn Stream<Item = _> + Send + Unpin>);
        }
        Ok((connection, select_all(all)))
    }

    async fn serve(&mut self, connection: &Connection, letters: Letters, shutdown: &CancellationToken) {
        self.collect(connection, letters, shutdown).await;
    }
}

impl Collector {
    /// Runs until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        supervise(self, shutdown).await;
    }

    async fn collect(&self, connection: &Connection, mut letters: Letters, shutdown: &CancellationToken) {
        let mut lost = pin!(connection::lost(connection));
        loop {
            let (origin, delivery) = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                next = letters.next() => match next {
                    Some((origin, Ok(delivery))) => (origin, delivery),
                    Some((_, Err(_))) | None => return,
                },
                () = &mut lost => return,
            };
            let letter = self.read(origin, &delivery);
            while let Err(error) = self.store(&letter).await {
                if shutdown.is_cancelled() || !delivery.acker.usable() {
                    return;
                }
                tracing::warn!(%error, "a dead letter cannot be stored yet; retrying");
                tokio::time::sleep(STORE_PAUSE).await;
            }
            // If the connection is lost, the dead letter is redelivered and its id is already stored.
            let _too_late = delivery.acker.ack(BasicAckOptions::default()).await;
        }
    }

    async fn store(&self, letter: &NewLetter) -> Result<(), sqlx::Error> {
        let storing = async { operations::insert(&mut *self.pool.acquire().await?, letter).await };
        let is_new = within(STORE_LIMIT, storing).await??;
        if is_new {
            tracing::info!(letter = %letter.id, role = letter.role, "a dead letter waits for an operator");
        }
        Ok(())
    }

    fn read(&self, origin: Origin, delivery: &Delivery) -> NewLetter {
        let properties = &delivery.properties;
        // A message that Purser did not publish may have no id: after a lost acknowledgement it is stored twice.
        let id = properties.message_id().as_ref().and_then(|id| Uuid::parse_str(id.as_str()).ok());
        let given = properties.headers().as_ref().and_then(|headers| headers.inner().get(REASON));
        let (role, reason, by_worker) = match (origin, given) {
            (Origin::Dead(role), Some(AMQPValue::LongString(reason))) => {
                (role.as_str().to_owned(), reason.to_string(), true)
            }
            (Origin::Dead(role), _) => {
                let reason = "redelivered too often without being finished: its workers may have crashed";
                (role.as_str().to_owned(), reason.to_owned(), false)
            }
            (Origin::Unrouted, _) => (delivery.routing_key.to_string(), "no queue took it".to_owned(), false),
        };
        // A job that a worker dead-letters gets a new id at that moment.
        let dead_lettered_at = id.filter(|_| by_worker).and_then(time_of_id);
        NewLetter {
            id: id.map_or_else(DeadLetterId::new, DeadLetterId),
            role,
            reason,
            attempts: header(delivery, ATTEMPT),
            died_at: dead_lettered_at.unwrap_or_else(|| self.clock.now()),
            body: delivery.data.to_vec(),
        }
    }
}

/// The time that a UUIDv7 carries.
fn time_of_id(id: Uuid) -> Option<Timestamp> {
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    let since = i128::from(seconds).checked_mul(1_000_000_000)?.checked_add(i128::from(nanoseconds))?;
    Timestamp::from_unix_timestamp_nanos(since).ok()
}
