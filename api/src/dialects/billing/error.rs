//! The Billing API's errors: a status, a code in capitals, and a message.

use billing::coupons::CouponRefusal;
use kernel::database;
use warp::http::{HeaderValue, StatusCode, header};

use super::envelope::Failed;
use crate::auth::AuthError;
use crate::checkout::NotOrdered;
use crate::http::json::Unreadable;
use crate::http::{self, Response, answer, with_cause};

/// An error as callers see it, with its cause for the log where it is ours.
#[derive(Debug)]
pub(super) struct BillingError {
    status: StatusCode,
    code: &'static str,
    message: String,
    cause: Option<String>,
}

impl BillingError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), cause: None }
    }

    /// The request is not what it should be; the message says where.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    pub(super) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// An address that buyers may not be sent to.
    pub(super) fn url_not_allowed(field: &str) -> Self {
        let message = format!("{field} is not on an allowed site.");
        Self::new(StatusCode::BAD_REQUEST, "URL_NOT_ALLOWED", message)
    }

    /// A coupon that is not accepted.
    pub(super) fn unacceptable(reason: CouponRefusal) -> Self {
        let code = match reason {
            CouponRefusal::Unknown => "COUPON_UNKNOWN",
            CouponRefusal::Expired => "COUPON_EXPIRED",
            CouponRefusal::Exhausted => "COUPON_USED_UP",
            CouponRefusal::UsedByBuyer => "COUPON_ALREADY_USED",
            CouponRefusal::OtherTarget => "COUPON_NOT_APPLICABLE",
            CouponRefusal::OtherCurrency => "COUPON_OTHER_CURRENCY",
        };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, reason.to_string())
    }

    /// Trying again later may succeed.
    pub(super) fn unavailable(cause: impl std::fmt::Display) -> Self {
        let message = "This cannot be done now: try again in a moment.";
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message);
        error.cause = Some(cause.to_string());
        error
    }

    pub(super) fn internal(cause: impl std::fmt::Display) -> Self {
        let message = "Something went wrong on our side.";
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message);
        error.cause = Some(cause.to_string());
        error
    }
}

/// What the server itself finds wrong.
pub(crate) fn render(found: http::Failure) -> Response {
    failure(found.status(), found.message())
}

/// An error for which the status alone says what it is.
pub(crate) fn failure(status: StatusCode, message: &str) -> Response {
    let code = match status {
        StatusCode::BAD_REQUEST => "INVALID_REQUEST",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::METHOD_NOT_ALLOWED => "METHOD_NOT_ALLOWED",
        StatusCode::REQUEST_TIMEOUT => "REQUEST_TIMEOUT",
        StatusCode::PAYLOAD_TOO_LARGE => "PAYLOAD_TOO_LARGE",
        StatusCode::TOO_MANY_REQUESTS => "RATE_LIMITED",
        StatusCode::SERVICE_UNAVAILABLE => "UNAVAILABLE",
        _ => "INTERNAL_ERROR",
    };
    answer(status, &Failed::new(code, message))
}

impl From<BillingError> for Response {
    fn from(error: BillingError) -> Self {
        let mut response = answer(error.status, &Failed::new(error.code, &error.message));
        let headers = response.headers_mut();
        match error.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        match error.cause {
            Some(cause) => with_cause(response, cause),
            None => response,
        }
    }
}

impl From<AuthError> for BillingError {
    fn from(error: AuthError) -> Self {
        let unauthorized = |code, message| Self::new(StatusCode::UNAUTHORIZED, code, message);
        match error {
            AuthError::Missing => unauthorized("UNAUTHORIZED", "A session is missing."),
            AuthError::Invalid => unauthorized("UNAUTHORIZED", "The session is not valid."),
            AuthError::Expired => unauthorized("SESSION_EXPIRED", "The session has expired."),
            AuthError::ForeignOrigin => {
                Self::forbidden("Requests with a cookie must come from an allowed origin.")
            }
            AuthError::Unavailable(error) => Self::unavailable(error),
        }
    }
}

impl From<Unreadable> for BillingError {
    fn from(error: Unreadable) -> Self {
        let message = error.to_string();
        match error {
            Unreadable::ContentType => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
            }
            Unreadable::Syntax | Unreadable::Shape(_) => Self::invalid(message),
        }
    }
}

impl From<NotOrdered> for BillingError {
    fn from(error: NotOrdered) -> Self {
        let message = error.to_string();
        match error {
            NotOrdered::BadKey => Self::invalid(message),
            NotOrdered::Coupon(reason) => Self::unacceptable(reason),
            NotOrdered::InProgress => Self::conflict("IDEMPOTENCY_KEY_IN_USE", message),
            NotOrdered::OtherRequest => Self::conflict("IDEMPOTENCY_KEY_REUSED", message),
            NotOrdered::Internal(cause) => Self::internal(cause),
            NotOrdered::Database(error) => error.into(),
        }
    }
}

impl From<sqlx::Error> for BillingError {
    fn from(error: sqlx::Error) -> Self {
        if database::is_transient(&error) { Self::unavailable(error) } else { Self::internal(error) }
    }
}
