//! Whether the process can serve: whether a write can be committed, the schema fits, and the broker takes messages.

use std::time::{Duration, Instant};

use kernel::database;
use kernel::deadline;
use messaging::Publisher;
use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// For how long an answer is good: those who ask more often cost nothing.
const GOOD_FOR: Duration = Duration::from_secs(1);
/// The limit of each check.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a commit that hangs is left alone before another is tried: each holds a connection of the server.
const HANGS: Duration = Duration::from_secs(10);

/// Connections for the questions alone: those of requests may all be in use.
pub(crate) const CONNECTIONS: u32 = 2;

/// What can be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub database: bool,
    pub schema: bool,
    pub broker: bool,
}

pub(crate) struct Readiness {
    pool: PgPool,
    publisher: Publisher,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    found: Option<(Instant, Found)>,
    /// A commit that has not ended.
    commit: Option<JoinHandle<bool>>,
}

impl Readiness {
    pub(crate) fn new(pool: PgPool, publisher: Publisher) -> Self {
        Self { pool, publisher, last: Mutex::default() }
    }

    /// Looks, unless that has just been done. Those who ask at once are answered by one look.
    pub(crate) async fn look(&self) -> Found {
        let mut last = self.last.lock().await;
        if let Some((at, found)) = last.found
            && at.elapsed() < GOOD_FOR
        {
            return found;
        }
        let (database, schema, broker) = futures::join!(
            self.commits(&mut last.commit),
            timeout(PATIENCE, database::is_migrated(&self.pool)),
            timeout(PATIENCE, self.publisher.probe()),
        );
        let (schema, broker) = (matches!(schema, Ok(Ok(true))), matches!(broker, Ok(Ok(()))));
        let found = Found { database, schema, broker };
        last.found = Some((Instant::now(), found));
        found
    }

    /// Whether a commit ends in time. One that does not is waited for by the next look.
    async fn commits(&self, under_way: &mut Option<JoinHandle<bool>>) -> bool {
        let pool = self.pool.clone();
        let commit = under_way.get_or_insert_with(|| {
            let probe = deadline::spawn(HANGS, async move { database::probe_commit(&pool).await });
            tokio::spawn(async move { matches!(probe.await, Ok(Ok(Ok(())))) })
        });
        let Ok(ended) = timeout(PATIENCE, commit).await else { return false };
        *under_way = None;
        ended.unwrap_or(false)
    }
}
