//! Administration: users, organizations, credentials, and the events that a person has to look at.

use std::time::Duration;

use billing::payments::Provider;
use billing::provider_events::record as recorded;
use billing::provider_events::record::RecordedEvent;
use identity::{NewUser, Role, operations, rules};
use kernel::ids::{ApiKeyId, OrganizationId, PaymentId, UserId, WalletId};
use kernel::text_enum;
use notices::Live;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object};
use warp::http::StatusCode;

use super::idempotent::{Keep, once};
use super::parked_purchases::claim_for;
use super::{ApiError, admin};
use crate::Shared;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Id, Moment, one_of};
use crate::http::{Call, Response, answer, empty, json as body};

pub(super) fn endpoints() -> Vec<Endpoint> {
    let shown_once =
        "The secret is shown in this answer only: a repetition with the same key does not show it again.";
    vec![
        Endpoint::post(
            "/admin/users",
            user,
            Description::new(Access::Admin, "Register a user")
                .says(
                    "With a wallet. Registering the same user again answers the same. What the user bought in app \
                     stores before is credited.",
                )
                .idempotency_key()
                .takes::<NewUserBody>()
                .answers::<UserBody>(StatusCode::CREATED, "The user is registered."),
        ),
        Endpoint::post(
            "/admin/sessions",
            session,
            Description::new(Access::Admin, "Open a login session for a user")
                .says(shown_once)
                .idempotency_key()
                .takes::<NewSession>()
                .answers::<Session>(StatusCode::CREATED, "The session.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/admin/api-keys",
            api_key,
            Description::new(Access::Admin, "Make an API key for a user")
                .says(shown_once)
                .idempotency_key()
                .takes::<NewApiKey>()
                .answers::<ApiKey>(StatusCode::CREATED, "The key.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::delete(
            "/admin/api-keys/{apiKeyId}",
            revoke,
            Description::new(Access::Admin, "Withdraw an API key")
                .says("It ends at once, and so do live connections that were opened with it.")
                .path_parameter::<Id>("apiKeyId", "The key's id, which is not the key.")
                .answers_plainly(StatusCode::NO_CONTENT, "The key is withdrawn.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/admin/organizations",
            organization,
            Description::new(Access::Admin, "Register an organization")
                .says("With a wallet that its members share.")
                .idempotency_key()
                .takes::<NewOrganization>()
                .answers::<Organization>(StatusCode::CREATED, "The organization is registered.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::get(
            "/admin/provider-events",
            events,
            Description::new(Access::Admin, "Events of providers, as they were handled")
                .says("Newest first, without their bodies.")
                .query::<String>("outcome", "Only those with this outcome, such as `quarantined`.")
                .query::<i64>("limit", "How many, between 1 and 500; 50 unless given.")
                .answers::<Events>(StatusCode::OK, "The events.")
                .refuses(&[StatusCode::BAD_REQUEST]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::NewUser)]
struct NewUserBody {
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
struct UserBody {
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
}

async fn user(api: Shared, call: Call) -> Result<Response, ApiError> {
    let admin = admin(&api, &call).await?;
    let request: NewUserBody = body::read(&call)?;
    let user = NewUser { id: request.user_id, email: request.email, is_admin: request.admin };
    let work = {
        let api = Shared::clone(&api);
        async move {
            let user = operations::user_create(&api.pool, api.clock.now(), user).await?;
            claim_for(&api, user.id.clone());
            Ok((StatusCode::CREATED, UserBody { user_id: user.id, wallet_id: user.wallet_id }))
        }
    };
    once(&api, &call, admin.scope, Keep::Answer, work).await
}

#[derive(Deserialize, ToSchema)]
#[schema(as = native::NewOrganization)]
struct NewOrganization {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    members: Vec<Member>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Member)]
struct Member {
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
struct Organization {
    #[schema(value_type = i64)]
    org_id: OrganizationId,
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
}

async fn organization(api: Shared, call: Call) -> Result<Response, ApiError> {
    let admin = admin(&api, &call).await?;
    let request: NewOrganization = body::read(&call)?;
    let members: Vec<(UserId, Role)> =
        request.members.into_iter().map(|member| (member.user_id, member.role)).collect();
    let work = {
        let api = Shared::clone(&api);
        async move {
            let now = api.clock.now();
            let organization =
                operations::organization_create(&api.pool, now, &request.name, &members).await?;
            let shown = Organization { org_id: organization.id, wallet_id: organization.wallet_id };
            Ok((StatusCode::CREATED, shown))
        }
    };
    once(&api, &call, admin.scope, Keep::Answer, work).await
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::NewApiKey)]
struct NewApiKey {
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ApiKey)]
struct ApiKey {
    #[schema(value_type = Uuid)]
    api_key_id: ApiKeyId,
    /// The key itself.
    api_key: String,
}

async fn api_key(api: Shared, call: Call) -> Result<Response, ApiError> {
    let admin = admin(&api, &call).await?;
    let request: NewApiKey = body::read(&call)?;
    let work = {
        let api = Shared::clone(&api);
        async move {
            let (id, key) = operations::api_key_create(&api.pool, api.clock.now(), &request.user_id).await?;
            Ok((StatusCode::CREATED, ApiKey { api_key_id: id, api_key: key.text }))
        }
    };
    once(&api, &call, admin.scope, Keep::Nothing, work).await
}

async fn revoke(api: Shared, call: Call) -> Result<Response, ApiError> {
    admin(&api, &call).await?;
    let id: ApiKeyId = call
        .path_parameter("apiKeyId")
        .parse()
        .map_err(|_| ApiError::not_found("There is no such API key."))?;
    let hash = operations::api_key_revoke(&api.pool, api.clock.now(), id).await?;
    api.auth.forget(hash).await;
    let announcement = Live::CredentialRevoked { key_hash: hash.to_hex() };
    if let Err(error) = api.publisher.announce(&announcement).await {
        tracing::warn!(%error, "other instances may accept a withdrawn key for up to half a minute");
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::NewSession)]
struct NewSession {
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
    /// How long it lasts; a day unless given.
    #[schema(minimum = 1, maximum = 31_536_000)]
    ttl_seconds: Option<u64>,
    /// What may be done with it besides buying and looking: with `spend`, debits and holds. A browser needs none.
    #[serde(default)]
    #[schema(schema_with = scopes_schema)]
    scopes: Vec<Scope>,
}

text_enum! {
    /// A right that a session has only where it was given.
    Scope {
        /// Debits, and holds from beginning to end.
        Spend => "spend",
    }
}

fn scopes_schema() -> Array {
    ArrayBuilder::new().items(one_of(Scope::NAMES)).build()
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Session)]
struct Session {
    /// The token itself.
    session_token: String,
    expires_at: Moment,
}

async fn session(api: Shared, call: Call) -> Result<Response, ApiError> {
    let admin = admin(&api, &call).await?;
    let request: NewSession = body::read(&call)?;
    let ttl = request.ttl_seconds.map_or(rules::SESSION_TTL, Duration::from_secs);
    let may_spend = request.scopes.contains(&Scope::Spend);
    let work = {
        let api = Shared::clone(&api);
        async move {
            let now = api.clock.now();
            let (token, expires_at) =
                operations::session_create(&api.pool, now, &request.user_id, ttl, may_spend).await?;
            let shown = Session { session_token: token.text, expires_at: Moment(expires_at) };
            Ok((StatusCode::CREATED, shown))
        }
    };
    once(&api, &call, admin.scope, Keep::Nothing, work).await
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::ProviderEvents)]
struct Events {
    events: Vec<Event>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ProviderEvent)]
struct Event {
    #[schema(schema_with = provider_schema)]
    provider: &'static str,
    event_id: String,
    #[serde(rename = "type")]
    event_type: String,
    /// The object at the provider that it is about.
    #[schema(required)]
    object_id: Option<String>,
    /// The order that it is about.
    #[schema(value_type = Option<Uuid>, required)]
    payment_id: Option<PaymentId>,
    /// What became of it, such as `applied` or `quarantined`.
    outcome: String,
    /// Why.
    #[schema(required)]
    reason: Option<String>,
    received_at: Moment,
    handled_at: Moment,
}

fn provider_schema() -> Object {
    one_of(Provider::NAMES)
}

async fn events(api: Shared, call: Call) -> Result<Response, ApiError> {
    admin(&api, &call).await?;
    let limit = match call.parameter("limit").unwrap_or("50").parse() {
        Ok(limit @ 1..=500_i64) => limit,
        _ => return Err(ApiError::bad_request("invalid_request", "limit must be between 1 and 500")),
    };
    let mut connection = api.pool.acquire().await?;
    let events = recorded::list(&mut connection, call.parameter("outcome"), limit).await?;
    let events = events.into_iter().map(shown).collect();
    Ok(answer(StatusCode::OK, &Events { events }))
}

fn shown(event: RecordedEvent) -> Event {
    Event {
        provider: event.provider.as_str(),
        event_id: event.event_id,
        event_type: event.event_type,
        object_id: event.object_id,
        payment_id: event.payment_id,
        outcome: event.outcome,
        reason: event.reason,
        received_at: Moment(event.received_at),
        handled_at: Moment(event.handled_at),
    }
}
