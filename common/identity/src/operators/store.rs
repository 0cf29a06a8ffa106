//! The SQL of operators and of their links.

use kernel::clock::Timestamp;
use kernel::ids::OperatorId;
use sqlx::PgConnection;

use super::{LinkPurpose, NewOperator, Operator, OperatorChange, OperatorRole};
use crate::credentials::CredentialHash;

/// A query for operators: all columns, and the condition that follows.
macro_rules! select_operators {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Operator,
            r#"select id as "id: OperatorId", email, name, role as "role: OperatorRole", created_at, accepted_at,
                      disabled_at
               from operators "#
                + $condition
            $(, $argument)*
        )
    };
}

pub(super) async fn by_id(
    connection: &mut PgConnection,
    id: OperatorId,
) -> Result<Option<Operator>, sqlx::Error> {
    select_operators!("where id = $1", id.0).fetch_optional(connection).await
}

pub(super) async fn by_id_locked(
    connection: &mut PgConnection,
    id: OperatorId,
) -> Result<Option<Operator>, sqlx::Error> {
    select_operators!("where id = $1 for update", id.0).fetch_optional(connection).await
}

/// Before `before`, the newest first.
pub(super) async fn list(
    connection: &mut PgConnection,
    before: OperatorId,
    limit: i64,
) -> Result<Vec<Operator>, sqlx::Error> {
    select_operators!("where id < $1 order by id desc limit $2", before.0, limit).fetch_all(connection).await
}

/// Locks all admins, in the order of their ids, so that no two of them leave at the same time.
pub(super) async fn admins_locked(connection: &mut PgConnection) -> Result<Vec<Operator>, sqlx::Error> {
    select_operators!("where role = 'admin' order by id for update").fetch_all(connection).await
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    now: Timestamp,
    id: OperatorId,
    new: &NewOperator,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into operators (id, email, name, role, created_at) values ($1, $2, $3, $4, $5)",
        id.0,
        new.email,
        new.name,
        new.role.as_str(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn update(
    connection: &mut PgConnection,
    now: Timestamp,
    id: OperatorId,
    change: &OperatorChange,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update operators
         set name = coalesce($2, name), role = coalesce($3, role),
             disabled_at = case $4::boolean when true then coalesce(disabled_at, $5) when false then null
                                            else disabled_at end
         where id = $1",
        id.0,
        change.name,
        change.role.map(OperatorRole::as_str),
        change.disabled,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete(connection: &mut PgConnection, id: OperatorId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from operators where id = $1", id.0).execute(connection).await?;
    Ok(())
}

/// The operator with this address, and the hash of the password.
pub(super) async fn with_password(
    connection: &mut PgConnection,
    email: &str,
) -> Result<Option<(OperatorId, Option<String>)>, sqlx::Error> {
    let found = sqlx::query!(
        r#"select id as "id: OperatorId", password_hash from operators where lower(email) = lower($1)"#,
        email
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|row| (row.id, row.password_hash)))
}

pub(super) async fn password_hash(
    connection: &mut PgConnection,
    id: OperatorId,
) -> Result<Option<String>, sqlx::Error> {
    let found = sqlx::query_scalar!("select password_hash from operators where id = $1", id.0);
    Ok(found.fetch_optional(connection).await?.flatten())
}

pub(super) async fn set_password(
    connection: &mut PgConnection,
    now: Timestamp,
    id: OperatorId,
    hash: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update operators set password_hash = $2, accepted_at = coalesce(accepted_at, $3) where id = $1",
        id.0,
        hash,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn link_insert(
    connection: &mut PgConnection,
    link: CredentialHash,
    operator: OperatorId,
    purpose: LinkPurpose,
    expires_at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into operator_links (token_hash, operator_id, purpose, expires_at) values ($1, $2, $3, $4)",
        link.0.as_slice(),
        operator.0,
        purpose.as_str(),
        expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whose a link is that can still be used.
pub(super) async fn link_owner(
    connection: &mut PgConnection,
    now: Timestamp,
    link: CredentialHash,
    purpose: LinkPurpose,
) -> Result<Option<OperatorId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select operator_id as "id: OperatorId" from operator_links
           where token_hash = $1 and purpose = $2 and expires_at > $3"#,
        link.0.as_slice(),
        purpose.as_str(),
        now
    )
    .fetch_optional(connection)
    .await
}

/// Takes a link, which is worth nothing from now on; whose it was.
pub(super) async fn link_take(
    connection: &mut PgConnection,
    now: Timestamp,
    link: CredentialHash,
    purpose: LinkPurpose,
) -> Result<Option<OperatorId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"delete from operator_links where token_hash = $1 and purpose = $2 and expires_at > $3
           returning operator_id as "id: OperatorId""#,
        link.0.as_slice(),
        purpose.as_str(),
        now
    )
    .fetch_optional(connection)
    .await
}

/// Has no link of the operator's work any more.
pub(super) async fn links_delete(connection: &mut PgConnection, id: OperatorId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from operator_links where operator_id = $1", id.0).execute(connection).await?;
    Ok(())
}
