//! Webhooks of payment providers: verified, published, and only then acknowledged. An acknowledgement means that the
//! broker has the event on disk; without one the provider sends it again. The database is not involved, so webhooks are
//! accepted while it is down. Each API mounts them at its paths and words what is wrong with them.

pub(crate) mod creem;
pub(crate) mod revenuecat;
pub(crate) mod stripe;

use billing::payments::Provider;
use billing::provider_events::ProviderEvent;
use kernel::crash::{self, Step};
use kernel::metrics::catalogue;
use serde::Serialize;
use serde_json::value::RawValue;
use signatures::revenuecat::ProofError;
use signatures::stripe::SignatureError;
use utoipa::ToSchema;
use warp::http::StatusCode;

use crate::http::{Response, answer};
use crate::problem::{Failure, Problem, ProblemKind};
use crate::state::SharedState;

/// The documentation of every group of these endpoints.
pub(crate) const NAME: &str = "webhooks";
pub(crate) const ABOUT: &str = "Where payment providers send their events. An event is acknowledged once it is kept; \
                                without an acknowledgement the provider sends it again. Sending one twice changes \
                                nothing.";

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
    Proof(#[from] ProofError),
    #[error("the body is not a JSON object")]
    NotJson,
    #[error("the event cannot be kept now: send it again")]
    Unavailable,
}

impl Refusal {
    /// For the metrics.
    fn outcome(&self) -> &'static str {
        match self {
            Self::Proof(ProofError::NotSetUp) => "not_set_up",
            Self::Signature(_) | Self::Proof(_) => "bad_signature",
            Self::NotJson => "not_json",
            Self::Unavailable => "unavailable",
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::Signature(_) | Refusal::NotJson => ProblemKind::Server(Failure::BadRequest),
            Refusal::Proof(ProofError::NotSetUp) | Refusal::Unavailable => ProblemKind::Unavailable,
            Refusal::Proof(ProofError::Authorization | ProofError::Signature(_)) => {
                ProblemKind::CredentialInvalid
            }
        };
        Self::new(kind, refusal.to_string())
    }
}

/// Publishes a verified event and returns once the broker has it.
async fn publish(api: &SharedState, provider: Provider, body: &[u8]) -> Result<(), Refusal> {
    let body: Box<RawValue> = serde_json::from_slice(body).map_err(|_| Refusal::NotJson)?;
    if !body.get().starts_with('{') {
        return Err(Refusal::NotJson);
    }
    if !api.intake.is_open() {
        return Err(Refusal::Unavailable);
    }
    crash::point(Step::Verified, "webhook");
    let event = ProviderEvent { provider, received_at: api.clock.now(), body };
    api.intake.publish(event).await.map_err(|_| Refusal::Unavailable)?;
    crash::point(Step::Published, "webhook");
    Ok(())
}

/// Answers a provider, and counts.
fn acknowledge(provider: Provider, published: Result<(), Refusal>) -> Result<Response, Problem> {
    let outcome = published.as_ref().map_or_else(Refusal::outcome, |()| "accepted");
    catalogue::EVENTS.increment([provider.as_str(), outcome]);
    published?;
    Ok(answer(StatusCode::OK, &Received { received: true }))
}
