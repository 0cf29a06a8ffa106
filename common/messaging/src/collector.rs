//! Takes dead letters, and what no queue took, off the broker into the database, where operators can list and search
//! them without disturbing their order or their counts.
//!
//! The queues stay the place where a message dies, because they take it while the database is away. A letter is
//! acknowledged after it is committed; one that is delivered again is known by its id.

use std::pin::pin;
use std::time::Duration;

use futures::stream::{SelectAll, select_all};
use futures::{Stream, StreamExt};
use jobs::Role;
use kernel::clock::{Clock, Timestamp};
use kernel::config::Connections;
use kernel::ids::DeadLetterId;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, Consumer};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::connection::{self, Session, supervise};
use crate::consumer::{ATTEMPT, header};
use crate::dead_letters::{NewLetter, operations};
use crate::publisher::REASON;
use crate::topology::{Names, short};

/// Letters at hand while one is written.
const PREFETCH: u16 = 32;
/// How long to wait before writing again what the database did not take.
const KEEP_PAUSE: Duration = Duration::from_secs(1);

/// Empties the queues of dead letters, of all roles. Several may run.
pub struct Collector {
    /// Where the broker is.
    pub connections: Connections,
    /// Where the letters go.
    pub pool: PgPool,
    /// For letters that do not say when they died.
    pub clock: Clock,
}

/// Where a letter lay.
#[derive(Clone, Copy)]
pub(crate) enum Origin {
    /// Among the dead letters of a role.
    Dead(Role),
    /// No queue took it.
    Unrouted,
}

type Letters = SelectAll<Box<dyn Stream<Item = (Origin, Result<Delivery, lapin::Error>)> + Send + Unpin>>;

impl Session for Collector {
    type State = Letters;

    fn name(&self) -> String {
        "dead letters".to_owned()
    }

    async fn open(&mut self) -> Result<(Connection, Letters), lapin::Error> {
        let (connection, channel) = connection::open(&self.connections).await?;
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
    /// Collects until `shutdown`.
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
            while let Err(error) = self.keep(&letter).await {
                if shutdown.is_cancelled() || !delivery.acker.usable() {
                    return;
                }
                tracing::warn!(%error, "a dead letter waits for the database");
                tokio::time::sleep(KEEP_PAUSE).await;
            }
            // If the connection is gone it comes again, and is known.
            let _too_late = delivery.acker.ack(BasicAckOptions::default()).await;
        }
    }

    async fn keep(&self, letter: &NewLetter) -> Result<(), sqlx::Error> {
        let is_new = operations::keep(&mut *self.pool.acquire().await?, letter).await?;
        if is_new {
            tracing::info!(letter = %letter.id, role = letter.role, "a dead letter waits for an operator");
        }
        Ok(())
    }

    fn read(&self, origin: Origin, delivery: &Delivery) -> NewLetter {
        let properties = &delivery.properties;
        // A message of somebody else's may have no id: after a lost acknowledgement it is there twice.
        let id = properties.message_id().as_ref().and_then(|id| Uuid::parse_str(id.as_str()).ok());
        let given = properties.headers().as_ref().and_then(|headers| headers.inner().get(REASON));
        let (role, reason, is_ours) = match (origin, given) {
            (Origin::Dead(role), Some(AMQPValue::LongString(reason))) => {
                (role.as_str().to_owned(), reason.to_string(), true)
            }
            (Origin::Dead(role), _) => {
                let reason = "delivered too often without being finished: its workers may have crashed";
                (role.as_str().to_owned(), reason.to_owned(), false)
            }
            (Origin::Unrouted, _) => (delivery.routing_key.to_string(), "no queue took it".to_owned(), false),
        };
        // A message that we bury gets its id at that moment.
        let buried_at = id.filter(|_| is_ours).and_then(born_at);
        NewLetter {
            id: id.map_or_else(DeadLetterId::new, DeadLetterId),
            role,
            reason,
            attempts: header(delivery, ATTEMPT),
            died_at: buried_at.unwrap_or_else(|| self.clock.now()),
            body: delivery.data.to_vec(),
        }
    }
}

/// The time that an id of ours carries.
fn born_at(id: Uuid) -> Option<Timestamp> {
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    let since = i128::from(seconds).checked_mul(1_000_000_000)?.checked_add(i128::from(nanoseconds))?;
    Timestamp::from_unix_timestamp_nanos(since).ok()
}
