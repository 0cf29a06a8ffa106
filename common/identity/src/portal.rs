//! Sessions of the pages on which customers see a wallet. A link opens one, once; from then on it is a session with a
//! token, good for that wallet alone.

use std::time::Duration;

use audit::note;
use kernel::clock::Timestamp;
use kernel::ids::{OrganizationId, PortalSessionId, UserId, WalletId};
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use crate::credentials::{CredentialHash, NewCredential, PORTAL_SESSION_PREFIX};
use crate::rights::{Reach, Scope};
use crate::{IdentityError, Login};

/// What a link begins with, behind its address.
const LINK_PREFIX: &str = "ppl_";
/// How long a link waits to be opened: it may be in a mail or a history afterwards.
pub const LINK_LASTS: Duration = Duration::from_mins(10);
/// How long an open session lasts.
pub const SESSION_LASTS: Duration = Duration::from_hours(2);

/// A session to be made.
#[derive(Clone, Debug)]
pub struct NewPortalSession {
    pub wallet: WalletId,
    /// As which user; none for an organization's own.
    pub user: Option<UserId>,
    pub return_url: String,
    pub locale: Option<String>,
}

/// A session just made, with the secret of its link.
#[derive(Debug)]
pub struct MadePortalSession {
    pub id: PortalSessionId,
    pub link: NewCredential,
    /// Of the link.
    pub expires_at: Timestamp,
}

/// A session just opened, with its token.
#[derive(Debug)]
pub struct OpenedPortalSession {
    pub id: PortalSessionId,
    pub token: NewCredential,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalSession {
    pub id: PortalSessionId,
    pub wallet_id: WalletId,
    pub user_id: Option<UserId>,
    pub return_url: String,
    pub locale: Option<String>,
    pub created_at: Timestamp,
    pub opened_at: Option<Timestamp>,
    pub expires_at: Timestamp,
}

/// # Errors
/// Database errors only.
pub async fn make(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    session: &NewPortalSession,
) -> Result<MadePortalSession, sqlx::Error> {
    let (id, link) = (PortalSessionId::new(), NewCredential::generate(LINK_PREFIX));
    let expires_at = now + LINK_LASTS;
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "insert into portal_sessions (id, wallet_id, user_id, return_url, locale, link_hash, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id.0,
        session.wallet.0,
        session.user.as_ref().map(UserId::as_str),
        session.return_url,
        session.locale,
        link.hash.0.as_slice(),
        now,
        expires_at
    )
    .execute(&mut *transaction)
    .await?;
    let details = json!({ "walletId": session.wallet, "userId": session.user });
    note(&mut transaction, now, by, "portal_session.create", &id.to_string(), details).await?;
    transaction.commit().await?;
    Ok(MadePortalSession { id, link, expires_at })
}

