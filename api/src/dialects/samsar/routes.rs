//! Samsar's routes, each under `/v1` and `/v2`.

use common::domain::ledger::operations::balance;
use common::domain::payments::store::last_top_up;
use serde_json::json;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderValue, StatusCode};

use super::error::SamsarError;
use super::{recharge, status, types};
use crate::Shared;
use crate::auth::Principal;
use crate::http::{Call, Response, Route, answer, call, finish, first_of};

pub(super) fn all(api: &Shared) -> Route {
    first_of([
        credits_route(api),
        recharge_route(api),
        status_route(api, warp::get().boxed()),
        status_route(api, warp::post().boxed()),
    ])
}

/// `/v1` or `/v2`.
fn version() -> BoxedFilter<()> {
    warp::path("v1").or(warp::path("v2")).unify().boxed()
}

/// GET /v1/credits
fn credits_route(api: &Shared) -> Route {
    let path = version().and(warp::path!("credits")).and(warp::get()).and(call(api));
    path.then(credits).map(finish("/v1/credits")).boxed()
}

/// POST /v1/credits/recharge
fn recharge_route(api: &Shared) -> Route {
    let path = version().and(warp::path!("credits" / "recharge")).and(warp::post()).and(call(api));
    path.then(recharge::recharge).map(finish("/v1/credits/recharge")).boxed()
}

/// GET and POST /v1/payment_status
fn status_route(api: &Shared, method: BoxedFilter<()>) -> Route {
    let path = version().and(warp::path!("payment_status")).and(method).and(call(api));
    path.then(status::payment_status).map(finish("/v1/payment_status")).boxed()
}

/// The user who calls.
pub(super) async fn caller(api: &Shared, call: &Call) -> Result<Principal, SamsarError> {
    Ok(api.auth.caller(&call.method, &call.headers, &api.origins).await?)
}

async fn credits(api: Shared, call: Call) -> Result<Response, SamsarError> {
    let principal = caller(&api, &call).await?;
    let mut connection = api.pool.acquire().await?;
    let remaining = balance(&mut connection, api.clock.now(), principal.wallet_id).await?;
    let last = last_top_up(&mut connection, principal.wallet_id).await?;
    let mut response = answer(
        StatusCode::OK,
        &json!({
            "remainingCredits": remaining.to_json(),
            "lastTopUp": last.as_ref().map(types::last_top_up),
        }),
    );
    if let Ok(value) = HeaderValue::from_str(&remaining.to_string()) {
        response.headers_mut().insert("x-credits-remaining", value);
    }
    Ok(response)
}
