//! API keys: for whom they are good, what may be done with them, and since when they were not used.

use identity::administration::{self, ApiKeyRecord};
use identity::rights::{Scope, Scopes};
use identity::{NewApiKey, WalletsOf, operations};
use kernel::ids::{ApiKeyId, OrganizationId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder};
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::organizations::user_id;
use super::pages_of::{Cursor, paged};
use super::sessions::withdrawn;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{GivenMoment, Id, Moment, one_of};
use crate::http::{Response, answer, empty};
use crate::problem::Problem;
use crate::state::SharedState;

/// How many keys one answer lists at most.
const LIMIT: i64 = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let admin = |summary: &str| Description::new(Access::Operator(Scope::Admin), summary);
    let key = |summary: &str| {
        admin(summary)
            .path_parameter::<Id>("apiKeyId", "The key's id, which is not the key.")
            .refuses(&[StatusCode::NOT_FOUND])
    };
    vec![
        Endpoint::post(
            "/purser/v1/api-keys",
            create,
            admin("Make an API key")
                .says(
                    "With some scopes, for everyone's wallets or with `walletsOf` for those of one user or \
                     organization. A key of a user is that user in every API. The key is shown in this answer only: a \
                     repetition with the same `Idempotency-Key` does not show it again.",
                )
                .idempotency_key()
                .takes::<ApiKeyInput>()
                .answers::<NewApiKeyView>(StatusCode::CREATED, "The key.")
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        ),
        Endpoint::get(
            "/purser/v1/api-keys",
            list,
            paged(admin("All API keys, revoked ones too, newest first"), LIMIT)
                .answers::<ApiKeys>(StatusCode::OK, "The keys, without the keys themselves."),
        ),
        Endpoint::get(
            "/purser/v1/api-keys/{apiKeyId}",
            find,
            key("Look at an API key").answers::<ApiKeyView>(StatusCode::OK, "The key, without the key itself."),
        ),
        Endpoint::delete(
            "/purser/v1/api-keys/{apiKeyId}",
            revoke,
            key("Revoke an API key")
                .says("It ends at once, and so do live connections that were opened with it.")
                .answers_plainly(StatusCode::NO_CONTENT, "The key is revoked."),
        ),
        Endpoint::get(
            "/purser/v1/users/{userId}/api-keys",
            list_of_user,
            paged(
                admin("API keys of a user, revoked ones too, newest first")
                    .path_parameter::<String>("userId", "The user's id.")
                    .refuses(&[StatusCode::NOT_FOUND]),
                LIMIT,
            )
            .answers::<ApiKeys>(StatusCode::OK, "The keys, without the keys themselves."),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewApiKey, example = json!({"name": "Shop server", "scopes": ["read", "spend", "buy"]}))]
struct ApiKeyInput {
    /// What it is for, for people.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(schema_with = scopes_schema)]
    scopes: Scopes,
    /// Whose wallets it opens: `user:` or `org:` and an id; everyone's unless given.
    wallets_of: Option<String>,
    /// When it ends by itself; never unless given.
    expires_at: Option<GivenMoment>,
}

fn scopes_schema() -> Array {
    ArrayBuilder::new().items(one_of(Scope::NAMES)).min_items(Some(1)).build()
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ApiKeyWithSecret)]
struct NewApiKeyView {
    /// The key itself.
    api_key: String,
    #[serde(flatten)]
    key: ApiKeyView,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ApiKey)]
pub(super) struct ApiKeyView {
    #[schema(value_type = Uuid)]
    api_key_id: ApiKeyId,
    name: String,
    /// The key's first twelve characters.
    #[schema(required)]
    prefix: Option<String>,
    #[schema(schema_with = scopes_schema)]
    scopes: Scopes,
    /// Whose wallets it opens, as `user:` or `org:` and an id; null: everyone's.
    #[schema(required)]
    wallets_of: Option<String>,
    created_at: Moment,
    /// When it ends by itself.
    #[schema(required)]
    expires_at: Option<Moment>,
    /// To the minute.
    #[schema(required)]
    last_used_at: Option<Moment>,
    #[schema(required)]
    revoked_at: Option<Moment>,
}

impl From<ApiKeyRecord> for ApiKeyView {
    fn from(key: ApiKeyRecord) -> Self {
        Self {
            api_key_id: key.id,
            name: key.name,
            prefix: key.prefix,
            scopes: key.scopes,
            wallets_of: match key.wallets_of {
                WalletsOf::Everyone => None,
                WalletsOf::User(user) => Some(format!("user:{user}")),
                WalletsOf::Organization(organization) => Some(format!("org:{organization}")),
            },
            created_at: Moment(key.created_at),
            expires_at: key.expires_at.map(Moment),
            last_used_at: key.last_used_at.map(Moment),
            revoked_at: key.revoked_at.map(Moment),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ApiKeys)]
struct ApiKeys {
    data: Vec<ApiKeyView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

fn wallets_of(text: Option<String>) -> Result<WalletsOf, Problem> {
    let Some(text) = text else { return Ok(WalletsOf::Everyone) };
    let owner = match text.split_once(':') {
        Some(("user", id)) => UserId::try_from(id.to_owned()).ok().map(WalletsOf::User),
        Some(("org", id)) => id.parse().ok().map(OrganizationId).map(WalletsOf::Organization),
        _ => None,
    };
    let problem = || Problem::invalid("walletsOf must be `user:` or `org:` and an id").about("walletsOf");
    owner.ok_or_else(problem)
}

async fn create(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let request: ApiKeyInput = read_object(&call)?;
    let new = NewApiKey {
        name: request.name,
        scopes: request.scopes,
        wallets_of: wallets_of(request.wallets_of)?,
        expires_at: request.expires_at.map(|at| at.0),
    };
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let (id, key) = operations::api_key_create(&api.pool, api.clock.now(), &actor, &new).await?;
            let made = administration::api_key(&mut *api.pool.acquire().await?, id).await?;
            Ok((StatusCode::CREATED, NewApiKeyView { api_key: key.text, key: made.into() }))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Nothing, work).await
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    listed(&api, &call, None).await
}

async fn list_of_user(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let user = user_id(&call)?;
    administration::account(&mut *api.pool.acquire().await?, &user).await?;
    listed(&api, &call, Some(&user)).await
}

async fn listed(api: &SharedState, call: &Call, user: Option<&UserId>) -> Result<Response, Problem> {
    let page = Cursor::<ApiKeyId>::read(call, LIMIT)?;
    let before = page.after.unwrap_or(ApiKeyId(uuid::Uuid::max()));
    let found = administration::api_keys(&mut *api.pool.acquire().await?, user, before, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |key| key.id.to_string());
    let data = found.into_iter().map(ApiKeyView::from).collect();
    Ok(answer(StatusCode::OK, &ApiKeys { data, next_cursor }))
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let found = administration::api_key(&mut *api.pool.acquire().await?, key_id(&call)?).await?;
    Ok(answer(StatusCode::OK, &ApiKeyView::from(found)))
}

async fn revoke(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let id = key_id(&call)?;
    let hash = operations::api_key_revoke(&api.pool, api.clock.now(), &caller.actor, id).await?;
    withdrawn(&api, hash).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn key_id(call: &Call) -> Result<ApiKeyId, Problem> {
    let id = call.path_parameter("apiKeyId").parse();
    id.map_err(|_| Problem::not_found("There is no such API key."))
}
