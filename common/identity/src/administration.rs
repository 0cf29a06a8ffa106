//! What administrators see of users and take back from them: sessions, keys, rights, and access as a whole. Each change
//! is in the audit log, in the same transaction.

use audit::note;
use serde_json::json;
use sqlx::PgConnection;

use super::credentials::CredentialHash;
use super::rights::Scopes;
use super::{IdentityError, NewUser, WalletsOf, operations, portal, rules, store};
use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, OrganizationId, SessionId, UserId, WalletId};
use kernel::metadata::Metadata;

/// A user as administrators see one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: UserId,
    pub email: Option<String>,
    pub is_admin: bool,
    pub name: Option<String>,
    pub metadata: Metadata,
    pub wallet_id: WalletId,
    pub created_at: Timestamp,
    pub blocked_at: Option<Timestamp>,
    pub block_reason: Option<String>,
    pub erased_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationRecord {
    pub id: OrganizationId,
    pub name: String,
    pub wallet_id: WalletId,
}

/// A change of a user; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// `Some(None)` removes the address.
    pub email: Option<Option<String>>,
    pub is_admin: Option<bool>,
    /// `Some(None)` removes the name.
    pub name: Option<Option<String>>,
    /// Replaces all of it.
    pub metadata: Option<Metadata>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    pub id: SessionId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub scopes: Scopes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRecord {
    pub id: ApiKeyId,
    /// For people; empty if it has none.
    pub name: String,
    /// The key's beginning; none of keys from before it was kept.
    pub prefix: Option<String>,
    pub scopes: Scopes,
    pub wallets_of: WalletsOf,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// A query for accounts: all columns, and the condition that follows.
macro_rules! select_accounts {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Account,
            r#"select u.id as "id: UserId", u.email, u.is_admin, u.name, u.metadata as "metadata: Metadata",
                      w.id as "wallet_id: WalletId", u.created_at, u.blocked_at, u.block_reason, u.erased_at
               from users u join wallets w on w.user_id = u.id "#
                + $condition
            $(, $argument)*
        )
    };
}

/// # Errors
/// [`IdentityError::NoUser`].
pub async fn account(connection: &mut PgConnection, id: &UserId) -> Result<Account, IdentityError> {
    let found = account_by_id(connection, id).await?;
    found.ok_or_else(|| IdentityError::NoUser(id.to_string()))
}

/// Makes a user, or changes one.
///
/// # Errors
/// [`IdentityError::Invalid`], [`IdentityError::Erased`].
pub async fn user_put(
    connection: &mut PgConnection,
    now: Timestamp,
    by: &str,
    id: &UserId,
    change: &UserChange,
) -> Result<(Account, bool), IdentityError> {
    let new = NewUser {
        id: id.clone(),
        email: change.email.clone().flatten(),
        is_admin: change.is_admin.unwrap_or(false),
        name: change.name.clone().flatten(),
        metadata: change.metadata.clone().unwrap_or_default(),
    };
    rules::check_user(&new)?;
    if operations::user_insert(connection, now, by, &new).await?.is_some() {
        return Ok((account(connection, id).await?, true));
    }
    let known = account_lock(connection, id).await?;
    if known.erased_at.is_some() {
        return Err(IdentityError::Erased);
    }
    let email = change.email.clone().unwrap_or(known.email);
    let is_admin = change.is_admin.unwrap_or(known.is_admin);
    let name = change.name.clone().unwrap_or(known.name);
    let metadata = change.metadata.clone().unwrap_or(known.metadata);
    sqlx::query!(
        "update users set email = $2, is_admin = $3, name = $4, metadata = $5 where id = $1",
        id.as_str(),
        email,
        is_admin,
        name,
        &metadata as &Metadata
    )
    .execute(&mut *connection)
    .await?;
    let details = json!({ "emailChanged": change.email.is_some(), "admin": is_admin });
    note(connection, now, by, "user.change", id.as_str(), details).await?;
    Ok((account(connection, id).await?, false))
}

/// Keeps a user out: no credential of theirs works any more, new ones neither. What else follows, such as for cards,
/// the caller does in the same transaction.
///
/// # Errors
/// [`IdentityError::NoUser`], [`IdentityError::Invalid`].
pub async fn user_block(
    connection: &mut PgConnection,
    now: Timestamp,
    by: &str,
    id: &UserId,
    reason: &str,
) -> Result<Account, IdentityError> {
    rules::check_reason(reason)?;
    account_lock(connection, id).await?;
    sqlx::query!(
        "update users set blocked_at = coalesce(blocked_at, $2), block_reason = $3 where id = $1",
        id.as_str(),
        now,
        reason
    )
    .execute(&mut *connection)
    .await?;
    note(connection, now, by, "user.block", id.as_str(), json!({ "reason": reason })).await?;
    account(connection, id).await
}

