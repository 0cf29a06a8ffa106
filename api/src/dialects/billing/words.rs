//! Problems in the words of the Billing API: a status, a code in capitals, and a message.

use billing::coupons::CouponRefusal;
use warp::http::{HeaderValue, StatusCode, header};

use super::envelope::Failed;
use crate::http::{Response, answer};
use crate::problem::{ErrorCode, Failure, Problem, ProblemKind};

pub(super) fn word(problem: &Problem) -> Response {
    // The codes of this API's own document are fewer.
    let usual = match problem.code() {
        ErrorCode::MissingScope
        | ErrorCode::BoundCredential
        | ErrorCode::NotAUser
        | ErrorCode::RoleNotAllowed => ErrorCode::Forbidden,
        ErrorCode::UserNotRegistered => ErrorCode::Unauthorized,
        code => code,
    };
    let (status, usual) = (problem.status(), usual.as_str());
    let message = problem.message.as_ref();
    let (status, code, message) = match problem.kind {
        ProblemKind::CredentialMissing => (status, usual, "A session is missing."),
        ProblemKind::CredentialInvalid => (status, usual, "The session is not valid."),
        ProblemKind::CredentialExpired => (status, "session_expired", "The session has expired."),
        ProblemKind::OriginNotAllowed => (status, "forbidden", message),
        ProblemKind::NotJson
        | ProblemKind::IdempotencyKeyInvalid
        | ProblemKind::Server(Failure::BadRequest) => (status, "invalid_request", message),
        ProblemKind::CouponRefused(reason) => {
            (StatusCode::UNPROCESSABLE_ENTITY, coupon_code(reason), message)
        }
        ProblemKind::ProviderRefused(StatusCode::PAYMENT_REQUIRED | StatusCode::CONFLICT) => {
            (status, usual, message)
        }
        ProblemKind::ProviderRefused(_) => (StatusCode::BAD_REQUEST, usual, message),
        ProblemKind::Internal | ProblemKind::Server(Failure::Internal) => (status, "internal_error", message),
        ProblemKind::Server(Failure::TooLarge) => (status, "payload_too_large", message),
        ProblemKind::UnsupportedMediaType
        | ProblemKind::IdempotencyKeyInUse
        | ProblemKind::IdempotencyKeyReused
        | ProblemKind::Invalid
        | ProblemKind::PaymentRequired
        | ProblemKind::Forbidden
        | ProblemKind::NotFound
        | ProblemKind::Conflict
        | ProblemKind::Unprocessable
        | ProblemKind::Unavailable
        | ProblemKind::Server(
            Failure::NotFound | Failure::MethodNotAllowed | Failure::Timeout | Failure::TooManyRequests,
        ) => (status, usual, message),
    };
    let mut response = answer(status, &Failed::new(code.to_ascii_uppercase(), message));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn coupon_code(reason: CouponRefusal) -> &'static str {
    match reason {
        CouponRefusal::Unknown => "coupon_unknown",
        CouponRefusal::Expired => "coupon_expired",
        CouponRefusal::Exhausted => "coupon_used_up",
        CouponRefusal::UsedByBuyer => "coupon_already_used",
        CouponRefusal::OtherTarget => "coupon_not_applicable",
        CouponRefusal::OtherCurrency => "coupon_other_currency",
        CouponRefusal::ForNoPurchase | CouponRefusal::ForPurchases => "coupon_not_applicable",
    }
}
