//! Stripe's webhooks, at the two paths where clients of other systems have them. Both take every event.

use common::domain::payments::Provider;
use common::jobs::ProviderEvent;
use common::stripe::signature::{SignatureError, verify};
use serde_json::json;
use serde_json::value::RawValue;
use warp::Filter;
use warp::http::StatusCode;

use super::{billing_error, timeproof_error};
use crate::Shared;
use crate::http::{Response, Route, answer, finish};

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

fn receiving(api: &Shared, path: warp::filters::BoxedFilter<()>, name: &'static str, words: Words) -> Route {
    let api = Shared::clone(api);
    path.and(warp::header::optional::<String>("stripe-signature"))
        .and(warp::body::bytes())
        .then(move |signature: Option<String>, body: bytes::Bytes| {
            let api = Shared::clone(&api);
            async move { receive(&api, signature.as_deref(), &body, words).await }
        })
        .map(finish::<Response>(name))
        .boxed()
}

async fn receive(
    api: &Shared,
    signature: Option<&str>,
    body: &[u8],
    words: Words,
) -> Result<Response, Response> {
    let now = api.clock.now();
    let refused = |outcome: &'static str, status: StatusCode, message: &str| {
        count(outcome);
        words(status, message)
    };
    signature
        .ok_or(SignatureError::Missing)
        .and_then(|header| verify(header, body, &api.config.stripe_webhook_secrets, now))
        .map_err(|error| refused("bad_signature", StatusCode::BAD_REQUEST, &error.to_string()))?;
    let body = serde_json::from_slice::<Box<RawValue>>(body)
        .ok()
        .filter(|text| text.get().starts_with('{'))
        .ok_or_else(|| refused("not_json", StatusCode::BAD_REQUEST, "the body is not a JSON object"))?;
    // Refused before it waits in a group, so that an outage answers at once.
    let unavailable = || {
        refused("unavailable", StatusCode::SERVICE_UNAVAILABLE, "the event cannot be kept now: send it again")
    };
    if !api.publisher.is_connected() {
        return Err(unavailable());
    }
    let event = ProviderEvent { provider: Provider::Stripe, received_at: now, body };
    match api.intake.submit(event).await {
        Ok(Ok(())) => {
            count("accepted");
            Ok(answer(StatusCode::OK, &json!({ "received": true })))
        }
        Ok(Err(_)) | Err(_) => Err(unavailable()),
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("purser_webhooks_total", "provider" => "stripe", "outcome" => outcome).increment(1);
}
