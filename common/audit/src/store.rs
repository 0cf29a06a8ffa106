//! The SQL of the audit log.

use serde_json::Value;
use sqlx::PgConnection;

use super::{AdminAction, Filter, RecordedAction, origin};
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
        "insert into admin_actions (id, actor, action, subject, details, created_at, address)
         values ($1, $2, $3, $4, $5, $6, $7)",
        AdminActionId::new().0,
        action.actor,
        action.action,
        action.subject,
        action.details,
        now,
        origin::address().map(|address| address.to_string())
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// As [`record`], from its parts.
///
/// # Errors
/// Database errors only.
pub async fn note(
    connection: &mut PgConnection,
    now: Timestamp,
    by: &str,
    action: &str,
    subject: &str,
    details: Value,
) -> Result<(), sqlx::Error> {
    let action =
        AdminAction { actor: by.to_owned(), action: action.to_owned(), subject: subject.to_owned(), details };
    record(connection, now, &action).await
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
    let rows = sqlx::query_as!(
        Row,
        r#"select id as "id: AdminActionId", actor, action, subject, details, created_at, address
           from admin_actions order by id desc limit $1 offset $2"#,
        limit,
        offset
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(RecordedAction::from).collect())
}

/// Selects the newest actions before one that a filter lets through, where the given condition holds.
macro_rules! select_filtered {
    ($connection:ident, $filter:ident, $before:ident, $limit:ident, $condition:literal) => {
        sqlx::query_as!(
            Row,
            r#"select id as "id: AdminActionId", actor, action, subject, details, created_at, address
               from admin_actions where id < $1 and ($3::text is null or action = $3)
                    and ($4::timestamptz is null or created_at >= $4) and ($5::timestamptz is null or created_at < $5)
                    and "#
                + $condition
                + " order by id desc limit $2",
            $before.0,
            $limit,
            $filter.action,
            $filter.from,
            $filter.to,
            $filter.subject,
            $filter.actor
        )
        .fetch_all($connection)
        .await?
    };
}

/// The newest actions before one that a filter lets through. What they were done to and who did them lead to few.
///
/// # Errors
/// Database errors only.
pub async fn before(
    connection: &mut PgConnection,
    filter: &Filter,
    before: AdminActionId,
    limit: i64,
) -> Result<Vec<RecordedAction>, sqlx::Error> {
    let rows = match (&filter.subject, &filter.actor) {
        (Some(_), _) => select_filtered!(
            connection,
            filter,
            before,
            limit,
            "subject = $6 and ($7::text is null or actor = $7)"
        ),
        (None, Some(_)) => {
            select_filtered!(connection, filter, before, limit, "$6::text is null and actor = $7")
        }
        (None, None) => {
            select_filtered!(connection, filter, before, limit, "$6::text is null and $7::text is null")
        }
    };
    Ok(rows.into_iter().map(RecordedAction::from).collect())
}

/// The newest actions before one that were about a user, or about the wallet of the user.
///
/// # Errors
/// Database errors only.
pub async fn about_user(
    connection: &mut PgConnection,
    user: &str,
    wallet: &str,
    before: AdminActionId,
    limit: i64,
) -> Result<Vec<RecordedAction>, sqlx::Error> {
    // Subjects of other actions, such as packs, may have the same name as a user.
    let rows = sqlx::query_as!(
        Row,
        r#"with found as (
               (select * from admin_actions
                where subject = $1 and (action like 'user.%' or action = 'session.end_all') and id < $3
                order by id desc limit $4)
               union
               (select * from admin_actions where subject = $2 and id < $3 order by id desc limit $4)
               union
               (select * from admin_actions where details ->> 'userId' = $1 and id < $3 order by id desc limit $4))
           select id as "id!: AdminActionId", actor as "actor!", action as "action!", subject as "subject!",
                  details as "details!", created_at as "created_at!", address
           from found order by id desc limit $4"#,
        user,
        wallet,
        before.0,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(RecordedAction::from).collect())
}

/// What was done to any of these subjects: the first `limit` actions, oldest first. They are found by their subjects
/// before they are put in order: else all actions might be read.
///
/// # Errors
/// Database errors only.
pub async fn about(
    connection: &mut PgConnection,
    subjects: &[String],
    limit: i64,
) -> Result<Vec<RecordedAction>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id as "id: AdminActionId", actor, action, subject, details, created_at, address
           from (select * from admin_actions where subject = any($1) offset 0) as found order by id limit $2"#,
        subjects,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(RecordedAction::from).collect())
}

struct Row {
    id: AdminActionId,
    actor: String,
    action: String,
    subject: String,
    details: Value,
    created_at: Timestamp,
    address: Option<String>,
}

impl From<Row> for RecordedAction {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            action: AdminAction {
                actor: row.actor,
                action: row.action,
                subject: row.subject,
                details: row.details,
            },
            address: row.address,
            created_at: row.created_at,
        }
    }
}
