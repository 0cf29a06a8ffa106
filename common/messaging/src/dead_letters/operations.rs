//! Stores dead letters, and settles each of them once.

use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use super::{DeadLetter, Filter, LetterError, LetterState, NewLetter, Waiting, rules, store};
use audit::AdminAction;
use jobs::{Role, outbox};
use kernel::clock::Timestamp;
use kernel::ids::{DeadLetterId, OutboxId};

/// Stores a dead letter and returns whether it is new. A dead letter that was settled meanwhile stays settled.
///
/// # Errors
/// Database errors only.
pub async fn insert(connection: &mut PgConnection, letter: &NewLetter) -> Result<bool, sqlx::Error> {
    store::letter_insert(connection, letter).await
}

/// Newest first.
///
/// # Errors
/// Database errors only.
pub async fn letters(connection: &mut PgConnection, filter: &Filter) -> Result<Vec<DeadLetter>, sqlx::Error> {
    store::letters(connection, filter).await
}

/// Counts the waiting dead letters by role and reason, the most frequent first.
///
/// # Errors
/// Database errors only.
pub async fn waiting(connection: &mut PgConnection) -> Result<Vec<Waiting>, sqlx::Error> {
    store::waiting(connection).await
}

/// A dead letter and the part of its message that may be shown. Settling deletes the message.
///
/// # Errors
/// Database errors only.
pub async fn letter(
    connection: &mut PgConnection,
    id: DeadLetterId,
) -> Result<Option<(DeadLetter, Option<Value>)>, sqlx::Error> {
    let Some(letter) = store::letter_by_id(connection, id).await? else { return Ok(None) };
    let body = store::body(connection, id).await?;
    Ok(Some((letter, body.as_deref().and_then(rules::redacted))))
}

/// Sends a dead letter back to its role's queue: marks it and writes its message to the outbox, in one transaction.
/// If two operators replay it at once, only one sends it; if the process is killed, the message is not lost. The caller
/// publishes the outbox row at once or leaves it to the sweep.
///
/// # Errors
/// [`LetterError`]; nothing is changed then.
pub async fn replay(
    pool: &PgPool,
    now: Timestamp,
    id: DeadLetterId,
    actor: &str,
) -> Result<(DeadLetter, OutboxId), LetterError> {
    let mut transaction = pool.begin().await?;
    let letter = lock(&mut transaction, id).await?;
    let role: Role = letter.role.parse().map_err(|_| LetterError::NoRole(letter.role.clone()))?;
    let body = store::body(&mut transaction, id).await?.ok_or(LetterError::NotFound)?;
    let body = rules::text(body).ok_or(LetterError::NotText)?;
    let letter = settle(&mut transaction, now, letter, LetterState::Replayed, actor, json!({})).await?;
    let written = outbox::insert_text(&mut transaction, now, role, &body).await?;
    transaction.commit().await?;
    Ok((letter, written))
}

/// Discards a dead letter in the caller's transaction. The audit log keeps the reason.
///
/// # Errors
/// [`LetterError`]; nothing is changed then.
pub async fn discard(
    connection: &mut PgConnection,
    now: Timestamp,
    id: DeadLetterId,
    actor: &str,
    reason: &str,
) -> Result<DeadLetter, LetterError> {
    let letter = lock(connection, id).await?;
    let why = json!({ "reason": rules::reason(reason) });
    settle(connection, now, letter, LetterState::Discarded, actor, why).await
}

/// Locks a waiting dead letter: of two operators who settle it at once, the second gets [`LetterError::Settled`].
async fn lock(connection: &mut PgConnection, id: DeadLetterId) -> Result<DeadLetter, LetterError> {
    let letter = store::letter_lock(connection, id).await?.ok_or(LetterError::NotFound)?;
    match letter.state {
        LetterState::Waiting => Ok(letter),
        settled @ (LetterState::Replayed | LetterState::Discarded) => Err(LetterError::Settled(settled)),
    }
}

async fn settle(
    connection: &mut PgConnection,
    now: Timestamp,
    letter: DeadLetter,
    state: LetterState,
    actor: &str,
    mut details: Value,
) -> Result<DeadLetter, LetterError> {
    details["role"] = letter.role.as_str().into();
    details["kind"] = letter.kind.as_deref().into();
    details["died_of"] = letter.reason.as_str().into();
    let action = AdminAction {
        actor: actor.to_owned(),
        action: format!("dead_letter.{}", if state == LetterState::Replayed { "replay" } else { "discard" }),
        subject: letter.id.to_string(),
        details,
    };
    store::letter_settle(connection, now, letter.id, state).await?;
    audit::record(connection, now, &action).await?;
    Ok(DeadLetter { state, settled_at: Some(now), ..letter })
}

/// Deletes up to `limit` dead letters that were settled before a time; returns how many.
///
/// # Errors
/// Database errors only.
pub async fn forget(pool: &PgPool, before: Timestamp, limit: i64) -> Result<u64, sqlx::Error> {
    store::letters_delete(&mut *pool.acquire().await?, before, limit).await
}
