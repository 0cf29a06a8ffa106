//! The verbs of identity: registers users and organizations, issues and revokes credentials, and finds the user of a
//! credential.

use std::collections::{HashMap, HashSet};

use audit::note;
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::credentials::{API_KEY_PREFIX, CredentialHash, NewCredential, SESSION_PREFIX};
use super::rights::{OwnedWallet, WalletName};
use super::{
    IdentityError, Login, Member, Membership, NewApiKey, NewSession, NewUser, Organization, OwnOrganization,
    Role, User, WalletsOf, logins, rules, store,
};
use kernel::clock::Timestamp;
use kernel::database::broken_constraint;
use kernel::ids::{ApiKeyId, OrganizationId, SessionId, UserId, WalletId};

/// Registers a user with a wallet. Registering the same fields again changes nothing and returns the same user.
///
/// # Errors
/// [`IdentityError::UserExists`] when the id exists with other fields, [`IdentityError::Invalid`].
pub async fn user_create(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    user: NewUser,
) -> Result<User, IdentityError> {
    rules::check_user(&user)?;
    let mut transaction = pool.begin().await?;
    if let Some(wallet_id) = user_insert(&mut transaction, now, by, &user).await? {
        transaction.commit().await?;
        return Ok(User { id: user.id, email: user.email, is_admin: user.is_admin, wallet_id });
    }
    match store::user_by_id(&mut transaction, &user.id).await? {
        Some(existing) if existing.email == user.email && existing.is_admin == user.is_admin => Ok(existing),
        _ => Err(IdentityError::UserExists(user.id)),
    }
}

/// None when the id exists. The e-mail stays out of the log, which is never erased.
pub(super) async fn user_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    by: &str,
    user: &NewUser,
) -> Result<Option<WalletId>, sqlx::Error> {
    if !store::user_insert(connection, now, user).await? {
        return Ok(None);
    }
    let wallet_id = WalletId::new();
    store::wallet_insert(connection, now, wallet_id, Some(&user.id), None).await?;
    let details = json!({ "admin": user.is_admin });
    note(connection, now, by, "user.create", user.id.as_str(), details).await?;
    Ok(Some(wallet_id))
}

/// # Errors
/// Database errors only.
pub async fn user(connection: &mut PgConnection, id: &UserId) -> Result<Option<User>, sqlx::Error> {
    store::user_by_id(connection, id).await
}

/// Registers an organization with its members and a wallet.
///
/// # Errors
/// [`IdentityError::NoUser`] when a member is not registered, [`IdentityError::Invalid`].
pub async fn organization_create(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    name: &str,
    members: &[(UserId, Role)],
) -> Result<Organization, IdentityError> {
    rules::check_organization(name, members)?;
    let mut transaction = pool.begin().await?;
    let users: Vec<&str> = members.iter().map(|(user, _)| user.as_str()).collect();
    if let Some(missing) = store::users_missing(&mut transaction, &users).await?.into_iter().next() {
        return Err(IdentityError::NoUser(missing));
    }
    let id = store::organization_insert(&mut transaction, now, name).await?;
    store::members_insert(&mut transaction, now, id, members).await?;
    let wallet_id = WalletId::new();
    store::wallet_insert(&mut transaction, now, wallet_id, None, Some(id)).await?;
    let members: Vec<_> = members.iter().map(|(user, role)| json!([user, role.as_str()])).collect();
    let details = json!({ "name": name, "members": members });
    note(&mut transaction, now, by, "organization.create", &id.to_string(), details).await?;
    transaction.commit().await?;
    Ok(Organization { id, wallet_id })
}

/// Makes a key, in the caller's transaction.
///
/// # Errors
/// [`IdentityError::NoUser`], [`IdentityError::NoMember`] without such an organization, [`IdentityError::Invalid`].
pub async fn api_key_create(
    connection: &mut PgConnection,
    now: Timestamp,
    by: &str,
    new: &NewApiKey,
) -> Result<(ApiKeyId, NewCredential), IdentityError> {
    rules::check_api_key(new, now)?;
    let (id, key) = (ApiKeyId::new(), NewCredential::generate(API_KEY_PREFIX));
    store::api_key_insert(connection, now, id, new, &key).await.map_err(|error| {
        match (broken_constraint(&error), &new.wallets_of) {
            (Some("api_keys_user_fkey"), WalletsOf::User(user)) => IdentityError::NoUser(user.to_string()),
            (Some("api_keys_organization_fkey"), _) => IdentityError::NoMember,
            _ => IdentityError::Database(error),
        }
    })?;
    let (user, organization) = new.wallets_of.parts();
    let details = json!({ "name": new.name, "scopes": new.scopes, "userId": user, "orgId": organization,
                          "expiresAt": new.expires_at.map(|at| at.to_string()) });
    note(connection, now, by, "api_key.create", &id.to_string(), details).await?;
    Ok((id, key))
}

