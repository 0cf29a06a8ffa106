//! The SQL of users, organizations and credentials.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;

use super::credentials::{CredentialHash, NewCredential};
use super::rights::{OwnedWallet, Scopes, WalletName};
use super::{Member, Membership, NewApiKey, NewUser, OwnOrganization, Role, User};
use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, OrganizationId, SessionId, UserId, WalletId};
use kernel::metadata::Metadata;

/// False when the id exists.
pub(super) async fn user_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    user: &NewUser,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into users (id, email, is_admin, name, metadata, created_at) values ($1, $2, $3, $4, $5, $6)
         on conflict do nothing",
        user.id.as_str(),
        user.email,
        user.is_admin,
        user.name,
        &user.metadata as &Metadata,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn user_by_id(
    connection: &mut PgConnection,
    id: &UserId,
) -> Result<Option<User>, sqlx::Error> {
    sqlx::query_as!(
        User,
        r#"select u.id as "id: UserId", u.email, u.is_admin, w.id as "wallet_id: WalletId"
           from users u join wallets w on w.user_id = u.id where u.id = $1"#,
        id.as_str()
    )
    .fetch_optional(connection)
    .await
}

/// The given ids that are not registered.
pub(super) async fn users_missing(
    connection: &mut PgConnection,
    ids: &[&str],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select wanted.id as "id!" from unnest($1::text[]) as wanted (id)
           where not exists (select from users where users.id = wanted.id)"#,
        ids as &[&str]
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn wallet_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    id: WalletId,
    user: Option<&UserId>,
    organization: Option<OrganizationId>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into wallets (id, user_id, organization_id, created_at) values ($1, $2, $3, $4)",
        id.0,
        user.map(UserId::as_str),
        organization.map(|id| id.0),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn organization_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    name: &str,
) -> Result<OrganizationId, sqlx::Error> {
    sqlx::query_scalar!(
        r#"insert into organizations (name, created_at) values ($1, $2) returning id as "id: OrganizationId""#,
        name,
        now
    )
    .fetch_one(connection)
    .await
}

pub(super) async fn organization_wallet(
    connection: &mut PgConnection,
    id: OrganizationId,
) -> Result<Option<WalletId>, sqlx::Error> {
    sqlx::query_scalar!(r#"select id as "id: WalletId" from wallets where organization_id = $1"#, id.0)
        .fetch_optional(connection)
        .await
}

pub(super) async fn members_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    organization: OrganizationId,
    members: &[(UserId, Role)],
) -> Result<(), sqlx::Error> {
    let users: Vec<&str> = members.iter().map(|(user, _)| user.as_str()).collect();
    let roles: Vec<&str> = members.iter().map(|(_, role)| role.as_str()).collect();
    sqlx::query!(
        "insert into organization_members (organization_id, user_id, role, created_at)
         select $1, user_id, role, $4 from unnest($2::text[], $3::text[]) as new (user_id, role)",
        organization.0,
        &users as &[&str],
        &roles as &[&str],
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn membership(
    connection: &mut PgConnection,
    user: &UserId,
    organization: OrganizationId,
) -> Result<Option<Membership>, sqlx::Error> {
    sqlx::query_as!(
        Membership,
        r#"select m.role as "role: Role", w.id as "wallet_id: WalletId"
           from organization_members m join wallets w on w.organization_id = m.organization_id
           where m.organization_id = $2 and m.user_id = $1"#,
        user.as_str(),
        organization.0
    )
    .fetch_optional(connection)
    .await
}

pub(super) async fn role_of(
    connection: &mut PgConnection,
    user: &UserId,
    wallet: WalletId,
) -> Result<Option<Role>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select m.role as "role: Role"
           from wallets w join organization_members m on m.organization_id = w.organization_id
           where w.id = $2 and m.user_id = $1"#,
        user.as_str(),
        wallet.0
    )
    .fetch_optional(connection)
    .await
}

