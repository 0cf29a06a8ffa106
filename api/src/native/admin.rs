//! Administration: users, organizations, credentials, and the events that a person has to look at.

use std::time::Duration;

use common::domain::identity::{NewUser, Role, operations, rules};
use common::domain::payments;
use common::ids::{ApiKeyId, UserId};
use common::messaging::Live;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::Filter;
use warp::http::StatusCode;

use super::holds::moment;
use super::idempotent::{Keep, once};
use super::{ApiError, admin};
use crate::Shared;
use crate::http::{Call, Response, Route, answer, call, empty, finish, first_of, json as body};

pub(super) fn routes(api: &Shared) -> Route {
    first_of([
        user_route(api),
        session_route(api),
        api_key_route(api),
        revoke_route(api),
        organization_route(api),
        events_route(api),
    ])
}

/// POST /admin/users
fn user_route(api: &Shared) -> Route {
    let path = warp::path!("admin" / "users").and(warp::post()).and(call(api));
    path.then(user).map(finish("/admin/users")).boxed()
}

/// POST /admin/organizations
fn organization_route(api: &Shared) -> Route {
    let path = warp::path!("admin" / "organizations").and(warp::post()).and(call(api));
    path.then(organization).map(finish("/admin/organizations")).boxed()
}

/// POST /admin/api-keys
fn api_key_route(api: &Shared) -> Route {
    let path = warp::path!("admin" / "api-keys").and(warp::post()).and(call(api));
    path.then(api_key).map(finish("/admin/api-keys")).boxed()
}

/// DELETE /admin/api-keys/:id
fn revoke_route(api: &Shared) -> Route {
    let path = warp::path!("admin" / "api-keys" / String).and(warp::delete()).and(call(api));
    path.then(revoke).map(finish("/admin/api-keys/:id")).boxed()
}

/// POST /admin/sessions
fn session_route(api: &Shared) -> Route {
    let path = warp::path!("admin" / "sessions").and(warp::post()).and(call(api));
    path.then(session).map(finish("/admin/sessions")).boxed()
}

/// GET /admin/provider-events
fn events_route(api: &Shared) -> Route {
    let path = warp::path!("admin" / "provider-events").and(warp::get()).and(call(api));
    path.then(events).map(finish("/admin/provider-events")).boxed()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    user_id: UserId,
    email: Option<String>,
    #[serde(default)]
    admin: bool,
}

async fn user(api: Shared, call: Call) -> Result<Response, ApiError> {
    let admin = admin(&api, &call).await?;
    let request: User = body::read(&call)?;
    let user = NewUser { id: request.user_id, email: request.email, is_admin: request.admin };
    let work = {
        let api = Shared::clone(&api);
        async move {
            let user = operations::user_create(&api.pool, api.clock.now(), user).await?;
            Ok((StatusCode::CREATED, json!({ "userId": user.id, "walletId": user.wallet_id })))
        }
    };
    once(&api, &call, admin.scope, Keep::Answer, work).await
}

#[derive(Deserialize)]
struct Organization {
    name: String,
    members: Vec<Member>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    user_id: UserId,
    role: Role,
}

async fn organization(api: Shared, call: Call) -> Result<Response, ApiError> {
    let admin = admin(&api, &call).await?;
    let request: Organization = body::read(&call)?;
    let members: Vec<(UserId, Role)> =
        request.members.into_iter().map(|member| (member.user_id, member.role)).collect();
    let work = {
        let api = Shared::clone(&api);
        async move {
            let now = api.clock.now();
            let organization =
                operations::organization_create(&api.pool, now, &request.name, &members).await?;
            let shown = json!({ "orgId": organization.id, "walletId": organization.wallet_id });
            Ok((StatusCode::CREATED, shown))
        }
    };
    once(&api, &call, admin.scope, Keep::Answer, work).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiKey {
    user_id: UserId,
}

async fn api_key(api: Shared, call: Call) -> Result<Response, ApiError> {
    let admin = admin(&api, &call).await?;
    let request: ApiKey = body::read(&call)?;
    let work = {
        let api = Shared::clone(&api);
        async move {
            let (id, key) = operations::api_key_create(&api.pool, api.clock.now(), &request.user_id).await?;
            Ok((StatusCode::CREATED, json!({ "apiKeyId": id, "apiKey": key.text })))
        }
    };
    once(&api, &call, admin.scope, Keep::Nothing, work).await
}

async fn revoke(id: String, api: Shared, call: Call) -> Result<Response, ApiError> {
    admin(&api, &call).await?;
    let id: ApiKeyId = id.parse().map_err(|_| ApiError::not_found("There is no such API key."))?;
    let hash = operations::api_key_revoke(&api.pool, api.clock.now(), id).await?;
    api.auth.forget(hash).await;
    let announcement = Live::CredentialRevoked { key_hash: hash.to_hex() };
    if let Err(error) = api.publisher.announce(&announcement).await {
        tracing::warn!(%error, "other instances may accept a withdrawn key for up to half a minute");
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    user_id: UserId,
    ttl_seconds: Option<u64>,
}

async fn session(api: Shared, call: Call) -> Result<Response, ApiError> {
    let admin = admin(&api, &call).await?;
    let request: Session = body::read(&call)?;
    let ttl = request.ttl_seconds.map_or(rules::SESSION_TTL, Duration::from_secs);
    let work = {
        let api = Shared::clone(&api);
        async move {
            let now = api.clock.now();
            let (token, expires_at) =
                operations::session_create(&api.pool, now, &request.user_id, ttl).await?;
            let shown = json!({ "sessionToken": token.text, "expiresAt": moment(expires_at) });
            Ok((StatusCode::CREATED, shown))
        }
    };
    once(&api, &call, admin.scope, Keep::Nothing, work).await
}

/// Events as recorded, newest first, without their bodies: `?outcome=quarantined&limit=50`.
async fn events(api: Shared, call: Call) -> Result<Response, ApiError> {
    admin(&api, &call).await?;
    let limit = match call.parameter("limit").unwrap_or("50").parse() {
        Ok(limit @ 1..=500_i64) => limit,
        _ => return Err(ApiError::bad_request("invalid_request", "limit must be between 1 and 500")),
    };
    let mut connection = api.pool.acquire().await?;
    let events = payments::events::list(&mut connection, call.parameter("outcome"), limit).await?;
    let events: Vec<Value> = events
        .iter()
        .map(|event| {
            json!({
                "provider": event.provider.as_str(),
                "eventId": event.event_id,
                "type": event.event_type,
                "objectId": event.object_id,
                "paymentId": event.payment_id,
                "outcome": event.outcome,
                "reason": event.reason,
                "receivedAt": moment(event.received_at),
                "handledAt": moment(event.handled_at),
            })
        })
        .collect();
    Ok(answer(StatusCode::OK, &json!({ "events": events })))
}
