//! Purser's own API: administration, spending, holds, live events, health. camelCase; errors are
//! `{"error":{"code","message"}}`; every POST takes an `Idempotency-Key`.

mod admin;
mod auto_recharge;
mod balance_alerts;
mod catalog;
mod consume;
mod dead_letters;
mod documentation;
mod error;
mod health;
mod holds;
mod idempotent;
mod live;
mod organizations;
mod pages;
mod parked_purchases;
mod payments;
pub(crate) mod spending;
mod webhook_endpoints;

use warp::http::StatusCode;

pub(crate) use error::{ApiError, ErrorBody};

use crate::Shared;
use crate::auth::Principal;
use crate::http::description::named_schema;
use crate::http::endpoint::Endpoint;
use crate::http::{Call, Failure, Response};
use crate::routes::Surface;

/// The native API owns every path that no other API owns.
pub(crate) static SURFACE: Surface = Surface {
    name: "native",
    about: "Purser's own API: administration, spending, holds, live events, health. Names are camelCase, times are \
            RFC 3339, and every POST takes an `Idempotency-Key`. Errors are `{\"error\": {\"code\", \"message\"}}`: \
            programs go by the code, the message is for people.",
    owns: |_| true,
    endpoints,
    render,
    error: named_schema::<ErrorBody>,
};

fn endpoints() -> Vec<Endpoint> {
    let parts = [
        consume::endpoints(),
        holds::endpoints(),
        auto_recharge::endpoints(),
        live::endpoints(),
        admin::endpoints(),
        catalog::endpoints(),
        dead_letters::endpoints(),
        parked_purchases::endpoints(),
        organizations::endpoints(),
        balance_alerts::endpoints(),
        webhook_endpoints::endpoints(),
        payments::endpoints(),
        health::endpoints(),
        documentation::endpoints(),
        pages::endpoints(),
    ];
    parts.into_iter().flatten().collect()
}

/// What the server itself finds wrong.
pub(crate) fn render(failure: Failure) -> Response {
    let code = match failure {
        Failure::NotFound => "not_found",
        Failure::MethodNotAllowed => "method_not_allowed",
        Failure::BadRequest => "bad_request",
        Failure::Timeout => "request_timeout",
        Failure::TooLarge => "body_too_large",
        Failure::TooManyRequests => "rate_limited",
        Failure::Internal => "internal",
    };
    ApiError::new(failure.status(), code, failure.message()).into()
}

/// The user who calls.
async fn caller(api: &Shared, call: &Call) -> Result<Principal, ApiError> {
    Ok(api.auth.caller(&call.method, &call.headers, &api.origins).await?)
}

/// Who calls the admin API: the configured key, or a user with the admin role.
async fn admin(api: &Shared, call: &Call) -> Result<Admin, ApiError> {
    if api.auth.is_admin_key(&call.headers) {
        return Ok(Admin { scope: "admin".to_owned() });
    }
    let principal = caller(api, call).await?;
    if !principal.is_admin {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", "This needs the admin role."));
    }
    Ok(Admin { scope: user_scope(&principal) })
}

/// Someone who may administrate.
struct Admin {
    /// Whose idempotency keys are used.
    scope: String,
}

/// Whose idempotency keys a user uses.
fn user_scope(principal: &Principal) -> String {
    format!("user:{}", principal.user_id)
}
