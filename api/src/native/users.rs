//! Administration of users, sessions, API keys and organizations.

use std::time::Duration;

use identity::credentials::CredentialHash;
use identity::operations::{NewApiKey, NewSession, WalletsOf};
use identity::rights::{Scope, Scopes};
use identity::{NewUser, Role, operations, rules};
use kernel::ids::{ApiKeyId, SessionId, UserId, WalletId};
use notices::Live;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object};
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::parked_purchases::claim_for_new_user;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::http::values::{Id, Moment, OrgId, one_of};
use crate::http::{Response, empty};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let shown_once =
        "The secret is shown in this answer only: a repetition with the same key does not show it again.";
    vec![
        Endpoint::post(
            "/admin/users",
            register_user,
            Description::new(Access::Admin, "Register a user")
                .says(
                    "With a wallet. Registering the same user again answers the same. What the user bought in app \
                     stores before is credited.",
                )
                .idempotency_key()
                .takes::<UserInput>()
                .answers::<UserView>(StatusCode::CREATED, "The user is registered."),
        ),
        Endpoint::post(
            "/admin/sessions",
            open_session,
            Description::new(Access::Admin, "Open a login session for a user")
                .says(shown_once)
                .idempotency_key()
                .takes::<SessionInput>()
                .answers::<SessionView>(StatusCode::CREATED, "The session.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/admin/api-keys",
            create_api_key,
            Description::new(Access::Admin, "Make an API key for a user")
                .says(shown_once)
                .idempotency_key()
                .takes::<ApiKeyInput>()
                .answers::<ApiKeyView>(StatusCode::CREATED, "The key.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        api_key_revocation("/admin/api-keys/{apiKeyId}"),
        Endpoint::post(
            "/admin/organizations",
            register_organization,
            Description::new(Access::Admin, "Register an organization")
                .says("With a wallet that its members share.")
                .idempotency_key()
                .takes::<OrganizationInput>()
                .answers::<OrganizationView>(StatusCode::CREATED, "The organization is registered.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
    ]
}

pub(super) fn api_key_revocation(path: &'static str) -> Endpoint {
    Endpoint::delete(
        path,
        revoke_api_key,
        Description::new(Access::Admin, "Withdraw an API key")
            .says("It ends at once, and so do live connections that were opened with it.")
            .path_parameter::<Id>("apiKeyId", "The key's id, which is not the key.")
            .answers_plainly(StatusCode::NO_CONTENT, "The key is withdrawn.")
            .refuses(&[StatusCode::NOT_FOUND]),
    )
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::NewUser)]
struct UserInput {
    /// Your own name for the user.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
    /// Where receipts go.
    email: Option<String>,
    /// Whether the user may call the admin API.
    #[serde(default)]
    admin: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::User)]
struct UserView {
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
}

async fn register_user(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let request: UserInput = read_json(&call)?;
    let user = NewUser { id: request.user_id, email: request.email, is_admin: request.admin };
    let work = {
        let (api, actor) = (SharedState::clone(&api), admin.actor.clone());
        async move {
            let user = operations::user_create(&api.pool, api.clock.now(), &actor, user).await?;
            claim_for_new_user(&api, user.id.clone());
            Ok((StatusCode::CREATED, UserView { user_id: user.id, wallet_id: user.wallet_id }))
        }
    };
    once(&api, &call, admin.actor, Keep::Answer, work).await
}

#[derive(Deserialize, ToSchema)]
#[schema(as = native::NewOrganization)]
struct OrganizationInput {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    members: Vec<MemberInput>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Member)]
struct MemberInput {
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
    #[schema(schema_with = role_schema)]
    role: Role,
}

fn role_schema() -> Object {
    one_of(Role::NAMES)
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Organization)]
struct OrganizationView {
    org_id: OrgId,
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
}