/// Remembers that a key was used, to the minute.
///
/// # Errors
/// Database errors only.
pub async fn api_key_used(pool: &PgPool, now: Timestamp, id: ApiKeyId) -> Result<(), sqlx::Error> {
    store::api_key_used(&mut *pool.acquire().await?, now, id).await
}

/// The wallets of these names, with their owners. What is the caller's own, the caller knows: here it names none.
///
/// # Errors
/// Database errors only.
pub async fn wallets_named(
    pool: &PgPool,
    names: &HashSet<WalletName>,
) -> Result<HashMap<WalletName, OwnedWallet>, sqlx::Error> {
    store::wallets_named(&mut *pool.acquire().await?, names).await
}

/// Revokes an API key for good, in the caller's transaction; revoking it again changes nothing. Returns its hash, so
/// that API instances can drop it from their caches.
///
/// # Errors
/// [`IdentityError::NoApiKey`].
pub async fn api_key_revoke(
    connection: &mut PgConnection,
    now: Timestamp,
    by: &str,
    id: ApiKeyId,
) -> Result<CredentialHash, IdentityError> {
    let revoked = store::api_key_revoke(connection, now, id).await?.ok_or(IdentityError::NoApiKey)?;
    note(connection, now, by, "api_key.revoke", &id.to_string(), json!({})).await?;
    Ok(revoked)
}

/// A session that was just opened.
#[derive(Debug)]
pub struct OpenedSession {
    pub id: SessionId,
    pub token: NewCredential,
    pub expires_at: Timestamp,
}

/// # Errors
/// [`IdentityError::NoUser`], [`IdentityError::Invalid`] for a lifetime out of range.
pub async fn session_create(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    session: &NewSession,
) -> Result<OpenedSession, IdentityError> {
    rules::check_session(session)?;
    let (id, token) = (SessionId::new(), NewCredential::generate(SESSION_PREFIX));
    let (user, expires_at) = (&session.user, now + session.ttl);
    let mut transaction = pool.begin().await?;
    store::session_insert(&mut transaction, now, id, user, token.hash, expires_at, &session.scopes)
        .await
        .map_err(|error| no_user(error, user))?;
    let details = json!({ "userId": user, "scopes": session.scopes, "seconds": session.ttl.as_secs() });
    note(&mut transaction, now, by, "session.create", &id.to_string(), details).await?;
    transaction.commit().await?;
    Ok(OpenedSession { id, token, expires_at })
}

/// What an API key opens; none if the key is unknown or revoked. It may have expired: the caller compares
/// `expires_at`.
///
/// # Errors
/// Database errors only.
pub async fn login_by_api_key(pool: &PgPool, key: CredentialHash) -> Result<Option<Login>, sqlx::Error> {
    logins::login_by_api_key(&mut *pool.acquire().await?, key).await
}

/// What a session opens; none if it is unknown. It may have expired: the caller compares `expires_at`.
///
/// # Errors
/// Database errors only.
pub async fn login_by_session(pool: &PgPool, token: CredentialHash) -> Result<Option<Login>, sqlx::Error> {
    logins::login_by_session(&mut *pool.acquire().await?, token).await
}

/// The user with this id, for callers whom another party has authenticated. The login has no scopes yet.
///
/// # Errors
/// Database errors only.
pub async fn login_by_user(pool: &PgPool, user: &UserId) -> Result<Option<Login>, sqlx::Error> {
    logins::login_by_user(&mut *pool.acquire().await?, user).await
}

/// None when there is no such organization or the user is not a member.
///
/// # Errors
/// Database errors only.
pub async fn membership(
    pool: &PgPool,
    user: &UserId,
    organization: OrganizationId,
) -> Result<Option<Membership>, sqlx::Error> {
    // Seldom needed where it is awaited, and larger than all else that a request keeps.
    Box::pin(async { store::membership(&mut *pool.acquire().await?, user, organization).await }).await
}

/// The user's role in the organization that owns the wallet, if any. Locks it until the transaction ends.
///
/// # Errors
/// Database errors only.
pub async fn role_lock(
    connection: &mut PgConnection,
    user: &UserId,
    wallet: WalletId,
) -> Result<Option<Role>, sqlx::Error> {
    store::role_lock(connection, user, wallet).await
}

/// The user's role in the organization that owns the wallet, if any.
///
/// # Errors
/// Database errors only.
pub async fn role_of(
    connection: &mut PgConnection,
    user: &UserId,
    wallet: WalletId,
) -> Result<Option<Role>, sqlx::Error> {
    store::role_of(connection, user, wallet).await
}

