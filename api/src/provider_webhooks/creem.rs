//! Creem's webhooks. Anything but exactly 200 makes Creem send an event again.

use billing::payments::Provider;
use serde_json::Value;
use signatures::creem::{Headers, verify};
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
    let description = Description::new(Access::Provider, "Take an event of Creem's")
        .says("Any event: those that are about no order of ours are recorded and change nothing.")
        .required_header::<String>("creem-signature", "The HMAC-SHA256 of the body, in hexadecimal digits.")
        .takes::<Event>()
        .answers::<Received>(StatusCode::OK, "The event is kept.")
        .refuses(&[StatusCode::BAD_REQUEST]);
    Endpoint::post(path, receive, description)
}

/// A Creem event, of which only what every event has is named here.
#[derive(ToSchema)]
#[schema(as = webhooks::CreemEvent)]
#[allow(dead_code, non_snake_case, reason = "it describes what is passed on as it is")]
struct Event {
    id: String,
    eventType: String,
    /// What the event is about.
    object: Value,
}

async fn receive(api: SharedState, call: Call) -> Result<Response, Problem> {
    acknowledge(Provider::Creem, take(&api, &call).await)
}

async fn take(api: &SharedState, call: &Call) -> Result<(), Refusal> {
    let headers = Headers {
        plain: call.header("creem-signature").or_else(|| call.header("x-creem-signature")),
        id: call.header("webhook-id"),
        timestamp: call.header("webhook-timestamp"),
        standard: call.header("webhook-signature"),
    };
    verify(headers, &call.body, &api.config.creem_webhook_secrets, api.clock.now())?;
    publish(api, Provider::Creem, &call.body).await
}
