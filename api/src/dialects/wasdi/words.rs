//! Problems in WASDI's words: a status and `{"message"}`, and the status alone where the server failed.

use warp::http::StatusCode;

use super::types::Message;
use crate::http::{Response, answer, empty};
use crate::problem::{Failure, Problem, ProblemKind};

pub(super) fn word(problem: &Problem) -> Response {
    let status = problem.status();
    let (status, message) = match problem.kind {
        ProblemKind::CredentialMissing | ProblemKind::CredentialInvalid | ProblemKind::CredentialExpired => {
            (status, "MSG_ERROR_INVALID_SESSION")
        }
        ProblemKind::ProviderRefused(_) => (StatusCode::BAD_REQUEST, problem.message.as_ref()),
        ProblemKind::Unavailable | ProblemKind::Internal | ProblemKind::Server(Failure::Internal) => {
            return empty(status);
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
        | ProblemKind::Server(
            Failure::NotFound
            | Failure::MethodNotAllowed
            | Failure::BadRequest
            | Failure::Timeout
            | Failure::TooLarge
            | Failure::TooManyRequests,
        ) => (status, problem.message.as_ref()),
    };
    answer(status, &Message::new(message))
}
