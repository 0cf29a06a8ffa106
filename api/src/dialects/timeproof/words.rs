//! Problems in TimeProof's words: a status and `{"error"}`.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{Response, answer};
use crate::problem::{Failure, Problem, ProblemKind};

/// What callers get.
#[derive(Serialize, ToSchema)]
#[schema(as = timeproof::Error)]
pub(super) struct ErrorBody<'a> {
    /// For people.
    error: &'a str,
}

/// An error as the TimeProof API words it.
#[derive(Serialize, ToSchema)]
#[schema(as = webhooks::TimeproofError)]
pub(super) struct WebhookErrorBody<'a> {
    error: &'a str,
}

/// As TimeProof documents it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RateLimited {
    error: &'static str,
    /// In seconds.
    retry_after: Option<u16>,
}

pub(super) fn word(problem: &Problem) -> Response {
    let error = match problem.kind {
        ProblemKind::CredentialMissing => "Authentication required",
        ProblemKind::CredentialInvalid => "The session is not valid.",
        ProblemKind::CredentialExpired => "The session has expired.",
        ProblemKind::Server(Failure::TooManyRequests) => {
            let body = RateLimited { error: "Rate limit exceeded", retry_after: problem.retry_after };
            return answer(problem.status(), &body);
        }
        ProblemKind::OriginNotAllowed
        | ProblemKind::UnsupportedMediaType
        | ProblemKind::NotJson
        | ProblemKind::IdempotencyKeyInvalid
        | ProblemKind::IdempotencyKeyInUse
        | ProblemKind::IdempotencyKeyReused
        | ProblemKind::CouponRefused(_)
        | ProblemKind::Invalid
        | ProblemKind::PaymentRequired
        | ProblemKind::Forbidden
        | ProblemKind::NotFound
        | ProblemKind::Conflict
        | ProblemKind::Unprocessable
        | ProblemKind::ProviderRefused(_)
        | ProblemKind::Unavailable
        | ProblemKind::Internal
        | ProblemKind::Server(
            Failure::NotFound
            | Failure::MethodNotAllowed
            | Failure::BadRequest
            | Failure::Timeout
            | Failure::TooLarge
            | Failure::Internal,
        ) => &problem.message,
    };
    answer(problem.status(), &ErrorBody { error })
}

/// Providers do not read TimeProof's own texts about sessions and rate limits.
pub(super) fn word_for_provider(problem: &Problem) -> Response {
    answer(problem.status(), &WebhookErrorBody { error: &problem.message })
}
