//! When the entries of the schedule last ran: the scheduler notes it, and those who run the installation look at it.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};

use crate::clock::Timestamp;

/// The last run of an entry.
#[derive(Clone, Debug)]
pub struct ScheduleRun {
    pub entry: String,
    pub every_seconds: i64,
    pub ran_at: Timestamp,
    /// Why it failed; none: it did not.
    pub failure: Option<String>,
}

/// Notes that an entry ran.
///
/// # Errors
/// Database errors only.
pub async fn note(
    pool: &PgPool,
    entry: &str,
    every: Duration,
    now: Timestamp,
    failure: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into schedule_runs (entry, every_seconds, ran_at, failure) values ($1, $2, $3, $4)
         on conflict (entry) do update
         set every_seconds = excluded.every_seconds, ran_at = excluded.ran_at, failure = excluded.failure",
        entry,
        i64::try_from(every.as_secs()).unwrap_or(i64::MAX),
        now,
        failure
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The last run of each entry, by name.
///
/// # Errors
/// Database errors only.
pub async fn all(connection: &mut PgConnection) -> Result<Vec<ScheduleRun>, sqlx::Error> {
    sqlx::query_as!(
        ScheduleRun,
        r#"select entry, every_seconds, ran_at as "ran_at: Timestamp", failure from schedule_runs order by entry"#
    )
    .fetch_all(connection)
    .await
}
