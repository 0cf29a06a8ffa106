//! The SQL of the audit log.

use sqlx::PgConnection;

use super::{AdminAction, RecordedAction};
use kernel::clock::Timestamp;
use kernel::ids::AdminActionId;

/// Records an action in the caller's transaction.
///
/// # Errors
/// Database errors only.
pub async fn record(
    connection: &mut PgConnection,
    now: Timestamp,
    action: &AdminAction,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into admin_actions (id, actor, action, subject, details, created_at) values ($1, $2, $3, $4, $5, $6)",
        AdminActionId::new().0,
        action.actor,
        action.action,
        action.subject,
        action.details,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Newest first.
///
/// # Errors
/// Database errors only.
pub async fn list(
    connection: &mut PgConnection,
    limit: i64,
    offset: i64,
) -> Result<Vec<RecordedAction>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select id as "id: AdminActionId", actor, action, subject, details, created_at
           from admin_actions order by id desc limit $1 offset $2"#,
        limit,
        offset
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| RecordedAction {
            id: row.id,
            action: AdminAction {
                actor: row.actor,
                action: row.action,
                subject: row.subject,
                details: row.details,
            },
            created_at: row.created_at,
        })
        .collect())
}