/// The user's role in the organization that owns the wallet. Locks it until the transaction ends.
pub(super) async fn role_lock(
    connection: &mut PgConnection,
    user: &UserId,
    wallet: WalletId,
) -> Result<Option<Role>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select m.role as "role: Role"
           from wallets w join organization_members m on m.organization_id = w.organization_id
           where w.id = $2 and m.user_id = $1 for share of m"#,
        user.as_str(),
        wallet.0
    )
    .fetch_optional(connection)
    .await
}

pub(super) async fn organizations(
    connection: &mut PgConnection,
    user: &UserId,
) -> Result<Vec<OwnOrganization>, sqlx::Error> {
    sqlx::query_as!(
        OwnOrganization,
        r#"select o.id as "id: OrganizationId", o.name, m.role as "role: Role", w.id as "wallet_id: WalletId"
           from organization_members m
           join organizations o on o.id = m.organization_id
           join wallets w on w.organization_id = o.id
           where m.user_id = $1 order by o.id"#,
        user.as_str()
    )
    .fetch_all(connection)
    .await
}

/// False when there is no such organization.
pub(super) async fn organization_lock(
    connection: &mut PgConnection,
    id: OrganizationId,
) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!("select id from organizations where id = $1 for update", id.0);
    Ok(found.fetch_optional(connection).await?.is_some())
}

