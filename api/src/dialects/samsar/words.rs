//! Problems in Samsar's words: a status and `{"message"}`.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{Response, answer};
use crate::problem::{Problem, ProblemKind};

/// What callers get.
#[derive(Serialize, ToSchema)]
#[schema(as = samsar::Error)]
pub(super) struct ErrorBody<'a> {
    /// For people.
    message: &'a str,
}

pub(super) fn word(problem: &Problem) -> Response {
    let message = match problem.kind {
        ProblemKind::CredentialMissing => "API_KEY, auth token, or APP_KEY header is missing or empty.",
        ProblemKind::CredentialInvalid => "Invalid API_KEY. User not found.",
        ProblemKind::CredentialExpired => "Your api key has expired, please generate a new api key.",
        ProblemKind::OriginNotAllowed => "Origin not allowed.",
        ProblemKind::Unavailable => "Temporarily unavailable, please try again.",
        ProblemKind::Internal => "Internal server error.",
        ProblemKind::UnsupportedMediaType
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
        | ProblemKind::Server(_) => &problem.message,
    };
    answer(problem.status(), &ErrorBody { message })
}
