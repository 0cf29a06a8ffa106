//! TimeProof's errors: a status and `{"error"}`.

use kernel::database;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::{HeaderValue, StatusCode, header};

use crate::auth::AuthError;
use crate::checkout::NotOrdered;
use crate::http::json::Unreadable;
use crate::http::rate_limit::RETRY_AFTER_SECONDS;
use crate::http::{Failure, Response, answer, with_cause};

/// An error as callers see it, with its cause for the log where it is ours.
#[derive(Debug)]
pub(super) struct TimeproofError {
    status: StatusCode,
    message: String,
    cause: Option<String>,
}

impl TimeproofError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), cause: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub(super) fn internal(cause: impl std::fmt::Display) -> Self {
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side.");
        error.cause = Some(cause.to_string());
        error
    }

    fn unavailable(cause: impl std::fmt::Display) -> Self {
        let message = "This cannot be done now: try again in a moment.";
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, message);
        error.cause = Some(cause.to_string());
        error
    }
}

/// What callers get.
#[derive(Serialize, ToSchema)]
#[schema(as = timeproof::Error)]
pub(super) struct ErrorBody<'a> {
    /// For people.
    error: &'a str,
}

/// As TimeProof documents it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RateLimited {
    error: &'static str,
    /// In seconds.
    retry_after: u16,
}

/// What the server itself finds wrong.
pub(super) fn render(failure: Failure) -> Response {
    if failure == Failure::TooManyRequests {
        let body = RateLimited { error: "Rate limit exceeded", retry_after: RETRY_AFTER_SECONDS };
        return answer(failure.status(), &body);
    }
    answer(failure.status(), &ErrorBody { error: failure.message() })
}

impl From<TimeproofError> for Response {
    fn from(error: TimeproofError) -> Self {
        let mut response = answer(error.status, &ErrorBody { error: &error.message });
        if error.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        match error.cause {
            Some(cause) => with_cause(response, cause),
            None => response,
        }
    }
}

impl From<AuthError> for TimeproofError {
    fn from(error: AuthError) -> Self {
        let unauthorized = |message| Self::new(StatusCode::UNAUTHORIZED, message);
        match error {
            AuthError::Missing => unauthorized("Authentication required"),
            AuthError::Invalid => unauthorized("The session is not valid."),
            AuthError::Expired => unauthorized("The session has expired."),
            AuthError::ForeignOrigin => {
                Self::forbidden("Requests with a cookie must come from an allowed origin.")
            }
            AuthError::Unavailable(error) => Self::unavailable(error),
        }
    }
}

impl From<Unreadable> for TimeproofError {
    fn from(error: Unreadable) -> Self {
        let message = error.to_string();
        match error {
            Unreadable::ContentType => Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message),
            Unreadable::Syntax | Unreadable::Shape(_) => Self::bad_request(message),
        }
    }
}

impl From<NotOrdered> for TimeproofError {
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

impl From<sqlx::Error> for TimeproofError {
    fn from(error: sqlx::Error) -> Self {
        if database::is_transient(&error) { Self::unavailable(error) } else { Self::internal(error) }
    }
}