/// Opens the session that a link is for. None if there is no such link, or it was opened before, or its time is up.
///
/// # Errors
/// Database errors only.
pub async fn open(
    pool: &PgPool,
    now: Timestamp,
    link: CredentialHash,
) -> Result<Option<OpenedPortalSession>, sqlx::Error> {
    let token = NewCredential::generate(PORTAL_SESSION_PREFIX);
    let expires_at = now + SESSION_LASTS;
    let mut transaction = pool.begin().await?;
    let opened = sqlx::query!(
        r#"update portal_sessions set opened_at = $2, token_hash = $3, expires_at = $4
           where link_hash = $1 and opened_at is null and expires_at > $2
           returning id as "id: PortalSessionId", wallet_id as "wallet_id: WalletId""#,
        link.0.as_slice(),
        now,
        token.hash.0.as_slice(),
        expires_at
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(opened) = opened else { return Ok(None) };
    let (subject, details) = (opened.id.to_string(), json!({ "walletId": opened.wallet_id }));
    note(&mut transaction, now, "link", "portal_session.open", &subject, details).await?;
    transaction.commit().await?;
    Ok(Some(OpenedPortalSession { id: opened.id, token, expires_at }))
}

/// What an open session is good for; none if it is unknown, or its user is kept out. It may have expired: the caller
/// compares `expires_at`.
///
/// # Errors
/// Database errors only.
pub async fn login(pool: &PgPool, token: CredentialHash) -> Result<Option<Login>, sqlx::Error> {
    let found = sqlx::query!(
        r#"select p.wallet_id as "wallet_id: WalletId", p.user_id as "user_id: UserId", p.expires_at,
                  own.id as "own_wallet_id?: WalletId", w.organization_id as "organization_id: OrganizationId"
           from portal_sessions p join wallets w on w.id = p.wallet_id
                left join users u on u.id = p.user_id left join wallets own on own.user_id = p.user_id
           where p.token_hash = $1 and u.blocked_at is null"#,
        token.0.as_slice()
    )
    .fetch_optional(pool)
    .await?;
    Ok(found.and_then(|row| {
        let is_member = row.user_id.is_some() && row.organization_id.is_some();
        let reach = match (row.user_id, row.own_wallet_id, row.organization_id) {
            (Some(id), Some(wallet_id), _) => Reach::User { id, wallet_id },
            (None, _, Some(id)) => Reach::Organization { id, wallet_id: row.wallet_id },
            _ => return None,
        };
        Some(Login {
            operator: None,
            reach,
            only: Some(row.wallet_id),
            scopes: scopes(is_member).collect(),
            is_operator: false,
            expires_at: Some(row.expires_at),
            api_key: None,
        })
    }))
}

/// What a session may do with its wallet. A member may also manage, as far as their role in the organization allows it:
/// of an organization's wallet that is its members, and nothing else.
fn scopes(is_member: bool) -> impl Iterator<Item = Scope> {
    [Scope::Read, Scope::Buy].into_iter().chain(is_member.then_some(Scope::Manage))
}

/// The open session with this token.
///
/// # Errors
/// Database errors only.
pub async fn of_token(pool: &PgPool, token: CredentialHash) -> Result<Option<PortalSession>, sqlx::Error> {
    sqlx::query_as!(
        PortalSession,
        r#"select id as "id: PortalSessionId", wallet_id as "wallet_id: WalletId", user_id as "user_id: UserId",
                  return_url, locale, created_at, opened_at, expires_at
           from portal_sessions where token_hash = $1"#,
        token.0.as_slice()
    )
    .fetch_optional(pool)
    .await
}

/// A wallet's sessions and links that have not ended, the newest first.
///
/// # Errors
/// Database errors only.
pub async fn of_wallet(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
    before: PortalSessionId,
    limit: i64,
) -> Result<Vec<PortalSession>, sqlx::Error> {
    sqlx::query_as!(
        PortalSession,
        r#"select id as "id: PortalSessionId", wallet_id as "wallet_id: WalletId", user_id as "user_id: UserId",
                  return_url, locale, created_at, opened_at, expires_at
           from portal_sessions where wallet_id = $1 and id < $2 and expires_at > $3 order by id desc limit $4"#,
        wallet.0,
        before.0,
        now,
        limit
    )
    .fetch_all(connection)
    .await
}

/// Ends a session, opened or not; returns its token's hash, so that API instances can forget it.
///
/// # Errors
/// [`IdentityError::NoSession`].
pub async fn end(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    id: PortalSessionId,
) -> Result<Option<CredentialHash>, IdentityError> {
    let mut transaction = pool.begin().await?;
    let ended = sqlx::query!(
        r#"delete from portal_sessions where id = $1 returning wallet_id as "wallet_id: WalletId", token_hash"#,
        id.0
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or(IdentityError::NoSession)?;
    let details = json!({ "walletId": ended.wallet_id });
    note(&mut transaction, now, by, "portal_session.end", &id.to_string(), details).await?;
    transaction.commit().await?;
    Ok(ended.token_hash.and_then(|hash| hash.try_into().ok()).map(CredentialHash))
}

/// Ends all sessions as a user; returns how many.
pub(crate) async fn end_all(connection: &mut PgConnection, user: &UserId) -> Result<u64, sqlx::Error> {
    let ended = sqlx::query!("delete from portal_sessions where user_id = $1", user.as_str());
    Ok(ended.execute(connection).await?.rows_affected())
}

/// Deletes up to `limit` sessions that ended before `before`; returns how many.
///
/// # Errors
/// Database errors only.
pub async fn forget(pool: &PgPool, before: Timestamp, limit: i64) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!(
        "delete from portal_sessions where id in (select id from portal_sessions where expires_at < $1 limit $2)",
        before,
        limit
    );
    Ok(deleted.execute(pool).await?.rows_affected())
}