pub(super) async fn members(
    connection: &mut PgConnection,
    organization: OrganizationId,
) -> Result<Vec<Member>, sqlx::Error> {
    sqlx::query_as!(
        Member,
        r#"select user_id as "user_id: UserId", role as "role: Role" from organization_members
           where organization_id = $1 order by user_id"#,
        organization.0
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn member_put(
    connection: &mut PgConnection,
    now: Timestamp,
    organization: OrganizationId,
    user: &UserId,
    role: Role,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into organization_members (organization_id, user_id, role, created_at) values ($1, $2, $3, $4)
         on conflict (organization_id, user_id) do update set role = excluded.role",
        organization.0,
        user.as_str(),
        role.as_str(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// False when the user is not a member.
pub(super) async fn member_delete(
    connection: &mut PgConnection,
    organization: OrganizationId,
    user: &UserId,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "delete from organization_members where organization_id = $1 and user_id = $2",
        organization.0,
        user.as_str()
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn wallets_visible(
    connection: &mut PgConnection,
    user: &UserId,
) -> Result<Vec<WalletId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select id as "id: WalletId" from wallets where user_id = $1
           union all
           select w.id from organization_members m join wallets w on w.organization_id = m.organization_id
           where m.user_id = $1"#,
        user.as_str()
    )
    .fetch_all(connection)
    .await
    .map(|ids| ids.into_iter().flatten().collect())
}

pub(super) async fn api_key_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    id: ApiKeyId,
    new: &NewApiKey,
    key: &NewCredential,
) -> Result<(), sqlx::Error> {
    let (user, organization) = new.wallets_of.parts();
    sqlx::query!(
        "insert into api_keys (id, user_id, organization_id, name, prefix, scopes, key_hash, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id.0,
        user.map(UserId::as_str),
        organization.map(|id| id.0),
        new.name,
        key.prefix(),
        &new.scopes.names() as &[&str],
        key.hash.0.as_slice(),
        now,
        new.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks the key as withdrawn, the first time; returns its hash if it exists.
pub(super) async fn api_key_revoke(
    connection: &mut PgConnection,
    now: Timestamp,
    id: ApiKeyId,
) -> Result<Option<CredentialHash>, sqlx::Error> {
    let hash = sqlx::query_scalar!(
        "update api_keys set revoked_at = coalesce(revoked_at, $2) where id = $1 returning key_hash",
        id.0,
        now
    )
    .fetch_optional(connection)
    .await?;
    Ok(hash.and_then(|bytes| bytes.try_into().ok()).map(CredentialHash))
}

pub(super) async fn session_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    id: SessionId,
    user: &UserId,
    hash: CredentialHash,
    expires_at: Timestamp,
    scopes: &Scopes,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into sessions (id, user_id, token_hash, created_at, expires_at, scopes)
         values ($1, $2, $3, $4, $5, $6)",
        id.0,
        user.as_str(),
        hash.0.as_slice(),
        now,
        expires_at,
        &scopes.names() as &[&str]
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn sessions_delete_ended(
    connection: &mut PgConnection,
    before: Timestamp,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "delete from sessions where id in (select id from sessions where expires_at < $1 limit $2)",
        before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

pub(super) async fn api_key_used(
    connection: &mut PgConnection,
    now: Timestamp,
    id: ApiKeyId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update api_keys set last_used_at = $2
         where id = $1 and (last_used_at is null or last_used_at + interval '1 minute' < $2)",
        id.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn wallets_named(
    connection: &mut PgConnection,
    names: &HashSet<WalletName>,
) -> Result<HashMap<WalletName, OwnedWallet>, sqlx::Error> {
    let (mut ids, mut users, mut organizations) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        match name {
            WalletName::Own => {}
            WalletName::Id(id) => ids.push(id.0),
            WalletName::User(user) => users.push(user.as_str()),
            WalletName::Organization(organization) => organizations.push(organization.0),
        }
    }
    let found = sqlx::query_as!(
        OwnedWallet,
        r#"select w.id as "id!: WalletId", w.user_id as "user_id: UserId",
                  w.organization_id as "organization_id: OrganizationId", u.blocked_at is not null as "is_blocked!"
           from wallets w left join users u on u.id = w.user_id
           where w.id = any($1) or w.user_id = any($2) or w.organization_id = any($3)"#,
        &ids,
        &users as &[&str],
        &organizations
    )
    .fetch_all(connection)
    .await?;
    let named = found.into_iter().flat_map(|wallet| {
        let user = wallet.user_id.clone().map(WalletName::User);
        let organization = wallet.organization_id.map(WalletName::Organization);
        let names = [Some(WalletName::Id(wallet.id)), user, organization].into_iter().flatten();
        names.map(move |name| (name, wallet.clone()))
    });
    Ok(named.filter(|(name, _)| names.contains(name)).collect())
}

pub(super) async fn credentials_valid(
    connection: &mut PgConnection,
    now: Timestamp,
    credentials: &[CredentialHash],
) -> Result<HashSet<CredentialHash>, sqlx::Error> {
    let hashes: Vec<&[u8]> = credentials.iter().map(|credential| credential.0.as_slice()).collect();
    let found = sqlx::query_scalar!(
        r#"select key_hash as "hash!" from api_keys
           where key_hash = any($1) and revoked_at is null and (expires_at is null or expires_at > $2)
           union all
           select token_hash from sessions where token_hash = any($1) and expires_at > $2
           union all
           select token_hash from portal_sessions where token_hash = any($1) and expires_at > $2
           union all
           select s.token_hash from operator_sessions s join operators o on o.id = s.operator_id
           where s.token_hash = any($1) and s.expires_at > $2 and o.disabled_at is null"#,
        &hashes as &[&[u8]],
        now
    )
    .fetch_all(connection)
    .await?;
    Ok(found.iter().filter_map(|hash| hash.as_slice().try_into().ok().map(CredentialHash)).collect())
}

pub(super) async fn wallets_visible_to(
    connection: &mut PgConnection,
    users: &[&UserId],
) -> Result<Vec<(UserId, WalletId)>, sqlx::Error> {
    let users: Vec<&str> = users.iter().map(|user| user.as_str()).collect();
    let found = sqlx::query!(
        r#"select user_id as "user_id!: UserId", id as "wallet_id!: WalletId" from wallets where user_id = any($1)
           union all
           select m.user_id, w.id from organization_members m join wallets w on w.organization_id = m.organization_id
           where m.user_id = any($1)"#,
        &users as &[&str]
    )
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(|row| (row.user_id, row.wallet_id)).collect())
}
