//! What every API needs of HTTP: reading requests, answering with JSON, and what the server itself finds wrong.

pub mod body;
pub mod cors;
pub mod description;
pub mod endpoint;
pub mod json;
pub mod rate_limit;
pub mod return_url;
pub(crate) mod router;
pub mod server;
mod service;
pub mod values;

use bytes::Bytes;
use serde::Serialize;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::path::FullPath;
use warp::{Filter, Rejection};

use crate::Shared;

/// An answer.
pub type Response = warp::reply::Response;

/// A route, or several: what can answer a request, or leaves it to others.
pub type Route = BoxedFilter<(Response,)>;

/// A request whose body has been read.
#[derive(Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path, as sent.
    pub path: FullPath,
    /// The path's parameters, decoded.
    pub parameters: endpoint::Parameters,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// A header's text, if it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The key that makes a repeated request the same request, if it has one.
    ///
    /// # Errors
    /// [`BadKey`], also for several.
    pub fn idempotency_key(&self) -> Result<Option<&str>, BadKey> {
        let mut all = self.headers.get_all("idempotency-key").iter();
        let key = match (all.next(), all.next()) {
            (None, _) => return Ok(None),
            (Some(key), None) => key,
            (Some(_), Some(_)) => return Err(BadKey),
        };
        let is_printable = |text: &&str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let key = key.to_str().ok().filter(|text| (1..=255).contains(&text.len())).filter(is_printable);
        key.map(Some).ok_or(BadKey)
    }

    /// What the path has for a parameter of its template; empty if the template has no such parameter.
    pub fn path_parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_str())
    }

    /// The first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An `Idempotency-Key` that is none.
#[derive(Debug, thiserror::Error)]
#[error("Idempotency-Key must have 1 to 255 printable ASCII characters.")]
pub struct BadKey;

/// Extracts the shared state and the request.
pub fn call(api: &Shared) -> impl Filter<Extract = (Shared, Call), Error = Rejection> + Clone + use<> {
    let api = Shared::clone(api);
    warp::any()
        .map(move || Shared::clone(&api))
        .and(warp::method())
        .and(warp::path::full())
        .and(warp::query::<Vec<(String, String)>>())
        .and(warp::header::headers_cloned())
        .and(warp::body::bytes())
        .map(|api, method, path, query, headers, body| {
            (api, Call { method, path, parameters: Vec::new(), query, headers, body })
        })
        .untuple_one()
}

/// Turns what a handler returned into an answer, and names the route for the metrics.
pub fn finish<E: Into<Response>>(
    route: &'static str,
) -> impl Fn(Result<Response, E>) -> Response + Clone + Send + Sync {
    let named = named(route);
    move |answer| named(answer.unwrap_or_else(Into::into))
}

/// Names the route of an answer for the metrics.
pub fn named(route: &'static str) -> impl Fn(Response) -> Response + Clone + Send + Sync {
    move |mut response| {
        response.extensions_mut().insert(RouteName(route));
        response
    }
}

/// The first of the routes that answers. Those that are called most belong first.
pub fn first_of(routes: impl IntoIterator<Item = Route, IntoIter: DoubleEndedIterator>) -> Route {
    let nothing = warp::any().and_then(|| async { Err::<Response, _>(warp::reject::not_found()) }).boxed();
    // Folded from the right: the first route is reached without going through the others.
    routes.into_iter().rfold(nothing, |others, route| route.or(others).unify().boxed())
}

/// The name of a route, for metrics; travels with the answer.
#[derive(Clone, Copy, Debug)]
struct RouteName(&'static str);

/// Why a request failed inside, for the log; travels with the answer and is not shown.
#[derive(Clone, Debug)]
struct Cause(String);

/// What the server itself finds wrong with a request; each API says it in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing is at this path.
    NotFound,
    /// Something is at this path, but not for this method.
    MethodNotAllowed,
    /// The query or a needed header cannot be read.
    BadRequest,
    /// The body did not come in time.
    Timeout,
    /// The body is larger than accepted.
    TooLarge,
    /// The caller asks too much at once.
    TooManyRequests,
    /// We failed.
    Internal,
}

impl Failure {
    /// As HTTP says it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// As people say it.
    pub fn message(self) -> &'static str {
        match self {
            Self::NotFound => "There is nothing at this path.",
            Self::MethodNotAllowed => "This path does not take this method.",
            Self::BadRequest => "The request cannot be read.",
            Self::Timeout => "The request body did not arrive in time.",
            Self::TooLarge => "The request body is larger than 1 MiB.",
            Self::TooManyRequests => "Too many requests: wait a moment.",
            Self::Internal => "Something went wrong on our side.",
        }
    }
}

/// A JSON answer.
pub fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    // A type of ours with text keys cannot fail to become JSON; if one does, the caller hears of a failure of ours.
    let Ok(text) = serde_json::to_string(body) else {
        return with_cause(empty(StatusCode::INTERNAL_SERVER_ERROR), "an answer is no JSON");
    };
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// Says in the log why a request failed inside.
pub fn with_cause(mut response: Response, cause: impl std::fmt::Display) -> Response {
    response.extensions_mut().insert(Cause(cause.to_string()));
    response
}
