//! Operators sign in and out. A session ends when it is not used for a while, and after half a day however much it is
//! used.

use std::net::IpAddr;

use audit::note;
use kernel::clock::Timestamp;
use kernel::ids::{OperatorId, OperatorSessionId};
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::attempts;
use super::passwords::Passwords;
use super::{LinkPurpose, Operator, OperatorError, OperatorRole, OperatorSession, SignedIn, rules, store};
use crate::Login;
use crate::credentials::{CredentialHash, NewCredential};
use crate::rights::Reach;

pub const TOKEN_PREFIX: &str = "pos_";
/// What is kept of the name of a browser.
const USER_AGENT_MAX: usize = 200;

/// Where somebody signs in.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub address: Option<IpAddr>,
    pub user_agent: Option<String>,
}

/// A session that was just opened.
#[derive(Debug)]
pub struct Opened {
    pub id: OperatorSessionId,
    pub operator: Operator,
    pub token: NewCredential,
    pub expires_at: Timestamp,
}

/// Signs in with a password. Whether the address or the password was wrong, or the operator is disabled, neither the
/// answer nor its time tells.
///
/// # Errors
/// [`OperatorError::NotSignedIn`], [`OperatorError::TooManyAttempts`], [`OperatorError::Busy`].
pub async fn sign_in(
    pool: &PgPool,
    passwords: &Passwords,
    now: Timestamp,
    email: &str,
    password: String,
    place: &Place,
) -> Result<Opened, OperatorError> {
    let attempt = attempts::begin(pool, now, email, place.address).await?;
    let found = store::with_password(&mut *pool.acquire().await?, email).await?;
    let (id, hash) = found.map_or((None, None), |(id, hash)| (Some(id), hash));
    let fits = passwords.verify(password, hash).await?;
    let (Some(id), true) = (id, fits) else { return Err(OperatorError::NotSignedIn) };
    let mut transaction = pool.begin().await?;
    let opened = open(&mut transaction, now, id, place, "password").await?;
    transaction.commit().await?;
    attempts::succeeded(pool, attempt).await?;
    Ok(opened)
}

/// Signs in with a link, once.
///
/// # Errors
/// [`OperatorError::NoLink`], [`OperatorError::NotSignedIn`] if the operator is disabled.
pub async fn sign_in_by_link(
    pool: &PgPool,
    now: Timestamp,
    link: CredentialHash,
    place: &Place,
) -> Result<Opened, OperatorError> {
    let mut transaction = pool.begin().await?;
    let taken = store::link_take(&mut transaction, now, link, LinkPurpose::SignIn).await?;
    let opened = open(&mut transaction, now, taken.ok_or(OperatorError::NoLink)?, place, "link").await?;
    transaction.commit().await?;
    Ok(opened)
}

async fn open(
    connection: &mut PgConnection,
    now: Timestamp,
    id: OperatorId,
    place: &Place,
    with: &str,
) -> Result<Opened, OperatorError> {
    // Locked: an operator who is disabled at the same time has no session afterwards.
    let operator = store::by_id_locked(connection, id).await?.ok_or(OperatorError::NotSignedIn)?;
    if operator.disabled_at.is_some() {
        return Err(OperatorError::NotSignedIn);
    }
    let (session, token) = (OperatorSessionId::new(), NewCredential::generate(TOKEN_PREFIX));
    let user_agent =
        place.user_agent.as_ref().map(|text| text.chars().take(USER_AGENT_MAX).collect::<String>());
    let expires_at = now + rules::SESSION_LASTS;
    sqlx::query!(
        "insert into operator_sessions (id, operator_id, token_hash, address, user_agent, created_at, last_seen_at,
                                        expires_at)
         values ($1, $2, $3, $4, $5, $6, $6, $7)",
        session.0,
        id.0,
        token.hash.0.as_slice(),
        place.address.map(|address| address.to_string()),
        user_agent,
        now,
        expires_at
    )
    .execute(&mut *connection)
    .await?;
    let details = json!({ "operatorId": id, "with": with });
    note(connection, now, &rules::actor(id), "operator_session.create", &session.to_string(), details)
        .await?;
    Ok(Opened { id: session, operator, token, expires_at })
}

