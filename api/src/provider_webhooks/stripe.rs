//! Stripe's webhooks. Every event is taken, at each of the paths.

use billing::payments::Provider;
use bytes::Bytes;
use serde_json::Value;
use signatures::stripe::{SignatureError, verify};
use utoipa::ToSchema;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{Method, StatusCode};

use super::{Received, Refusal, acknowledge, publish};
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Response, Route};
use crate::state::SharedState;

pub(crate) fn endpoint(path: &'static str) -> Endpoint {
    let description = Description::new(Access::Provider, "Take an event of Stripe's")
        .says("Any event: those that are about no order of ours are recorded and change nothing.")
        .required_header::<String>("Stripe-Signature", "Stripe's signature of the body: `t=…,v1=…`.")
        .takes::<Event>()
        .answers::<Received>(StatusCode::OK, "The event is kept.")
        .refuses(&[StatusCode::BAD_REQUEST]);
    Endpoint::special(Method::POST, path, receiving, description)
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

/// Reads the signature and the body of a request and nothing else: this is the busiest endpoint of all.
fn receiving(api: &SharedState, here: BoxedFilter<()>) -> Route {
    let api = SharedState::clone(api);
    here.and(warp::header::optional::<String>("stripe-signature"))
        .and(warp::body::bytes())
        .then(move |signature: Option<String>, body: Bytes| {
            let api = SharedState::clone(&api);
            async move {
                let published = take(&api, signature.as_deref(), &body).await;
                acknowledge(Provider::Stripe, published).unwrap_or_else(Response::from)
            }
        })
        .boxed()
}

async fn take(api: &SharedState, signature: Option<&str>, body: &[u8]) -> Result<(), Refusal> {
    let header = signature.ok_or(SignatureError::Missing)?;
    verify(header, body, &api.config.stripe_webhook_secrets, api.clock.now())?;
    publish(api, Provider::Stripe, body).await
}
