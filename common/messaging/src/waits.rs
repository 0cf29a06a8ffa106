//! How long jobs waited in the queues of the roles, which the broker does not say: workers note it, and those who run
//! the installation look at it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jobs::Role;
use kernel::clock::{Clock, Timestamp};
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

/// How often a process notes what it knows.
const EVERY: Duration = Duration::from_secs(10);

/// What the workers noted of a role last.
#[derive(Clone, Debug)]
pub struct QueueWait {
    pub role: String,
    /// The longest wait of a job since it was noted before.
    pub waited_seconds: i64,
    /// When a job was taken, to ten seconds.
    pub taken_at: Timestamp,
}

/// The longest wait of each role since it was noted last.
#[derive(Clone, Debug, Default)]
pub struct Waits(Arc<Mutex<HashMap<Role, u64>>>);

impl Waits {
    /// Remembers that a job was taken that had waited so long.
    pub(crate) fn taken(&self, role: Role, seconds: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = all.entry(role).or_default();
        *longest = seconds.max(*longest);
    }

    fn take(&self) -> HashMap<Role, u64> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes what is known until `shutdown`. What cannot be noted is forgotten: the next job tells it anew.
    pub async fn keep(self, pool: PgPool, clock: Clock, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            for (role, seconds) in self.take() {
                if let Err(error) = note(&pool, role, seconds, clock.now()).await {
                    tracing::debug!(%error, role = role.as_str(), "a queue's wait is not noted");
                }
            }
        }
    }
}

async fn note(pool: &PgPool, role: Role, seconds: u64, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into queue_waits (role, waited_seconds, taken_at) values ($1, $2, $3)
         on conflict (role) do update
         set waited_seconds = excluded.waited_seconds, taken_at = excluded.taken_at",
        role.as_str(),
        i64::try_from(seconds).unwrap_or(i64::MAX),
        now
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// What was noted last of each role.
///
/// # Errors
/// Database errors only.
pub async fn all(connection: &mut PgConnection) -> Result<Vec<QueueWait>, sqlx::Error> {
    sqlx::query_as!(
        QueueWait,
        r#"select role, waited_seconds, taken_at as "taken_at: Timestamp" from queue_waits order by role"#
    )
    .fetch_all(connection)
    .await
}
