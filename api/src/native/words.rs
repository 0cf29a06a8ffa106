//! Problems in the words of the native API, which are the usual ones.

use serde::Serialize;
use utoipa::ToSchema;
use warp::http::{HeaderValue, StatusCode, header};

use crate::http::values::Amount;
use crate::http::{Response, answer};
use crate::problem::Problem;

/// What callers get.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = native::Error)]
pub(super) struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = native::ErrorDetail)]
struct ErrorDetail {
    /// For programs, such as `insufficient_credits`.
    code: &'static str,
    /// For people.
    message: String,
    /// With `insufficient_credits`: what can be spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    available: Option<Amount>,
    /// With `insufficient_credits`: what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    needed: Option<Amount>,
}

impl From<&Problem> for ErrorBody {
    fn from(problem: &Problem) -> Self {
        let error = ErrorDetail {
            code: problem.code(),
            message: problem.message.to_string(),
            available: problem.shortage.map(|shortage| Amount(shortage.available)),
            needed: problem.shortage.map(|shortage| Amount(shortage.needed)),
        };
        Self { error }
    }
}

pub(super) fn word(problem: &Problem) -> Response {
    let mut response = answer(problem.status(), &ErrorBody::from(problem));
    let headers = response.headers_mut();
    if problem.status() == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
