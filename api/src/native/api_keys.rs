//! API keys: for whom they are good, what may be done with them, and since when they were not used.

use audit::note;
use identity::administration::{self, ApiKeyRecord};
use identity::rights::{Scope, Scopes};
use identity::{NewApiKey, WalletsOf, operations};
use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, OrganizationId, UserId};
use ledger::limits::{self, LimitStatus, Limits, Whose};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder};
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::limits::{LimitInput, LimitView, limits_of, recorded};
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
        Endpoint::put(
            "/purser/v1/api-keys/{apiKeyId}/limits",
            put_limits,
            key("Limit what is spent with an API key")
                .says(
                    "Of all wallets together, in a day, a month, or both, of UTC; instead of the limits that it had, \
                     and \
                     at once. What was counted before stays counted.",
                )
                .takes::<LimitsInput>()
                .answers::<ApiKeyView>(StatusCode::OK, "The key, and where its limits stand."),
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
    /// How much may be spent with it, of all wallets together: at most one limit per day and one per month.
    #[serde(default)]
    #[schema(max_items = 2)]
    limits: Vec<LimitInput>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewLimits, example = json!({"limits": [{"credits": 100, "per": "day"}, {"credits": 1000,
    "per": "month"}]}))]
struct LimitsInput {
    /// At most one limit per day and one per month; none: as much as there is.
    #[schema(max_items = 2)]
    limits: Vec<LimitInput>,
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
    /// How much may be spent with it; as much as there is where there is no limit.
    limits: Vec<LimitView>,
}

impl ApiKeyView {
    pub(super) fn new(key: ApiKeyRecord, limits: Vec<LimitStatus>) -> Self {
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
            limits: limits.into_iter().map(LimitView::from).collect(),
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
    let limits = limits_of(&request.limits)?;
    let work = {
        let (api, actor) = (SharedState::clone(&api), caller.actor.clone());
        async move {
            let mut transaction = api.pool.begin().await?;
            let now = api.clock.now();
            let (id, key) = operations::api_key_create(&mut transaction, now, &actor, &new).await?;
            if !limits.is_none() {
                set_limits(&mut transaction, now, &actor, id, limits).await?;
            }
            let made = shown(&mut transaction, now, id).await?;
            transaction.commit().await?;
            Ok((StatusCode::CREATED, NewApiKeyView { api_key: key.text, key: made }))
        }
    };
    once(&api, &call, caller.key_space(), Keep::Nothing, work).await
}

async fn set_limits(
    connection: &mut PgConnection,
    now: Timestamp,
    actor: &str,
    id: ApiKeyId,
    new: Limits,
) -> Result<(), Problem> {
    note(connection, now, actor, "api_key.limits", &id.to_string(), recorded(new)).await?;
    Ok(limits::put(connection, now, &Whose::ApiKey(id), new).await?)
}

/// Keys, each with its limits.
pub(super) async fn with_limits(
    connection: &mut PgConnection,
    now: Timestamp,
    keys: Vec<ApiKeyRecord>,
) -> Result<Vec<(ApiKeyRecord, Vec<LimitStatus>)>, sqlx::Error> {
    let ids: Vec<ApiKeyId> = keys.iter().map(|key| key.id).collect();
    let mut limits = limits::of_api_keys(connection, now, &ids).await?;
    let with = |key: ApiKeyRecord| {
        let limits = limits.remove(&key.id).unwrap_or_default();
        (key, limits)
    };
    Ok(keys.into_iter().map(with).collect())
}

/// A key with its limits.
async fn shown(connection: &mut PgConnection, now: Timestamp, id: ApiKeyId) -> Result<ApiKeyView, Problem> {
    let found = administration::api_key(connection, id).await?;
    let limits = limits::of_api_keys(connection, now, &[id]).await?.remove(&id);
    Ok(ApiKeyView::new(found, limits.unwrap_or_default()))
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
    let mut connection = api.pool.acquire().await?;
    let found = administration::api_keys(&mut connection, user, before, page.asked()).await?;
    let (found, next_cursor) = page.cut(found, |key| key.id.to_string());
    let found = with_limits(&mut connection, api.clock.now(), found).await?;
    let data = found.into_iter().map(|(key, limits)| ApiKeyView::new(key, limits)).collect();
    Ok(answer(StatusCode::OK, &ApiKeys { data, next_cursor }))
}

async fn find(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Admin).await?;
    let found = shown(&mut *api.pool.acquire().await?, api.clock.now(), key_id(&call)?).await?;
    Ok(answer(StatusCode::OK, &found))
}

async fn put_limits(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let limits = limits_of(&read_object::<LimitsInput>(&call)?.limits)?;
    let (id, now) = (key_id(&call)?, api.clock.now());
    let mut transaction = api.pool.begin().await?;
    administration::api_key(&mut transaction, id).await?;
    set_limits(&mut transaction, now, &caller.actor, id, limits).await?;
    let changed = shown(&mut transaction, now, id).await?;
    transaction.commit().await?;
    Ok(answer(StatusCode::OK, &changed))
}

async fn revoke(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Admin).await?;
    let id = key_id(&call)?;
    let now = api.clock.now();
    let mut transaction = api.pool.begin().await?;
    let hash = operations::api_key_revoke(&mut transaction, now, &caller.actor, id).await?;
    limits::put(&mut transaction, now, &Whose::ApiKey(id), Limits::default()).await?;
    transaction.commit().await?;
    withdrawn(&api, hash).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn key_id(call: &Call) -> Result<ApiKeyId, Problem> {
    let id = call.path_parameter("apiKeyId").parse();
    id.map_err(|_| Problem::not_found("There is no such API key."))
}
