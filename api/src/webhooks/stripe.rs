//! Stripe's webhooks, at the two paths where clients of other systems have them. Both take every event.

use billing::payments::Provider;
use bytes::Bytes;
use serde_json::Value;
use signatures::stripe::{SignatureError, verify};
use utoipa::ToSchema;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{Method, StatusCode};

use super::{Received, Refusal, Words, acknowledge, billing_error, keep, timeproof_error};
use crate::Shared;
use crate::http::Route;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;

/// Where TimeProof has it.
pub(super) const TIMEPROOF_PATH: &str = "/api/payments/webhook";
/// Where the Billing API has it.
pub(super) const BILLING_PATH: &str = "/payment/webhook/stripe";

pub(super) fn timeproof() -> Vec<Endpoint> {
    vec![endpoint(TIMEPROOF_PATH, |api, here| receiving(api, here, timeproof_error))]
}

pub(super) fn billing() -> Vec<Endpoint> {
    vec![endpoint(BILLING_PATH, |api, here| receiving(api, here, billing_error))]
}

fn endpoint(path: &'static str, route: fn(&Shared, BoxedFilter<()>) -> Route) -> Endpoint {
    let description = Description::new(Access::Provider, "Take an event of Stripe's")
        .says("Any event: those that are about no order of ours are recorded and change nothing.")
        .required_header::<String>("Stripe-Signature", "Stripe's signature of the body: `t=…,v1=…`.")
        .takes::<Event>()
        .answers::<Received>(StatusCode::OK, "The event is kept.")
        .refuses(&[StatusCode::BAD_REQUEST]);
    Endpoint::special(Method::POST, path, route, description)
}

/// A Stripe event, of which only what every event has is named here.
#[derive(ToSchema)]
#[schema(as = webhooks::StripeEvent)]
#[allow(dead_code, reason = "it describes what is passed on as it is")]
struct Event {
    id: String,
    r#type: String,
    /// With the object that the event is about.
    data: Value,
}

/// Of the request it takes the signature and the body and nothing else: this is the busiest of all.
fn receiving(api: &Shared, here: BoxedFilter<()>, words: Words) -> Route {
    let api = Shared::clone(api);
    here.and(warp::header::optional::<String>("stripe-signature"))
        .and(warp::body::bytes())
        .then(move |signature: Option<String>, body: Bytes| {
            let api = Shared::clone(&api);
            async move {
                let kept = take(&api, signature.as_deref(), &body).await;
                acknowledge(Provider::Stripe, &kept, words)
            }
        })
        .boxed()
}

/// Verifies an event and has the broker keep it.
async fn take(api: &Shared, signature: Option<&str>, body: &[u8]) -> Result<(), Refusal> {
    let header = signature.ok_or(SignatureError::Missing)?;
    verify(header, body, &api.config.stripe_webhook_secrets, api.clock.now())?;
    keep(api, Provider::Stripe, body).await
}
