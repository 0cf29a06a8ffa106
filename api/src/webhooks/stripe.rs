//! Stripe's webhooks, at the two paths where clients of other systems have them. Both take every event.

use bytes::Bytes;
use common::domain::payments::Provider;
use common::jobs::ProviderEvent;
use common::stripe::signature::{SignatureError, verify};
use serde_json::json;
use serde_json::value::RawValue;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;

use super::{billing_error, timeproof_error};
use crate::Shared;
use crate::http::{Response, Route, answer, named};

/// Where TimeProof has it.
pub(super) const TIMEPROOF_PATH: &str = "/api/payments/webhook";
/// Where the Billing API has it.
pub(super) const BILLING_PATH: &str = "/payment/webhook/stripe";

/// How one of the APIs words an error.
type Words = fn(StatusCode, &str) -> Response;

/// POST /api/payments/webhook
pub(super) fn timeproof(api: &Shared) -> Route {
    let path = warp::path!("api" / "payments" / "webhook").and(warp::post());
    receiving(api, path.boxed(), TIMEPROOF_PATH, timeproof_error)
}

/// POST /payment/webhook/stripe
pub(super) fn billing(api: &Shared) -> Route {
    let path = warp::path!("payment" / "webhook" / "stripe").and(warp::post());
    receiving(api, path.boxed(), BILLING_PATH, billing_error)
}

fn receiving(api: &Shared, path: BoxedFilter<()>, name: &'static str, words: Words) -> Route {
    let api = Shared::clone(api);
    path.and(warp::header::optional::<String>("stripe-signature"))
        .and(warp::body::bytes())
        .then(move |signature: Option<String>, body: Bytes| {
            let api = Shared::clone(&api);
            async move {
                let kept = keep(&api, signature.as_deref(), &body).await;
                let outcome = kept.as_ref().map_or_else(|refusal| refusal.outcome(), |()| "accepted");
                metrics::counter!("purser_webhooks_total", "provider" => "stripe", "outcome" => outcome)
                    .increment(1);
                match kept {
                    Ok(()) => answer(StatusCode::OK, &json!({ "received": true })),
                    Err(refusal) => words(refusal.status(), &refusal.to_string()),
                }
            }
        })
        .map(named(name))
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
