//! Stripe's webhooks, at the two paths where clients of other systems have them. Both take every event.

use bytes::Bytes;
use common::domain::payments::Provider;
use common::jobs::ProviderEvent;
use common::stripe::signature::{SignatureError, verify};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{Method, StatusCode};

use super::{billing_error, timeproof_error};
use crate::Shared;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Response, Route, answer};

/// Where TimeProof has it.
pub(super) const TIMEPROOF_PATH: &str = "/api/payments/webhook";
/// Where the Billing API has it.
pub(super) const BILLING_PATH: &str = "/payment/webhook/stripe";

/// How one of the APIs words an error.
type Words = fn(StatusCode, &str) -> Response;

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

#[derive(Serialize, ToSchema)]
#[schema(as = webhooks::Received)]
struct Received {
    /// True.
    received: bool,
}

/// Of the request it takes the signature and the body and nothing else: this is the busiest of all.
fn receiving(api: &Shared, here: BoxedFilter<()>, words: Words) -> Route {
    let api = Shared::clone(api);
    here.and(warp::header::optional::<String>("stripe-signature"))
        .and(warp::body::bytes())
        .then(move |signature: Option<String>, body: Bytes| {
            let api = Shared::clone(&api);
            async move {
                let kept = keep(&api, signature.as_deref(), &body).await;
                let outcome = kept.as_ref().map_or_else(|refusal| refusal.outcome(), |()| "accepted");
                metrics::counter!("purser_webhooks_total", "provider" => "stripe", "outcome" => outcome)
                    .increment(1);
                match kept {
                    Ok(()) => answer(StatusCode::OK, &Received { received: true }),
                    Err(refusal) => words(refusal.status(), &refusal.to_string()),
                }
            }
        })
        .boxed()
}

/// Why an event is not acknowledged.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("the body is not a JSON object")]
    NotJson,
    #[error("the event cannot be kept now: send it again")]
    Unavailable,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Signature(_) | Self::NotJson => StatusCode::BAD_REQUEST,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// For the metrics.
    fn outcome(&self) -> &'static str {
        match self {
            Self::Signature(_) => "bad_signature",
            Self::NotJson => "not_json",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Verifies an event and has the broker keep it.
async fn keep(api: &Shared, signature: Option<&str>, body: &[u8]) -> Result<(), Refusal> {
    let now = api.clock.now();
    let header = signature.ok_or(SignatureError::Missing)?;
    verify(header, body, &api.config.stripe_webhook_secrets, now)?;
    let body: Box<RawValue> = serde_json::from_slice(body).map_err(|_| Refusal::NotJson)?;
    if !body.get().starts_with('{') {
        return Err(Refusal::NotJson);
    }
    // Refused before it waits in a group, so that an outage answers at once.
    if !api.publisher.is_connected() {
        return Err(Refusal::Unavailable);
    }
    let event = ProviderEvent { provider: Provider::Stripe, received_at: now, body };
    match api.intake.submit(event).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
    }
}
