//! Problems in Allmine's words: the envelope, with one fixed text for each kind of error.

use kernel::clock::Clock;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::envelope::moment;
use crate::http::{Response, answer};
use crate::problem::{Failure, Problem, ProblemKind};

/// An answer that says why not.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = allmine::Failed)]
pub(super) struct Failed {
    /// False.
    is_success: bool,
    /// That of the answer.
    status_code: u16,
    /// Null.
    #[schema(required, value_type = Option<String>)]
    data: Option<()>,
    errors: Vec<String>,
    #[schema(format = DateTime)]
    timestamp: String,
}

pub(super) fn word(problem: &Problem) -> Response {
    let message = match problem.kind {
        ProblemKind::CredentialMissing | ProblemKind::CredentialInvalid | ProblemKind::CredentialExpired => {
            "Authentication required"
        }
        ProblemKind::OriginNotAllowed | ProblemKind::Forbidden => "Insufficient permissions",
        ProblemKind::UnsupportedMediaType => "Unsupported media type",
        ProblemKind::NotJson
        | ProblemKind::Invalid
        | ProblemKind::IdempotencyKeyInvalid
        | ProblemKind::CouponRefused(_)
        | ProblemKind::Server(Failure::BadRequest) => "Validation failed",
        ProblemKind::NotFound | ProblemKind::Server(Failure::NotFound) => "Resource not found",
        ProblemKind::Conflict | ProblemKind::IdempotencyKeyInUse | ProblemKind::IdempotencyKeyReused => {
            "Resource already exists or cannot be changed in its current state"
        }
        ProblemKind::Unavailable => "Temporarily unavailable, please try again",
        ProblemKind::Internal | ProblemKind::Server(Failure::Internal) => "Internal server error",
        ProblemKind::PaymentRequired
        | ProblemKind::Unprocessable
        | ProblemKind::ProviderRefused(_)
        | ProblemKind::Server(
            Failure::MethodNotAllowed | Failure::Timeout | Failure::TooLarge | Failure::TooManyRequests,
        ) => &problem.message,
    };
    failed(problem.status(), message)
}

fn failed(status: StatusCode, message: &str) -> Response {
    // Problems are worded where no clock is at hand: the error's time is the answer's.
    let timestamp = moment(Clock::system().now());
    let (status_code, errors) = (status.as_u16(), vec![message.to_owned()]);
    answer(status, &Failed { is_success: false, status_code, data: None, errors, timestamp })
}