/// The membership within the caller's transaction.
///
/// # Errors
/// Database errors only.
pub async fn membership_now(
    connection: &mut PgConnection,
    user: &UserId,
    organization: OrganizationId,
) -> Result<Option<Membership>, sqlx::Error> {
    store::membership(connection, user, organization).await
}

/// The organizations of a user, ordered by id.
///
/// # Errors
/// Database errors only.
pub async fn organizations(pool: &PgPool, user: &UserId) -> Result<Vec<OwnOrganization>, sqlx::Error> {
    store::organizations(&mut *pool.acquire().await?, user).await
}

/// The members of an organization, ordered by id. The caller checks that it may see them.
///
/// # Errors
/// Database errors only.
pub async fn members(pool: &PgPool, organization: OrganizationId) -> Result<Vec<Member>, sqlx::Error> {
    store::members(&mut *pool.acquire().await?, organization).await
}

/// Gives a user a role in an organization, as a new member or instead of another role, in the caller's transaction.
/// What must follow from it, for the user's holds and cards, the caller does in the same transaction.
///
/// # Errors
/// [`IdentityError::NoMember`] when there is no such organization, [`IdentityError::NoUser`],
/// [`IdentityError::LastOwner`].
pub async fn member_put(
    connection: &mut PgConnection,
    now: Timestamp,
    organization: OrganizationId,
    user: &UserId,
    role: Role,
) -> Result<(), IdentityError> {
    let members = members_locked(connection, organization).await?;
    if rules::leaves_no_owner(&members, user, Some(role)) {
        return Err(IdentityError::LastOwner);
    }
    store::member_put(connection, now, organization, user, role).await.map_err(
        |error| match broken_constraint(&error) {
            Some("organization_members_user_fkey") => IdentityError::NoUser(user.to_string()),
            _ => IdentityError::Database(error),
        },
    )
}

/// Takes a user out of an organization, in the caller's transaction, in which the caller also does what must follow.
///
/// # Errors
/// [`IdentityError::NoMember`], [`IdentityError::LastOwner`].
pub async fn member_remove(
    connection: &mut PgConnection,
    organization: OrganizationId,
    user: &UserId,
) -> Result<(), IdentityError> {
    let members = members_locked(connection, organization).await?;
    if rules::leaves_no_owner(&members, user, None) {
        return Err(IdentityError::LastOwner);
    }
    if !store::member_delete(connection, organization, user).await? {
        return Err(IdentityError::NoMember);
    }
    Ok(())
}

/// # Errors
/// Database errors only.
pub async fn organization_wallet(
    connection: &mut PgConnection,
    organization: OrganizationId,
) -> Result<Option<WalletId>, sqlx::Error> {
    store::organization_wallet(connection, organization).await
}

/// Locks the organization, so that no other transaction changes its members, and returns them.
async fn members_locked(
    connection: &mut PgConnection,
    organization: OrganizationId,
) -> Result<Vec<Member>, IdentityError> {
    if !store::organization_lock(connection, organization).await? {
        return Err(IdentityError::NoMember);
    }
    Ok(store::members(connection, organization).await?)
}

/// The wallets that a user may see: the user's own and those of the user's organizations.
///
/// # Errors
/// Database errors only.
pub async fn wallets_visible(pool: &PgPool, user: &UserId) -> Result<Vec<WalletId>, sqlx::Error> {
    store::wallets_visible(&mut *pool.acquire().await?, user).await
}

/// Those of some credentials that still open the API: keys that are not withdrawn, and sessions that last.
///
/// # Errors
/// Database errors only.
pub async fn credentials_valid(
    pool: &PgPool,
    now: Timestamp,
    credentials: &[CredentialHash],
) -> Result<HashSet<CredentialHash>, sqlx::Error> {
    store::credentials_valid(&mut *pool.acquire().await?, now, credentials).await
}

/// The wallets that users may see, each with its user.
///
/// # Errors
/// Database errors only.
pub async fn wallets_visible_to(
    pool: &PgPool,
    users: &[&UserId],
) -> Result<Vec<(UserId, WalletId)>, sqlx::Error> {
    store::wallets_visible_to(&mut *pool.acquire().await?, users).await
}

/// Deletes up to `limit` sessions that expired before `before`; returns how many.
///
/// # Errors
/// Database errors only.
pub async fn sessions_forget(pool: &PgPool, before: Timestamp, limit: i64) -> Result<u64, sqlx::Error> {
    store::sessions_delete_ended(&mut *pool.acquire().await?, before, limit).await
}

fn no_user(error: sqlx::Error, user: &UserId) -> IdentityError {
    match broken_constraint(&error) {
        Some("sessions_user_fkey") => IdentityError::NoUser(user.to_string()),
        _ => IdentityError::Database(error),
    }
}