/// Lets a blocked user in again, with the credentials of before.
///
/// # Errors
/// [`IdentityError::NoUser`], [`IdentityError::Invalid`], [`IdentityError::Erased`].
pub async fn user_unblock(
    connection: &mut PgConnection,
    now: Timestamp,
    by: &str,
    id: &UserId,
    reason: &str,
) -> Result<Account, IdentityError> {
    rules::check_reason(reason)?;
    if account_lock(connection, id).await?.erased_at.is_some() {
        return Err(IdentityError::Erased);
    }
    sqlx::query!("update users set blocked_at = null, block_reason = null where id = $1", id.as_str())
        .execute(&mut *connection)
        .await?;
    note(connection, now, by, "user.unblock", id.as_str(), json!({ "reason": reason })).await?;
    account(connection, id).await
}

/// Removes a user's personal data and credentials for good, and keeps the user out. The books stay.
///
/// # Errors
/// [`IdentityError::NoUser`], [`IdentityError::LastOwner`].
pub async fn user_erase(
    connection: &mut PgConnection,
    now: Timestamp,
    by: &str,
    id: &UserId,
    reason: Option<&str>,
) -> Result<Vec<OrganizationId>, IdentityError> {
    account_lock(connection, id).await?;
    let organizations: Vec<OrganizationId> =
        store::organizations(connection, id).await?.into_iter().map(|member| member.id).collect();
    for organization in &organizations {
        operations::member_remove(connection, *organization, id).await?;
    }
    sqlx::query!("delete from sessions where user_id = $1", id.as_str()).execute(&mut *connection).await?;
    portal::end_all(connection, id).await?;
    sqlx::query!(
        "update api_keys set revoked_at = $2 where user_id = $1 and revoked_at is null",
        id.as_str(),
        now
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update users set email = null, name = null, metadata = '{}', is_admin = false,
                          erased_at = coalesce(erased_at, $2), blocked_at = coalesce(blocked_at, $2),
                          block_reason = 'erased'
         where id = $1",
        id.as_str(),
        now
    )
    .execute(&mut *connection)
    .await?;
    note(connection, now, by, "user.erase", id.as_str(), json!({ "reason": reason })).await?;
    Ok(organizations)
}

/// Ends one session; returns its hash, so that API instances can drop it from their caches.
///
/// # Errors
/// [`IdentityError::NoSession`].
pub async fn session_end(
    connection: &mut PgConnection,
    now: Timestamp,
    by: &str,
    id: SessionId,
) -> Result<CredentialHash, IdentityError> {
    let ended = sqlx::query!("delete from sessions where id = $1 returning user_id, token_hash", id.0)
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(IdentityError::NoSession)?;
    note(connection, now, by, "session.end", &id.to_string(), json!({ "userId": ended.user_id })).await?;
    ended.token_hash.try_into().map(CredentialHash).map_err(|_| IdentityError::NoSession)
}

/// Ends all sessions of a user; returns how many.
///
/// # Errors
/// [`IdentityError::NoUser`].
pub async fn sessions_end(
    connection: &mut PgConnection,
    now: Timestamp,
    by: &str,
    user: &UserId,
) -> Result<u64, IdentityError> {
    account_lock(connection, user).await?;
    let ended = sqlx::query!("delete from sessions where user_id = $1", user.as_str())
        .execute(&mut *connection)
        .await?
        .rows_affected();
    let ended = ended.saturating_add(portal::end_all(connection, user).await?);
    note(connection, now, by, "session.end_all", user.as_str(), json!({ "sessions": ended })).await?;
    Ok(ended)
}

/// Which users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    Administrators,
    /// Whose id begins so, or whose e-mail address it is; in the order of bytes.
    Beginning(String),
}

/// Users, ordered by id: those after `after`.
///
/// # Errors
/// Database errors only.
pub async fn accounts(
    connection: &mut PgConnection,
    which: &Which,
    after: &str,
    limit: i64,
) -> Result<Vec<Account>, sqlx::Error> {
    match which {
        Which::All => {
            let all = select_accounts!("where u.id > $1 order by u.id limit $2", after, limit);
            all.fetch_all(connection).await
        }
        Which::Administrators => {
            let few = select_accounts!("where u.id > $1 and u.is_admin order by u.id limit $2", after, limit);
            few.fetch_all(connection).await
        }
        Which::Beginning(text) => {
            // Compared byte by byte, as the index is; no text that begins so sorts after the end.
            let end = format!("{text}{}", char::MAX);
            let found = select_accounts!(
                "where u.id in ((select id from users where id ~>=~ $1 and id ~<~ $2 and id ~>~ $4
                                 order by id using ~<~ limit $5)
                                union
                                (select id from users where lower(email) = $3 and id ~>~ $4 limit $5))
                 order by u.id using ~<~ limit $5",
                text,
                end,
                text.to_lowercase(),
                after,
                limit
            );
            found.fetch_all(connection).await
        }
    }
}

