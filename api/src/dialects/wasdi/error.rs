//! WASDI's errors: a status and `{"message"}`, and nothing but the status where the server failed.

use billing::packages::PackageError;
use billing::payments::ordering::OrderError;
use kernel::database;
use warp::http::{HeaderValue, StatusCode, header};

use super::types::Message;
use crate::auth::AuthError;
use crate::checkout::NotOrdered;
use crate::http::json::Unreadable;
use crate::http::{Failure, Response, answer, empty, with_cause};

/// An error as callers see it.
#[derive(Debug)]
pub(super) enum WasdiError {
    /// The caller can do something about it.
    Refused(StatusCode, String),
    /// We failed; the cause is for the log.
    Failed(Option<String>),
    /// Trying again in so many seconds may succeed; the cause is for the log.
    Busy { status: StatusCode, retry_after: u32, cause: Option<String> },
}

impl WasdiError {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::Refused(StatusCode::BAD_REQUEST, message.into())
    }

    /// There is no session, or none that is valid.
    pub(super) fn unauthorized() -> Self {
        Self::Refused(StatusCode::UNAUTHORIZED, "MSG_ERROR_INVALID_SESSION".to_owned())
    }

    pub(super) fn failed(cause: impl std::fmt::Display) -> Self {
        Self::Failed(Some(cause.to_string()))
    }

    pub(super) fn unavailable(cause: impl std::fmt::Display) -> Self {
        let cause = Some(cause.to_string());
        Self::Busy { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: 1, cause }
    }
}

/// What the server itself finds wrong.
pub(super) fn render(failure: Failure) -> Response {
    match failure {
        Failure::Internal => empty(failure.status()),
        _ => answer(failure.status(), &Message::new(failure.message())),
    }
}

impl From<WasdiError> for Response {
    fn from(error: WasdiError) -> Self {
        let (response, cause) = match error {
            WasdiError::Refused(status, message) => (answer(status, &Message::new(message)), None),
            WasdiError::Failed(cause) => (empty(StatusCode::INTERNAL_SERVER_ERROR), cause),
            WasdiError::Busy { status, retry_after, cause } => {
                let mut response = empty(status);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
                (response, cause)
            }
        };
        match cause {
            Some(cause) => with_cause(response, cause),
            None => response,
        }
    }
}

impl From<AuthError> for WasdiError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing | AuthError::Invalid | AuthError::Expired => Self::unauthorized(),
            AuthError::ForeignOrigin => {
                let message = "Requests with a cookie must come from an allowed origin.";
                Self::Refused(StatusCode::FORBIDDEN, message.to_owned())
            }
            AuthError::Unavailable(error) => Self::unavailable(error),
        }
    }
}

impl From<Unreadable> for WasdiError {
    fn from(error: Unreadable) -> Self {
        let message = error.to_string();
        match error {
            Unreadable::ContentType => Self::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, message),
            Unreadable::Syntax | Unreadable::Shape(_) => Self::bad_request(message),
        }
    }
}

impl From<PackageError> for WasdiError {
    fn from(error: PackageError) -> Self {
        match error {
            PackageError::Invalid(message) => Self::bad_request(message),
            PackageError::Order(OrderError::Coupon(reason)) => Self::bad_request(reason.to_string()),
            PackageError::Order(OrderError::Database(error)) | PackageError::Database(error) => error.into(),
        }
    }
}

impl From<NotOrdered> for WasdiError {
    fn from(error: NotOrdered) -> Self {
        match error {
            NotOrdered::BadKey | NotOrdered::Coupon(_) => Self::bad_request(error.to_string()),
            NotOrdered::InProgress | NotOrdered::OtherRequest => {
                Self::Refused(StatusCode::CONFLICT, error.to_string())
            }
            NotOrdered::Internal(cause) => Self::failed(cause),
            NotOrdered::Database(error) => error.into(),
        }
    }
}

impl From<sqlx::Error> for WasdiError {
    fn from(error: sqlx::Error) -> Self {
        if database::is_transient(&error) { Self::unavailable(error) } else { Self::failed(error) }
    }
}
