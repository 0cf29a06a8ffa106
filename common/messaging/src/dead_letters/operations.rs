//! Keeping dead letters, and settling each of them once.

use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use super::{DeadLetter, Filter, LetterError, LetterState, NewLetter, Waiting, rules, store};
use audit::AdminAction;
use jobs::{Role, outbox};
use kernel::clock::Timestamp;
use kernel::ids::{DeadLetterId, OutboxId};

/// Keeps a letter; says whether it was not kept before. One that was settled in the meantime stays settled.
///
/// # Errors
/// Database errors only.
pub async fn keep(connection: &mut PgConnection, letter: &NewLetter) -> Result<bool, sqlx::Error> {
    store::letter_insert(connection, letter).await
}

/// Letters, the newest first.
///
/// # Errors
/// Database errors only.
pub async fn letters(connection: &mut PgConnection, filter: &Filter) -> Result<Vec<DeadLetter>, sqlx::Error> {
    store::letters(connection, filter).await
}

/// How many letters wait, by role and reason, the most frequent first.
///
/// # Errors
/// Database errors only.
pub async fn waiting(connection: &mut PgConnection) -> Result<Vec<Waiting>, sqlx::Error> {
    store::waiting(connection).await
}

/// A letter and what may be shown of its message, which is nothing once it is settled.
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

/// Sends a letter back to the queue that it was for: marks it and writes its message to the outbox, in one transaction.
/// Of two operators who replay it one sends it, and a process that is killed in between does not lose it. Publish the
/// row right away or leave it to the sweep.
///
/// # Errors
/// [`LetterError`]; then nothing was changed.
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

/// Gives a letter up, for a reason that the record of administration keeps, in the caller's transaction.
///
/// # Errors
/// [`LetterError`]; then nothing was changed.
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

/// Locks a letter that waits: of two who settle it at once the second finds it settled.
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
