//! The SQL of what credentials open.

use sqlx::PgConnection;

use super::Login;
use super::credentials::CredentialHash;
use super::rights::{Reach, Scopes};
use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, OrganizationId, UserId, WalletId};

/// What a credential opens, as the database has it.
struct LoginRow {
    user_id: Option<UserId>,
    organization_id: Option<OrganizationId>,
    /// None of a key for everyone's wallets.
    wallet_id: Option<WalletId>,
    is_operator: bool,
    scopes: Vec<String>,
    expires_at: Option<Timestamp>,
    api_key: Option<ApiKeyId>,
}

impl From<LoginRow> for Login {
    fn from(row: LoginRow) -> Self {
        let reach = match (row.user_id, row.organization_id, row.wallet_id) {
            (Some(id), _, Some(wallet_id)) => Reach::User { id, wallet_id },
            (None, Some(id), Some(wallet_id)) => Reach::Organization { id, wallet_id },
            _ => Reach::Everyone,
        };
        let scopes = Scopes::of_names(&row.scopes);
        let LoginRow { is_operator, expires_at, api_key, .. } = row;
        Self { reach, only: None, scopes, is_operator, operator: None, expires_at, api_key }
    }
}

pub(super) async fn login_by_api_key(
    connection: &mut PgConnection,
    key: CredentialHash,
) -> Result<Option<Login>, sqlx::Error> {
    let found = sqlx::query_as!(
        LoginRow,
        r#"select k.user_id as "user_id: UserId", k.organization_id as "organization_id: OrganizationId",
                  coalesce(own.id, shared.id) as "wallet_id?: WalletId",
                  coalesce(u.is_admin, false) and 'admin' = any(k.scopes) as "is_operator!", k.scopes, k.expires_at,
                  k.id as "api_key?: ApiKeyId"
           from api_keys k left join users u on u.id = k.user_id left join wallets own on own.user_id = k.user_id
                left join wallets shared on shared.organization_id = k.organization_id
           where k.key_hash = $1 and k.revoked_at is null and u.blocked_at is null"#,
        key.0.as_slice()
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(Login::from))
}

pub(super) async fn login_by_session(
    connection: &mut PgConnection,
    token: CredentialHash,
) -> Result<Option<Login>, sqlx::Error> {
    let found = sqlx::query_as!(
        LoginRow,
        r#"select u.id as "user_id?: UserId", null::bigint as "organization_id: OrganizationId",
                  w.id as "wallet_id?: WalletId", u.is_admin as is_operator, s.scopes,
                  s.expires_at as "expires_at?", null::uuid as "api_key: ApiKeyId"
           from sessions s join users u on u.id = s.user_id join wallets w on w.user_id = u.id
           where s.token_hash = $1 and u.blocked_at is null"#,
        token.0.as_slice()
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(Login::from))
}

pub(super) async fn login_by_user(
    connection: &mut PgConnection,
    user: &UserId,
) -> Result<Option<Login>, sqlx::Error> {
    let found = sqlx::query_as!(
        LoginRow,
        r#"select u.id as "user_id?: UserId", null::bigint as "organization_id: OrganizationId",
                  w.id as "wallet_id?: WalletId", u.is_admin as is_operator, '{}'::text[] as "scopes!",
                  null::timestamptz as expires_at, null::uuid as "api_key: ApiKeyId"
           from users u join wallets w on w.user_id = u.id where u.id = $1 and u.blocked_at is null"#,
        user.as_str()
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(Login::from))
}