async fn register_organization(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let request: OrganizationInput = read_json(&call)?;
    let members: Vec<(UserId, Role)> =
        request.members.into_iter().map(|member| (member.user_id, member.role)).collect();
    let work = {
        let (api, actor) = (SharedState::clone(&api), admin.actor.clone());
        async move {
            let now = api.clock.now();
            let organization =
                operations::organization_create(&api.pool, now, &actor, &request.name, &members).await?;
            let view = OrganizationView { org_id: OrgId(organization.id), wallet_id: organization.wallet_id };
            Ok((StatusCode::CREATED, view))
        }
    };
    once(&api, &call, admin.actor, Keep::Answer, work).await
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::NewApiKey)]
struct ApiKeyInput {
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ApiKey)]
struct ApiKeyView {
    #[schema(value_type = Uuid)]
    api_key_id: ApiKeyId,
    /// The key itself.
    api_key: String,
}

async fn create_api_key(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let request: ApiKeyInput = read_json(&call)?;
    let new = NewApiKey {
        name: "API key".to_owned(),
        scopes: [Scope::Read, Scope::Spend, Scope::Buy, Scope::Admin].into_iter().collect(),
        wallets_of: WalletsOf::User(request.user_id),
        expires_at: None,
    };
    let work = {
        let (api, actor) = (SharedState::clone(&api), admin.actor.clone());
        async move {
            let now = api.clock.now();
            let (id, key) = operations::api_key_create(&api.pool, now, &actor, &new).await?;
            Ok((StatusCode::CREATED, ApiKeyView { api_key_id: id, api_key: key.text }))
        }
    };
    once(&api, &call, admin.actor, Keep::Nothing, work).await
}

async fn revoke_api_key(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let id: ApiKeyId = call
        .path_parameter("apiKeyId")
        .parse()
        .map_err(|_| Problem::not_found("There is no such API key."))?;
    let hash = operations::api_key_revoke(&api.pool, api.clock.now(), &admin.actor, id).await?;
    withdrawn(&api, hash).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Has every instance forget a credential, and end the live connections that were opened with it.
pub(super) async fn withdrawn(api: &SharedState, credential: CredentialHash) {
    api.auth.forget(credential).await;
    let announcement = Live::CredentialRevoked { key_hash: credential.to_hex() };
    if let Err(error) = api.publisher.announce(&announcement).await {
        tracing::warn!(%error, "other instances may accept a withdrawn credential for up to half a minute");
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::NewSession)]
struct SessionInput {
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
    /// How long it lasts; a day unless given.
    #[schema(minimum = 1, maximum = 31_536_000)]
    ttl_seconds: Option<u64>,
    /// What may be done with it: of `read`, `buy` and `spend`; `read` and `buy` unless given.
    #[schema(schema_with = scopes_schema)]
    scopes: Option<Scopes>,
}

pub(super) fn scopes_schema() -> Array {
    ArrayBuilder::new().items(one_of(&["read", "spend", "buy"])).build()
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Session)]
struct SessionView {
    #[schema(value_type = Uuid)]
    session_id: SessionId,
    /// The token itself.
    session_token: String,
    expires_at: Moment,
}

fn of_a_browser() -> Scopes {
    [Scope::Read, Scope::Buy].into_iter().collect()
}

async fn open_session(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let request: SessionInput = read_json(&call)?;
    let ttl = request.ttl_seconds.map_or(rules::SESSION_TTL, Duration::from_secs);
    let session =
        NewSession { user: request.user_id, ttl, scopes: request.scopes.unwrap_or_else(of_a_browser) };
    let work = {
        let (api, actor) = (SharedState::clone(&api), admin.actor.clone());
        async move {
            let opened = operations::session_create(&api.pool, api.clock.now(), &actor, &session).await?;
            let view = SessionView {
                session_id: opened.id,
                session_token: opened.token.text,
                expires_at: Moment(opened.expires_at),
            };
            Ok((StatusCode::CREATED, view))
        }
    };
    once(&api, &call, admin.actor, Keep::Nothing, work).await
}