/// What a session opens; none if it ended. It counts as used, to the minute.
///
/// # Errors
/// Database errors only.
pub async fn login(
    pool: &PgPool,
    now: Timestamp,
    token: CredentialHash,
) -> Result<Option<Login>, sqlx::Error> {
    let found = sqlx::query!(
        r#"select s.id as "id: OperatorSessionId", s.operator_id as "operator_id: OperatorId", s.last_seen_at,
                  s.expires_at, o.role as "role: OperatorRole"
           from operator_sessions s join operators o on o.id = s.operator_id
           where s.token_hash = $1 and o.disabled_at is null"#,
        token.0.as_slice()
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = found else { return Ok(None) };
    if rules::ends_at(row.last_seen_at, row.expires_at) <= now {
        return Ok(None);
    }
    sqlx::query!(
        "update operator_sessions set last_seen_at = $2
         where id = $1 and last_seen_at <= $2::timestamptz - interval '1 minute'",
        row.id.0,
        now
    )
    .execute(pool)
    .await?;
    Ok(Some(Login {
        only: None,
        reach: Reach::Everyone,
        scopes: row.role.scopes(),
        is_operator: false,
        operator: Some(SignedIn { id: row.operator_id, role: row.role, session: row.id }),
        expires_at: Some(rules::ends_at(now, row.expires_at)),
        api_key: None,
    }))
}

/// An operator's sessions that have not ended, the newest first.
///
/// # Errors
/// Database errors only.
pub async fn list(
    connection: &mut PgConnection,
    now: Timestamp,
    operator: OperatorId,
    before: OperatorSessionId,
    limit: i64,
) -> Result<Vec<OperatorSession>, sqlx::Error> {
    let found = sqlx::query!(
        r#"select id as "id: OperatorSessionId", created_at, last_seen_at, expires_at, address, user_agent
           from operator_sessions
           where operator_id = $1 and id < $2 and expires_at > $3 and last_seen_at > $4
           order by id desc limit $5"#,
        operator.0,
        before.0,
        now,
        now - rules::IDLE,
        limit
    )
    .fetch_all(connection)
    .await?;
    let sessions = found.into_iter().map(|row| OperatorSession {
        id: row.id,
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
        expires_at: row.expires_at,
        address: row.address,
        user_agent: row.user_agent,
    });
    Ok(sessions.collect())
}

/// Ends a session: one of this operator's, or without one anybody's. Returns its hash.
///
/// # Errors
/// [`OperatorError::NoSession`].
pub async fn end(
    connection: &mut PgConnection,
    now: Timestamp,
    by: &str,
    id: OperatorSessionId,
    of: Option<OperatorId>,
) -> Result<CredentialHash, OperatorError> {
    let ended = sqlx::query!(
        r#"delete from operator_sessions where id = $1 and ($2::uuid is null or operator_id = $2)
           returning operator_id as "operator_id: OperatorId", token_hash"#,
        id.0,
        of.map(|operator| operator.0)
    )
    .fetch_optional(&mut *connection)
    .await?
    .ok_or(OperatorError::NoSession)?;
    let details = json!({ "operatorId": ended.operator_id });
    note(connection, now, by, "operator_session.end", &id.to_string(), details).await?;
    ended.token_hash.try_into().map(CredentialHash).map_err(|_| OperatorError::NoSession)
}

/// Changes the password of who is signed in; their other sessions end. Guesses at the present one are bounded like
/// those of who signs in.
///
/// # Errors
/// [`OperatorError::NotSignedIn`] if the present password is another, [`OperatorError::Invalid`] for the new one,
/// [`OperatorError::TooManyAttempts`], [`OperatorError::Busy`].
pub async fn change_password(
    pool: &PgPool,
    passwords: &Passwords,
    now: Timestamp,
    who: SignedIn,
    present: String,
    new: String,
) -> Result<Vec<CredentialHash>, OperatorError> {
    let mut connection = pool.acquire().await?;
    let operator = store::by_id(&mut connection, who.id).await?.ok_or(OperatorError::NoOperator)?;
    let hash = store::password_hash(&mut connection, who.id).await?;
    drop(connection);
    rules::check_password(&new, &operator.email)?;
    let attempt = attempts::begin(pool, now, &operator.email, None).await?;
    if !passwords.verify(present, hash).await? {
        return Err(OperatorError::NotSignedIn);
    }
    let hash = passwords.hash(new).await?;
    let mut transaction = pool.begin().await?;
    store::set_password(&mut transaction, now, who.id, &hash).await?;
    store::links_delete(&mut transaction, who.id).await?;
    let ended = end_others(&mut transaction, who.id, Some(who.session)).await?;
    note(&mut transaction, now, &rules::actor(who.id), "operator.password", &who.id.to_string(), json!({}))
        .await?;
    transaction.commit().await?;
    attempts::succeeded(pool, attempt).await?;
    Ok(ended)
}

/// Ends all sessions of an operator but this one; returns their hashes.
pub(super) async fn end_others(
    connection: &mut PgConnection,
    operator: OperatorId,
    but: Option<OperatorSessionId>,
) -> Result<Vec<CredentialHash>, sqlx::Error> {
    let ended = sqlx::query_scalar!(
        "delete from operator_sessions where operator_id = $1 and ($2::uuid is null or id <> $2) returning token_hash",
        operator.0,
        but.map(|session| session.0)
    );
    Ok(hashes(ended.fetch_all(connection).await?))
}

/// The credentials of an operator.
pub(super) async fn of(
    connection: &mut PgConnection,
    operator: OperatorId,
) -> Result<Vec<CredentialHash>, sqlx::Error> {
    let found =
        sqlx::query_scalar!("select token_hash from operator_sessions where operator_id = $1", operator.0);
    Ok(hashes(found.fetch_all(connection).await?))
}

fn hashes(found: Vec<Vec<u8>>) -> Vec<CredentialHash> {
    found.into_iter().filter_map(|hash| hash.try_into().ok().map(CredentialHash)).collect()
}

/// Deletes up to `limit` sessions that ended before `before`; returns how many.
///
/// # Errors
/// Database errors only.
pub async fn forget(pool: &PgPool, before: Timestamp, limit: i64) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!(
        "delete from operator_sessions where id in
             (select id from operator_sessions where expires_at < $1 limit $2)",
        before,
        limit
    )
    .execute(pool)
    .await?;
    Ok(deleted.rows_affected())
}
