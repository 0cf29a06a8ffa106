//! Samsar's errors: a status and `{"message"}`.

use kernel::database;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::{HeaderValue, StatusCode, header};

use crate::auth::AuthError;
use crate::checkout::NotOrdered;
use crate::http::json::Unreadable;
use crate::http::{Failure, Response, answer, with_cause};

/// An error as callers see it, with its cause for the log where it is ours.
#[derive(Debug)]
pub(super) struct SamsarError {
    status: StatusCode,
    message: String,
    cause: Option<String>,
}

impl SamsarError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), cause: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn internal(cause: impl std::fmt::Display) -> Self {
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error.");
        error.cause = Some(cause.to_string());
        error
    }

    fn unavailable(cause: impl std::fmt::Display) -> Self {
        let message = "Temporarily unavailable, please try again.";
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, message);
        error.cause = Some(cause.to_string());
        error
    }
}

/// What callers get.
#[derive(Serialize, ToSchema)]
#[schema(as = samsar::Error)]
pub(super) struct ErrorBody<'a> {
    /// For people.
    message: &'a str,
}

/// What the server itself finds wrong.
pub(super) fn render(failure: Failure) -> Response {
    answer(failure.status(), &ErrorBody { message: failure.message() })
}

impl From<SamsarError> for Response {
    fn from(error: SamsarError) -> Self {
        let mut response = answer(error.status, &ErrorBody { message: &error.message });
        if error.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        match error.cause {
            Some(cause) => with_cause(response, cause),
            None => response,
        }
    }
}

impl From<AuthError> for SamsarError {
    fn from(error: AuthError) -> Self {
        let unauthorized = |message| Self::new(StatusCode::UNAUTHORIZED, message);
        match error {
            AuthError::Missing => unauthorized("API_KEY, auth token, or APP_KEY header is missing or empty."),
            AuthError::Invalid => unauthorized("Invalid API_KEY. User not found."),
            AuthError::Expired => unauthorized("Your api key has expired, please generate a new api key."),
            AuthError::ForeignOrigin => Self::new(StatusCode::FORBIDDEN, "Origin not allowed."),
            AuthError::Unavailable(error) => Self::unavailable(error),
        }
    }
}

impl From<Unreadable> for SamsarError {
    fn from(error: Unreadable) -> Self {
        let message = error.to_string();
        match error {
            Unreadable::ContentType => Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message),
            Unreadable::Syntax | Unreadable::Shape(_) => Self::bad_request(message),
        }
    }
}

impl From<NotOrdered> for SamsarError {
    fn from(error: NotOrdered) -> Self {
        let message = error.to_string();
        match error {
            NotOrdered::BadKey | NotOrdered::Coupon(_) => Self::bad_request(message),
            NotOrdered::InProgress | NotOrdered::OtherRequest => Self::new(StatusCode::CONFLICT, message),
            NotOrdered::Internal(cause) => Self::internal(cause),
            NotOrdered::Database(error) => error.into(),
        }
    }
}

impl From<sqlx::Error> for SamsarError {
    fn from(error: sqlx::Error) -> Self {
        if database::is_transient(&error) { Self::unavailable(error) } else { Self::internal(error) }
    }
}
