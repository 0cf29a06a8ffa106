//! The outbox: a transaction that emits a job also writes it here. The crate `messaging` publishes it right after the
//! commit; if that fails, the scheduler's sweep does.

use kernel::clock::Timestamp;
use kernel::ids::OutboxId;
use kernel::lease::Lease;
use sqlx::{PgConnection, PgPool};

use crate::{EncodedJob, Role};

/// Runs in the caller's transaction.
///
/// # Errors
/// Database errors only.
pub async fn insert(
    connection: &mut PgConnection,
    now: Timestamp,
    job: impl Into<EncodedJob>,
) -> Result<OutboxId, sqlx::Error> {
    let job = job.into();
    insert_text(connection, now, job.role, &job.body).await
}

/// Writes an encoded job, in the caller's transaction.
///
/// # Errors
/// Database errors only.
pub async fn insert_text(
    connection: &mut PgConnection,
    now: Timestamp,
    role: Role,
    body: &str,
) -> Result<OutboxId, sqlx::Error> {
    let id = OutboxId::new();
    sqlx::query!(
        "insert into outbox (id, role, body, created_at) values ($1, $2, $3, $4)",
        id.0,
        role.as_str(),
        body,
        now
    )
    .execute(connection)
    .await?;
    Ok(id)
}

/// Writes a job while a lease is held; none if its term is over. One statement, so that a process that freezes can
/// neither write it later nor keep the lease from its successor.
///
/// # Errors
/// Database errors only.
pub async fn insert_while_held(
    pool: &PgPool,
    lease: &Lease,
    now: Timestamp,
    job: impl Into<EncodedJob>,
) -> Result<Option<OutboxId>, sqlx::Error> {
    let (id, job) = (OutboxId::new(), job.into());
    let written = sqlx::query!(
        "insert into outbox (id, role, body, created_at)
         select $4, $5, $6, $7 from leases
         where name = $1 and holder = $2 and term = $3 and expires_at > now() for share",
        lease.name,
        lease.holder,
        lease.term,
        id.0,
        job.role.as_str(),
        job.body,
        now
    )
    .execute(pool)
    .await?;
    Ok((written.rows_affected() == 1).then_some(id))
}

/// Removes a job that has been run without the outbox.
///
/// # Errors
/// Database errors only.
pub async fn remove(pool: &PgPool, id: OutboxId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from outbox where id = $1", id.0).execute(pool).await?;
    Ok(())
}

/// The number of jobs in the outbox, and the time of the oldest.
///
/// # Errors
/// Database errors only.
pub async fn backlog(pool: &PgPool) -> Result<(i64, Option<Timestamp>), sqlx::Error> {
    let row = sqlx::query!(r#"select count(*) as "count!", min(created_at) as oldest from outbox"#)
        .fetch_one(pool)
        .await?;
    Ok((row.count, row.oldest))
}