/// A user's sessions that have not ended, the newest first.
///
/// # Errors
/// Database errors only.
pub async fn sessions(
    connection: &mut PgConnection,
    now: Timestamp,
    user: &UserId,
    before: SessionId,
    limit: i64,
) -> Result<Vec<SessionRecord>, sqlx::Error> {
    let found = sqlx::query!(
        r#"select id as "id: SessionId", created_at, expires_at, scopes from sessions
           where user_id = $1 and id < $2 and expires_at > $3 order by id desc limit $4"#,
        user.as_str(),
        before.0,
        now,
        limit
    )
    .fetch_all(connection)
    .await?;
    let records = found.into_iter().map(|row| SessionRecord {
        id: row.id,
        created_at: row.created_at,
        expires_at: row.expires_at,
        scopes: Scopes::of_names(&row.scopes),
    });
    Ok(records.collect())
}

struct ApiKeyRow {
    id: ApiKeyId,
    name: String,
    prefix: Option<String>,
    scopes: Vec<String>,
    user_id: Option<UserId>,
    organization_id: Option<OrganizationId>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl From<ApiKeyRow> for ApiKeyRecord {
    fn from(row: ApiKeyRow) -> Self {
        let wallets_of = match (row.user_id, row.organization_id) {
            (Some(user), _) => WalletsOf::User(user),
            (None, Some(organization)) => WalletsOf::Organization(organization),
            (None, None) => WalletsOf::Everyone,
        };
        let scopes = Scopes::of_names(&row.scopes);
        let ApiKeyRow { id, name, prefix, created_at, expires_at, last_used_at, revoked_at, .. } = row;
        Self { id, name, prefix, scopes, wallets_of, created_at, expires_at, last_used_at, revoked_at }
    }
}

/// A query for API keys: all columns, and the condition that follows.
macro_rules! select_api_keys {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            ApiKeyRow,
            r#"select id as "id: ApiKeyId", name, prefix, scopes, user_id as "user_id: UserId",
                      organization_id as "organization_id: OrganizationId", created_at, expires_at, last_used_at,
                      revoked_at
               from api_keys "#
                + $condition
            $(, $argument)*
        )
    };
}

/// API keys, revoked ones too, the newest first: a user's, or all.
///
/// # Errors
/// Database errors only.
pub async fn api_keys(
    connection: &mut PgConnection,
    user: Option<&UserId>,
    before: ApiKeyId,
    limit: i64,
) -> Result<Vec<ApiKeyRecord>, sqlx::Error> {
    let found = match user {
        Some(user) => {
            let condition = select_api_keys!(
                "where user_id = $1 and id < $2 order by id desc limit $3",
                user.as_str(),
                before.0,
                limit
            );
            condition.fetch_all(connection).await?
        }
        None => {
            let all = select_api_keys!("where id < $1 order by id desc limit $2", before.0, limit);
            all.fetch_all(connection).await?
        }
    };
    Ok(found.into_iter().map(ApiKeyRecord::from).collect())
}

/// # Errors
/// [`IdentityError::NoApiKey`].
pub async fn api_key(connection: &mut PgConnection, id: ApiKeyId) -> Result<ApiKeyRecord, IdentityError> {
    let found = select_api_keys!("where id = $1", id.0).fetch_optional(connection).await?;
    found.map(ApiKeyRecord::from).ok_or(IdentityError::NoApiKey)
}

/// Organizations, ordered by id: those after `after`.
///
/// # Errors
/// Database errors only.
pub async fn organizations(
    connection: &mut PgConnection,
    after: OrganizationId,
    limit: i64,
) -> Result<Vec<OrganizationRecord>, sqlx::Error> {
    sqlx::query_as!(
        OrganizationRecord,
        r#"select o.id as "id: OrganizationId", o.name, w.id as "wallet_id: WalletId"
           from organizations o join wallets w on w.organization_id = o.id
           where o.id > $1 order by o.id limit $2"#,
        after.0,
        limit
    )
    .fetch_all(connection)
    .await
}

/// # Errors
/// Database errors only.
pub async fn organization(
    connection: &mut PgConnection,
    id: OrganizationId,
) -> Result<Option<OrganizationRecord>, sqlx::Error> {
    sqlx::query_as!(
        OrganizationRecord,
        r#"select o.id as "id: OrganizationId", o.name, w.id as "wallet_id: WalletId"
           from organizations o join wallets w on w.organization_id = o.id where o.id = $1"#,
        id.0
    )
    .fetch_optional(connection)
    .await
}

async fn account_by_id(connection: &mut PgConnection, id: &UserId) -> Result<Option<Account>, sqlx::Error> {
    select_accounts!("where u.id = $1", id.as_str()).fetch_optional(connection).await
}

/// The user, whose row stays locked until the transaction ends.
async fn account_lock(connection: &mut PgConnection, id: &UserId) -> Result<Account, IdentityError> {
    let found =
        select_accounts!("where u.id = $1 for update of u", id.as_str()).fetch_optional(connection).await?;
    found.ok_or_else(|| IdentityError::NoUser(id.to_string()))
}
