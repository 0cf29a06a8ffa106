//! Creem's webhooks. Anything but exactly 200 makes Creem send an event again.

use billing::payments::Provider;
use serde_json::Value;
use signatures::creem::{Headers, verify};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::{Received, Refusal, acknowledge, billing_error, keep};
use crate::Shared;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Call, Response};

/// Where the Billing API has it.
pub(super) const PATH: &str = "/payment/webhook/creem";

pub(super) fn endpoints() -> Vec<Endpoint> {
    let description = Description::new(Access::Provider, "Take an event of Creem's")
        .says("Any event: those that are about no order of ours are recorded and change nothing.")
        .required_header::<String>("creem-signature", "The HMAC-SHA256 of the body, in hexadecimal digits.")
        .takes::<Event>()
        .answers::<Received>(StatusCode::OK, "The event is kept.")
        .refuses(&[StatusCode::BAD_REQUEST]);
    vec![Endpoint::post(PATH, receive, description)]
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

async fn receive(api: Shared, call: Call) -> Result<Response, Response> {
    let kept = take(&api, &call).await;
    Ok(acknowledge(Provider::Creem, &kept, billing_error))
}

/// Verifies an event and has the broker keep it.
async fn take(api: &Shared, call: &Call) -> Result<(), Refusal> {
    let headers = Headers {
        plain: call.header("creem-signature").or_else(|| call.header("x-creem-signature")),
        id: call.header("webhook-id"),
        timestamp: call.header("webhook-timestamp"),
        standard: call.header("webhook-signature"),
    };
    verify(headers, &call.body, &api.config.creem_webhook_secrets, api.clock.now())?;
    keep(api, Provider::Creem, &call.body).await
}
