//! Claims an idempotency key, and records the answer to its request.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};

use super::{Caller, Claim, Claimed, Fingerprint, store};
use kernel::clock::Timestamp;

/// How long a claim lasts without an answer, before another request may take it over.
const STALE: Duration = Duration::from_mins(1);

/// Claims the key for this request, or returns the state of an earlier request.
///
/// # Errors
/// Database errors only.
pub async fn claim(
    pool: &PgPool,
    now: Timestamp,
    caller: Caller,
    key: &str,
    fingerprint: Fingerprint,
) -> Result<Claim, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    if store::claim(&mut connection, now, now - STALE, &caller, key, fingerprint).await? {
        return Ok(Claim::First(Claimed { caller, key: key.to_owned(), since: now }));
    }
    let Some(record) = store::record(&mut connection, &caller, key).await? else {
        // The claim was abandoned between the two statements; the caller may retry at once.
        return Ok(Claim::InProgress);
    };
    Ok(match (record.fingerprint == fingerprint.0, record.status) {
        (false, _) => Claim::OtherRequest,
        (true, None) => Claim::InProgress,
        (true, Some(status)) => {
            Claim::Done { status: u16::try_from(status).unwrap_or(500), body: record.body }
        }
    })
}

/// Stores the answer; `body` is none if it contained a secret. Does nothing if the claim was taken over meanwhile.
///
/// # Errors
/// Database errors only.
pub async fn finish(
    pool: &PgPool,
    claimed: &Claimed,
    status: u16,
    body: Option<&serde_json::Value>,
) -> Result<(), sqlx::Error> {
    finish_within(&mut *pool.acquire().await?, claimed, status, body).await
}

/// As [`finish`], in the caller's transaction: its effects and the answer are committed together.
///
/// # Errors
/// Database errors only.
pub async fn finish_within(
    connection: &mut PgConnection,
    claimed: &Claimed,
    status: u16,
    body: Option<&serde_json::Value>,
) -> Result<(), sqlx::Error> {
    store::finish(connection, claimed, i16::try_from(status).unwrap_or(500), body).await
}

/// Releases the claim so that the caller can retry; for failures that may pass.
///
/// # Errors
/// Database errors only.
pub async fn abandon(pool: &PgPool, claimed: &Claimed) -> Result<(), sqlx::Error> {
    store::abandon(&mut *pool.acquire().await?, claimed).await
}
