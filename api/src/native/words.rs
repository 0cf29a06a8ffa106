//! Problems in the words of the native API, which are the usual ones.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::{HeaderValue, StatusCode, header};

use super::limits::ReachedLimitView;
use crate::http::values::{Amount, one_of};
use crate::http::{Response, answer};
use crate::problem::{ErrorCode, Problem, Shortage};

/// What callers get.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = native::Error)]
pub(super) struct ErrorBody {
    pub(super) error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::ErrorDetail)]
pub(super) struct ErrorDetail {
    /// For programs.
    #[schema(schema_with = code_schema)]
    code: &'static str,
    /// For people.
    message: String,
    /// The field, parameter or header that is wrong, such as `items[0].quantity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    param: Option<Box<str>>,
    /// Names the request in the log; the header `x-request-id` has it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required, nullable = false)]
    request_id: Option<Box<str>>,
    /// With `insufficient_credits`: what can be spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    available: Option<Amount>,
    /// With `insufficient_credits`: what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    needed: Option<Amount>,
    /// With `limit_reached`: which limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    limit: Option<ReachedLimitView>,
}

fn code_schema() -> Object {
    one_of(ErrorCode::NAMES)
}

impl From<&Problem> for ErrorBody {
    fn from(problem: &Problem) -> Self {
        let (mut available, mut needed, mut limit) = (None, None, None);
        match &problem.shortage {
            Some(Shortage::Credits { available: there, needed: asked }) => {
                (available, needed) = (Some(Amount(*there)), Some(Amount(*asked)));
            }
            Some(Shortage::Limit(reached)) => limit = Some(ReachedLimitView::from(reached.as_ref())),
            None => {}
        }
        let error = ErrorDetail {
            code: problem.code().as_str(),
            message: problem.message.to_string(),
            param: problem.param.clone(),
            request_id: problem.request_id.clone(),
            available,
            needed,
            limit,
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
