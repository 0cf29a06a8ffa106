//! The outbox: a job decided in a transaction is written in that transaction, published right after it commits, and
//! again by the scheduler's sweep if that did not happen. One function publishes, for both.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::publisher::{Publisher, encode};
use crate::clock::Timestamp;
use crate::crash::{self, Step};
use crate::ids::OutboxId;
use crate::jobs::{AnyJob, Role};

/// Writes a job in the caller's transaction.
///
/// # Errors
/// Database errors only.
pub async fn insert(
    connection: &mut PgConnection,
    now: Timestamp,
    job: &AnyJob,
) -> Result<OutboxId, sqlx::Error> {
    let body = String::from_utf8_lossy(&encode(job)).into_owned();
    insert_text(connection, now, job.role(), &body).await
}

/// Writes the text of a job in the caller's transaction.
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

/// Publishes jobs that were written, and removes those that the broker has. What fails stays for the sweep.
pub async fn publish(pool: &PgPool, publisher: &Publisher, ids: &[OutboxId]) {
    if ids.is_empty() {
        return;
    }
    if let Err(error) = try_publish(pool, publisher, Which::These(ids)).await {
        tracing::debug!(%error, "jobs stay in the outbox for the sweep");
    }
}

/// Publishes jobs that were written before `before`; returns how many the broker took.
///
/// # Errors
/// Database errors only.
pub async fn sweep(
    pool: &PgPool,
    publisher: &Publisher,
    before: Timestamp,
    limit: i64,
) -> Result<usize, sqlx::Error> {
    try_publish(pool, publisher, Which::Older { before, limit }).await
}

/// Removes a job that has been done another way.
///
/// # Errors
/// Database errors only.
pub async fn remove(pool: &PgPool, id: OutboxId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from outbox where id = $1", id.0).execute(pool).await?;
    Ok(())
}

/// How many jobs wait, and when the oldest was written.
///
/// # Errors
/// Database errors only.
pub async fn backlog(pool: &PgPool) -> Result<(i64, Option<Timestamp>), sqlx::Error> {
    let row = sqlx::query!(r#"select count(*) as "count!", min(created_at) as oldest from outbox"#)
        .fetch_one(pool)
        .await?;
    Ok((row.count, row.oldest))
}

enum Which<'a> {
    These(&'a [OutboxId]),
    Older { before: Timestamp, limit: i64 },
}

async fn try_publish(pool: &PgPool, publisher: &Publisher, which: Which<'_>) -> Result<usize, sqlx::Error> {
    let rows = match which {
        Which::These(ids) => {
            let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
            sqlx::query_as!(Row, r#"select id, role, body from outbox where id = any($1)"#, &ids)
                .fetch_all(pool)
                .await?
        }
        Which::Older { before, limit } => {
            sqlx::query_as!(
                Row,
                r#"select id, role, body from outbox where created_at < $1
                   order by id limit $2"#,
                before,
                limit
            )
            .fetch_all(pool)
            .await?
        }
    };
    // No transaction is open while the broker is asked: two publishers may send the same job, which is harmless.
    let sent = futures::future::join_all(rows.into_iter().map(|row| async move {
        let role: Role = row.role.parse().ok()?;
        publisher.publish_text(role, row.body.into_bytes()).await.ok().map(|()| row.id)
    }))
    .await;
    let sent: Vec<Uuid> = sent.into_iter().flatten().collect();
    if !sent.is_empty() {
        crash::point(Step::Published, "outbox");
        sqlx::query!("delete from outbox where id = any($1)", &sent).execute(pool).await?;
    }
    Ok(sent.len())
}

struct Row {
    id: Uuid,
    role: String,
    body: String,
}
