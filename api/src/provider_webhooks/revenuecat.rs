//! RevenueCat's webhooks: purchases in app stores. Anything but exactly 200 makes RevenueCat send an event again,
//! a few times within hours.

use billing::payments::Provider;
use serde_json::Value;
use signatures::revenuecat::{Headers, verify};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::{Received, Refusal, acknowledge, publish};
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::problem::Problem;
use crate::state::SharedState;

pub(crate) fn endpoint(path: &'static str) -> Endpoint {
    let description = Description::new(Access::Provider, "Take an event of RevenueCat's")
        .says("Any event: those that are about no product of ours are recorded and change nothing.")
        .required_header::<String>("Authorization", "The text that is agreed on with RevenueCat, as a whole.")
        .header::<String>(
            "X-RevenueCat-Webhook-Signature",
            "The signature of the body, `t=…,v1=…`, where signing is agreed on; also as `X-RevenueCat-Signature`.",
        )
        .takes::<Event>()
        .answers::<Received>(StatusCode::OK, "The event is kept.")
        .refuses(&[StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED]);
    Endpoint::post(path, receive, description)
}

/// A RevenueCat event.
#[derive(ToSchema)]
#[schema(as = webhooks::RevenuecatEvent)]
#[allow(dead_code, reason = "it describes what is passed on as it is")]
struct Event {
    api_version: String,
    /// With `id`, `type`, and what the type has.
    event: Value,
}

async fn receive(api: SharedState, call: Call) -> Result<Response, Problem> {
    acknowledge(Provider::Revenuecat, take(&api, &call).await)
}

async fn take(api: &SharedState, call: &Call) -> Result<(), Refusal> {
    let headers = Headers {
        authorization: call.header("authorization"),
        signature: call
            .header("x-revenuecat-webhook-signature")
            .or_else(|| call.header("x-revenuecat-signature")),
    };
    verify(headers, &call.body, &api.config.revenuecat, api.clock.now())?;
    publish(api, Provider::Revenuecat, &call.body).await
}
