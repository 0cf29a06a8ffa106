//! Publishes the jobs in the outbox: right after the transaction that wrote them, or later by the scheduler's sweep if
//! that did not happen. One function publishes for both.

use std::time::Duration;

use sqlx::PgPool;
use uuid::Uuid;

use crate::publisher::Publisher;
use jobs::Role;
use kernel::clock::Timestamp;
use kernel::crash::{self, Step};
use kernel::deadline::within;
use kernel::ids::OutboxId;

/// How long publishing may take: as long as a broker that does not confirm, and a database that hardly answers.
const LIMIT: Duration = Duration::from_secs(15);

/// Publishes these jobs and removes those that the broker confirms. The sweep publishes the rest.
pub async fn publish(pool: &PgPool, publisher: &Publisher, ids: &[OutboxId]) {
    if ids.is_empty() {
        return;
    }
    let publishing = async {
        let _others_too = publisher.outbox.read().await;
        try_publish(pool, publisher, Which::These(ids)).await
    };
    if let Err(error) = within(LIMIT, publishing).await.unwrap_or_else(|given_up| Err(given_up.into())) {
        tracing::debug!(%error, "jobs stay in the outbox for the sweep");
    }
}

/// Publishes the notices that were written since this id was made, a moment ago. Another process may be publishing some
/// of them too, which is harmless. The sweep publishes the rest.
pub async fn publish_notices_since(pool: &PgPool, publisher: &Publisher, before: OutboxId) {
    let publishing = async {
        let _alone = publisher.outbox.write().await;
        try_publish(pool, publisher, Which::NoticesSince(before)).await
    };
    if let Err(error) = within(LIMIT, publishing).await.unwrap_or_else(|given_up| Err(given_up.into())) {
        tracing::debug!(%error, "notices stay in the outbox for the sweep");
    }
}

/// Publishes jobs that were written before `before`; returns how many the broker confirmed.
///
/// # Errors
/// Database errors only.
pub async fn sweep(
    pool: &PgPool,
    publisher: &Publisher,
    before: Timestamp,
    limit: i64,
) -> Result<usize, sqlx::Error> {
    within(LIMIT, try_publish(pool, publisher, Which::Older { before, limit })).await?
}

/// More than one request tells at once.
const NOTICES_AT_ONCE: i64 = 100;

enum Which<'a> {
    These(&'a [OutboxId]),
    NoticesSince(OutboxId),
    Older { before: Timestamp, limit: i64 },
}

async fn try_publish(pool: &PgPool, publisher: &Publisher, which: Which<'_>) -> Result<usize, sqlx::Error> {
    let place = if matches!(which, Which::Older { .. }) { "sweep" } else { "outbox" };
    let rows = match which {
        Which::These(ids) => {
            let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
            sqlx::query_as!(Row, r#"select id, role, body from outbox where id = any($1)"#, &ids)
                .fetch_all(pool)
                .await?
        }
        Which::NoticesSince(before) => {
            sqlx::query_as!(
                Row,
                r#"select id, role, body from outbox where id > $1 and role = $2 order by id limit $3"#,
                before.0,
                Role::Notify.as_str(),
                NOTICES_AT_ONCE
            )
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
    // No transaction is open during the publishing: two processes may publish the same job, which is harmless.
    let sent = futures::future::join_all(rows.into_iter().map(|row| async move {
        let role: Role = row.role.parse().ok()?;
        publisher.publish_text(role, row.body.into_bytes()).await.ok().map(|()| row.id)
    }))
    .await;
    let sent: Vec<Uuid> = sent.into_iter().flatten().collect();
    if !sent.is_empty() {
        crash::point(Step::Published, place);
        sqlx::query!("delete from outbox where id = any($1)", &sent).execute(pool).await?;
    }
    Ok(sent.len())
}

struct Row {
    id: Uuid,
    role: String,
    body: String,
}
