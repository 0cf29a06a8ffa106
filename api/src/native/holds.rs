//! Holds: reserve credits before work whose price is known only at its end, then capture what it cost.

use std::time::Duration;

use common::clock::Timestamp;
use common::domain::ledger::holds::{self, Ending, Hold, NewHold};
use common::ids::{EntryId, HoldId, OrganizationId};
use common::money::Credits;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use warp::Filter;
use warp::http::StatusCode;

use super::consume::{checked_description, positive, wallet_to_spend};
use super::idempotent::{Answer, Keep, key, once};
use super::{ApiError, caller, user_scope};
use crate::Shared;
use crate::auth::Principal;
use crate::http::{Call, Response, Route, answer, call, finish, first_of, json as body};

const TTL: Duration = Duration::from_mins(15);
const TTL_MAX: Duration = Duration::from_hours(7 * 24);

pub(super) fn routes(api: &Shared) -> Route {
    first_of([place_route(api), capture_route(api), release_route(api), find_route(api)])
}

/// POST /credits/holds
fn place_route(api: &Shared) -> Route {
    let path = warp::path!("credits" / "holds").and(warp::post()).and(call(api));
    path.then(place).map(finish("/credits/holds")).boxed()
}

/// POST /credits/holds/:id/capture
fn capture_route(api: &Shared) -> Route {
    let path = warp::path!("credits" / "holds" / String / "capture").and(warp::post()).and(call(api));
    path.then(capture).map(finish("/credits/holds/:id/capture")).boxed()
}

/// POST /credits/holds/:id/release
fn release_route(api: &Shared) -> Route {
    let path = warp::path!("credits" / "holds" / String / "release").and(warp::post()).and(call(api));
    path.then(release).map(finish("/credits/holds/:id/release")).boxed()
}

/// GET /credits/holds/:id
fn find_route(api: &Shared) -> Route {
    let path = warp::path!("credits" / "holds" / String).and(warp::get()).and(call(api));
    path.then(find).map(finish("/credits/holds/:id")).boxed()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    credits: Box<RawValue>,
    ttl_seconds: Option<u64>,
    description: Option<String>,
    org_id: Option<OrganizationId>,
}

async fn place(api: Shared, call: Call) -> Result<Response, ApiError> {
    let principal = caller(&api, &call).await?;
    let request: Place = body::read(&call)?;
    let amount = positive(&request.credits)?;
    let description = checked_description(request.description)?;
    let ttl = request.ttl_seconds.map_or(TTL, Duration::from_secs);
    if ttl.is_zero() || ttl > TTL_MAX {
        return Err(ApiError::bad_request("invalid_request", "ttlSeconds must be between 1 and 604800"));
    }
    let wallet_id = wallet_to_spend(&api, &principal, request.org_id).await?;
    let id = match key(&call)? {
        Some(key) => HoldId::of_request(&principal.user_id, key),
        None => HoldId::new(),
    };
    let now = api.clock.now();
    let user_id = principal.user_id.clone();
    let new = NewHold { id, wallet_id, user_id, amount, description, expires_at: now + ttl };
    let work = {
        let api = Shared::clone(&api);
        async move {
            let mut transaction = api.pool.begin().await?;
            let hold = holds::place(&mut transaction, now, &new).await?;
            transaction.commit().await?;
            Ok((StatusCode::CREATED, shown(&hold)))
        }
    };
    once(&api, &call, user_scope(&principal), Keep::Answer, work).await
}

#[derive(Default, Deserialize)]
struct Capture {
    credits: Option<Box<RawValue>>,
}

async fn capture(id: String, api: Shared, call: Call) -> Result<Response, ApiError> {
    let principal = caller(&api, &call).await?;
    let request: Capture = body::read_or_default(&call)?;
    let spend = request.credits.as_deref().map(positive).transpose()?;
    let hold = own(&api, &principal, &id).await?;
    let spend = spend.unwrap_or(hold.amount);
    if spend > hold.amount {
        let message = format!("credits must be at most what is held, {}", hold.amount);
        return Err(ApiError::bad_request("invalid_credits", message));
    }
    let work = end(Shared::clone(&api), principal.clone(), hold.id, Ending::Capture(spend));
    once(&api, &call, user_scope(&principal), Keep::Answer, work).await
}

async fn release(id: String, api: Shared, call: Call) -> Result<Response, ApiError> {
    let principal = caller(&api, &call).await?;
    let hold = own(&api, &principal, &id).await?;
    let work = end(Shared::clone(&api), principal.clone(), hold.id, Ending::Release);
    once(&api, &call, user_scope(&principal), Keep::Answer, work).await
}

async fn end(api: Shared, principal: Principal, id: HoldId, ending: Ending) -> Result<Answer, ApiError> {
    let mut transaction = api.pool.begin().await?;
    let (hold, entry, balance) =
        holds::end(&mut transaction, api.clock.now(), &principal.user_id, id, ending).await?;
    transaction.commit().await?;
    Ok((StatusCode::OK, ended(&hold, entry, balance)))
}

async fn find(id: String, api: Shared, call: Call) -> Result<Response, ApiError> {
    let principal = caller(&api, &call).await?;
    let hold = own(&api, &principal, &id).await?;
    Ok(answer(StatusCode::OK, &shown(&hold)))
}

/// The caller's hold of this id; a foreign one is as if it were not there.
async fn own(api: &Shared, principal: &Principal, id: &str) -> Result<Hold, ApiError> {
    let none = || ApiError::not_found("There is no such hold.");
    let id: HoldId = id.parse().map_err(|_| none())?;
    let mut connection = api.pool.acquire().await?;
    holds::find(&mut connection, &principal.user_id, id).await?.ok_or_else(none)
}

fn shown(hold: &Hold) -> Value {
    json!({
        "holdId": hold.id,
        "credits": hold.amount.to_json(),
        "captured": hold.captured.to_json(),
        "state": hold.state.as_str(),
        "expiresAt": moment(hold.expires_at),
    })
}

fn ended(hold: &Hold, entry: Option<EntryId>, balance: Credits) -> Value {
    json!({
        "holdId": hold.id,
        "state": hold.state.as_str(),
        "captured": hold.captured.to_json(),
        "transactionId": entry,
        "balance": balance.to_json(),
    })
}

/// A time as the native API writes it.
pub(super) fn moment(at: Timestamp) -> Value {
    json!(at.format(&Rfc3339).ok())
}
