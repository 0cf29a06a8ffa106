//! Webhooks of payment providers: verified, published, and only then acknowledged. An acknowledgement means that
//! the broker has the event on disk; without one the provider sends it again. The database is not involved, so
//! webhooks are accepted while it is down.

mod creem;
mod revenuecat;
mod stripe;

use billing::payments::Provider;
use billing::provider_events::{ApplyProviderEvents, ProviderEvent};
use kernel::crash;
use kernel::crash::Step;
use kernel::group_commit::{GroupCommit, GroupLimits};
use messaging::{PublishError, Publisher};
use serde::Serialize;
use serde_json::value::RawValue;
use signatures::revenuecat::Unproven;
use signatures::stripe::SignatureError;
use utoipa::ToSchema;
use warp::http::StatusCode;

use crate::Shared;
use crate::dialects::billing::{BillingFailed, failure as billing_error};
use crate::http::description::named_schema;
use crate::http::{Failure, Response, answer};
use crate::native;
use crate::routes::Surface;

/// Whether the broker has an event.
pub type Kept = Result<(), PublishError>;

/// Events that come together share a message, up to this many.
const SHARE: usize = 32;
/// A message gets no further event once it has this many bytes; far below what brokers accept.
const MESSAGE_BYTES: usize = 256 * 1024;
/// Messages on their way at once.
const CONCURRENCY: usize = 3;

const NAME: &str = "webhooks";
const ABOUT: &str = "Where payment providers send their events. An event is acknowledged once it is kept; without an \
                     acknowledgement the provider sends it again. Sending one twice changes nothing.";

/// The paths at which webhooks arrive, each in the words of the API that it belongs to.
pub(crate) static SURFACES: &[Surface] = &[
    Surface {
        name: NAME,
        about: ABOUT,
        owns: |path| path == stripe::TIMEPROOF_PATH,
        endpoints: stripe::timeproof,
        render: |failure: Failure| timeproof_error(failure.status(), failure.message()),
        error: named_schema::<TimeproofError>,
    },
    Surface {
        name: NAME,
        about: ABOUT,
        owns: |path| path == stripe::BILLING_PATH,
        endpoints: stripe::billing,
        render: |failure: Failure| billing_error(failure.status(), failure.message()),
        error: named_schema::<BillingFailed>,
    },
    Surface {
        name: NAME,
        about: ABOUT,
        owns: |path| path == creem::PATH,
        endpoints: creem::endpoints,
        render: |failure: Failure| billing_error(failure.status(), failure.message()),
        error: named_schema::<BillingFailed>,
    },
    Surface {
        name: NAME,
        about: ABOUT,
        owns: |path| path == revenuecat::PATH,
        endpoints: revenuecat::endpoints,
        render: native::render,
        error: named_schema::<native::ErrorBody>,
    },
];

/// The answer to a provider whose event is kept.
#[derive(Serialize, ToSchema)]
#[schema(as = webhooks::Received)]
struct Received {
    /// True.
    received: bool,
}

/// Why an event is not acknowledged.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Unproven(#[from] Unproven),
    #[error("the body is not a JSON object")]
    NotJson,
    #[error("the event cannot be kept now: send it again")]
    Unavailable,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Signature(_) | Self::NotJson => StatusCode::BAD_REQUEST,
            Self::Unproven(Unproven::NotSetUp) | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unproven(Unproven::Authorization | Unproven::Signature(_)) => StatusCode::UNAUTHORIZED,
        }
    }

    /// For the metrics.
    fn outcome(&self) -> &'static str {
        match self {
            Self::Unproven(Unproven::NotSetUp) => "not_set_up",
            Self::Signature(_) | Self::Unproven(_) => "bad_signature",
            Self::NotJson => "not_json",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Has the broker keep an event that was verified.
async fn keep(api: &Shared, provider: Provider, body: &[u8]) -> Result<(), Refusal> {
    let body: Box<RawValue> = serde_json::from_slice(body).map_err(|_| Refusal::NotJson)?;
    if !body.get().starts_with('{') {
        return Err(Refusal::NotJson);
    }
    // Refused before it waits in a group, so that an outage answers at once.
    if !api.publisher.is_connected() {
        return Err(Refusal::Unavailable);
    }
    crash::point(Step::Verified, "webhook");
    let event = ProviderEvent { provider, received_at: api.clock.now(), body };
    match api.intake.submit(event).await {
        Ok(Ok(())) => {
            crash::point(Step::Published, "webhook");
            Ok(())
        }
        Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
    }
}

/// Answers a provider, and counts.
fn acknowledge(provider: Provider, kept: &Result<(), Refusal>, words: Words) -> Response {
    let outcome = kept.as_ref().map_or_else(|refusal| refusal.outcome(), |()| "accepted");
    metrics::counter!("purser_webhooks_total", "provider" => provider.as_str(), "outcome" => outcome)
        .increment(1);
    match kept {
        Ok(()) => answer(StatusCode::OK, &Received { received: true }),
        Err(refusal) => words(refusal.status(), &refusal.to_string()),
    }
}

/// How one of the APIs words an error.
type Words = fn(StatusCode, &str) -> Response;

/// Starts the task through which events are published in groups.
pub(crate) fn intake(publisher: Publisher) -> GroupCommit<ProviderEvent, Kept> {
    let limits = GroupLimits { size: SHARE, concurrency: CONCURRENCY };
    GroupCommit::start(limits, move |events: Vec<ProviderEvent>| {
        let publisher = publisher.clone();
        async move {
            let messages = into_messages(events);
            let published = futures::future::join_all(messages.into_iter().map(async |events| {
                let count = events.len();
                let kept = publisher.publish(&ApplyProviderEvents { events }).await;
                std::iter::repeat_n(kept, count)
            }));
            published.await.into_iter().flatten().collect()
        }
    })
}

/// Splits events into messages of moderate size, in their order.
fn into_messages(events: Vec<ProviderEvent>) -> Vec<Vec<ProviderEvent>> {
    let mut messages: Vec<Vec<ProviderEvent>> = Vec::new();
    let mut bytes = MESSAGE_BYTES;
    for event in events {
        if bytes >= MESSAGE_BYTES {
            messages.push(Vec::new());
            bytes = 0;
        }
        bytes = bytes.saturating_add(event.body.get().len());
        if let Some(message) = messages.last_mut() {
            message.push(event);
        }
    }
    messages
}

/// An error as the TimeProof API words it.
#[derive(Serialize, ToSchema)]
#[schema(as = webhooks::TimeproofError)]
struct TimeproofError<'a> {
    error: &'a str,
}

fn timeproof_error(status: StatusCode, message: &str) -> Response {
    answer(status, &TimeproofError { error: message })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn large_events_do_not_pile_up_in_one_message() {
        let event = |bytes: usize| ProviderEvent {
            provider: Provider::Stripe,
            received_at: time::macros::datetime!(2026-11-21 08:00:00 UTC),
            body: RawValue::from_string(format!("\"{}\"", "x".repeat(bytes))).unwrap(),
        };
        let sizes = |events: Vec<usize>| -> Vec<usize> {
            into_messages(events.into_iter().map(event).collect()).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(vec![2_000; 32]), [32]);
        assert_eq!(sizes(vec![1_000_000; 3]), [1, 1, 1]);
        assert_eq!(sizes(vec![100_000; 7]), [3, 3, 1]);
        assert!(sizes(Vec::new()).is_empty());
    }
}
