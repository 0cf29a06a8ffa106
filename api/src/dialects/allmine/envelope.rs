//! How Allmine wraps every answer, and its errors.

use kernel::clock::Timestamp;
use kernel::database;
use serde::Serialize;
use time::macros::format_description;
use utoipa::ToSchema;
use warp::http::{HeaderValue, StatusCode, header};

use crate::auth::AuthError;
use crate::checkout::NotOrdered;
use crate::http::json::Unreadable;
use crate::http::{Failure, Response, answer, with_cause};

/// An answer that says what was asked for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Success<T> {
    is_success: bool,
    status_code: u16,
    data: T,
    errors: [&'static str; 0],
    timestamp: String,
}

/// The answer with this data.
pub(super) fn success<T: Serialize>(now: Timestamp, status: StatusCode, data: T) -> Response {
    let (status_code, timestamp) = (status.as_u16(), moment(now));
    answer(status, &Success { is_success: true, status_code, data, errors: [], timestamp })
}

/// What an envelope is like, for the documentation.
macro_rules! enveloped {
    ($(#[doc = $doc:literal])+ $name:ident as $schema:path, $data:ty) => {
        $(#[doc = $doc])+
        #[derive(ToSchema)]
        #[schema(as = $schema)]
        #[allow(dead_code, non_snake_case, reason = "it describes what the envelope writes")]
        struct $name {
            /// True.
            isSuccess: bool,
            /// That of the answer.
            statusCode: u16,
            data: $data,
            /// None.
            errors: Vec<String>,
            #[schema(format = DateTime)]
            timestamp: String,
        }
    };
}

pub(super) use enveloped;

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

/// An error as callers see it, with its cause for the log where it is ours.
#[derive(Debug)]
pub(super) struct AllmineError {
    status: StatusCode,
    message: &'static str,
    cause: Option<String>,
}

impl AllmineError {
    fn new(status: StatusCode, message: &'static str) -> Self {
        Self { status, message, cause: None }
    }

    pub(super) fn invalid() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Validation failed")
    }

    pub(super) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Insufficient permissions")
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Resource not found")
    }

    pub(super) fn conflict() -> Self {
        let message = "Resource already exists or cannot be changed in its current state";
        Self::new(StatusCode::CONFLICT, message)
    }

    pub(super) fn internal(cause: impl std::fmt::Display) -> Self {
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error");
        error.cause = Some(cause.to_string());
        error
    }

    fn unavailable(cause: impl std::fmt::Display) -> Self {
        let mut error =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "Temporarily unavailable, please try again");
        error.cause = Some(cause.to_string());
        error
    }
}

/// What the server itself finds wrong.
pub(super) fn render(failure: Failure) -> Response {
    let message = match failure {
        Failure::NotFound => "Resource not found",
        Failure::BadRequest => "Validation failed",
        Failure::Internal => "Internal server error",
        Failure::MethodNotAllowed | Failure::Timeout | Failure::TooLarge | Failure::TooManyRequests => {
            failure.message()
        }
    };
    failed(failure.status(), message)
}

fn failed(status: StatusCode, message: &str) -> Response {
    // The server's own findings come from where no clock is at hand: the error's time is the answer's.
    let timestamp = moment(kernel::clock::Clock::system().now());
    let (status_code, errors) = (status.as_u16(), vec![message.to_owned()]);
    answer(status, &Failed { is_success: false, status_code, data: None, errors, timestamp })
}

impl From<AllmineError> for Response {
    fn from(error: AllmineError) -> Self {
        let mut response = failed(error.status, error.message);
        if error.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        match error.cause {
            Some(cause) => with_cause(response, cause),
            None => response,
        }
    }
}

impl From<AuthError> for AllmineError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing | AuthError::Invalid | AuthError::Expired => {
                Self::new(StatusCode::UNAUTHORIZED, "Authentication required")
            }
            AuthError::ForeignOrigin => Self::forbidden(),
            AuthError::Unavailable(error) => Self::unavailable(error),
        }
    }
}

impl From<Unreadable> for AllmineError {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::ContentType => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type")
            }
            Unreadable::Syntax | Unreadable::Shape(_) => Self::invalid(),
        }
    }
}

impl From<NotOrdered> for AllmineError {
    fn from(error: NotOrdered) -> Self {
        match error {
            NotOrdered::BadKey => Self::invalid(),
            NotOrdered::InProgress | NotOrdered::OtherRequest => Self::conflict(),
            NotOrdered::Database(error) => error.into(),
            other @ (NotOrdered::Coupon(_) | NotOrdered::Internal(_)) => Self::internal(other),
        }
    }
}

impl From<sqlx::Error> for AllmineError {
    fn from(error: sqlx::Error) -> Self {
        if database::is_transient(&error) { Self::unavailable(error) } else { Self::internal(error) }
    }
}

/// A time with milliseconds, as JavaScript writes it.
pub(super) fn moment(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}
