//! What every API needs of HTTP: reading requests, answering with JSON, describing endpoints.

pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod cors;
pub(crate) mod description;
pub(crate) mod endpoint;
pub(crate) mod group;
pub mod json;
mod objects;
pub(crate) mod path;
pub(crate) mod table;
pub mod values;

use serde::Serialize;
use warp::filters::BoxedFilter;
use warp::http::{HeaderValue, StatusCode, header};

use crate::problem::Problem;

pub type Response = warp::reply::Response;

/// One or more routes: each answers a request or leaves it to the next.
pub type Route = BoxedFilter<(Response,)>;

/// The name of a route, for metrics; travels with the response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteName(pub(crate) &'static str);

pub fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    // Answers are structs with text keys, which always become JSON.
    let Ok(text) = serde_json::to_string(body) else {
        return Problem::internal("an answer is no JSON").into();
    };
    json_text(status, text)
}

/// A response with JSON that is written already.
pub fn json_text(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Marks the answer to a request that had been carried out before, under the same idempotency key.
pub fn replayed(is_repeated: bool, mut response: Response) -> Response {
    if is_repeated {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

/// A response without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}
