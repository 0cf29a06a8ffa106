//! The SQL of idempotency keys.

use sqlx::PgConnection;

use super::{Caller, Claimed, Fingerprint};
use kernel::clock::Timestamp;

pub(super) struct Record {
    pub(super) fingerprint: Vec<u8>,
    pub(super) status: Option<i16>,
    pub(super) body: Option<serde_json::Value>,
}

/// Claims a free key, or one whose claim for the same request is older than `stale`.
pub(super) async fn claim(
    connection: &mut PgConnection,
    now: Timestamp,
    stale: Timestamp,
    caller: &Caller,
    key: &str,
    fingerprint: Fingerprint,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into idempotency_keys (caller, key, fingerprint, created_at) values ($1, $2, $3, $4)
         on conflict (caller, key) do update set created_at = excluded.created_at
         where idempotency_keys.status is null and idempotency_keys.created_at < $5
               and idempotency_keys.fingerprint = excluded.fingerprint",
        caller.0,
        key,
        fingerprint.0.as_slice(),
        now,
        stale
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn record(
    connection: &mut PgConnection,
    caller: &Caller,
    key: &str,
) -> Result<Option<Record>, sqlx::Error> {
    sqlx::query_as!(
        Record,
        "select fingerprint, status, body from idempotency_keys where caller = $1 and key = $2",
        caller.0,
        key
    )
    .fetch_optional(connection)
    .await
}

pub(super) async fn finish(
    connection: &mut PgConnection,
    claimed: &Claimed,
    status: i16,
    body: Option<&serde_json::Value>,
) -> Result<(), sqlx::Error> {
    // The time of the claim distinguishes it from a later one that took the key over.
    sqlx::query!(
        "update idempotency_keys set status = $4, body = $5
         where caller = $1 and key = $2 and created_at = $3 and status is null",
        claimed.caller.0,
        claimed.key,
        claimed.since,
        status,
        body
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn abandon(connection: &mut PgConnection, claimed: &Claimed) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from idempotency_keys where caller = $1 and key = $2 and created_at = $3 and status is null",
        claimed.caller.0,
        claimed.key,
        claimed.since
    )
    .execute(connection)
    .await?;
    Ok(())
}
