//! What happens around every request: its id, its body, cross-origin headers, problems in the words of the group that
//! the path belongs to, metrics, and the log of failures.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use kernel::metrics::catalogue;
use kernel::span;
use kernel::traces::{self, TraceParent};
use tracing::field::Empty;
use tracing::{Instrument, Span};
use uuid::Uuid;
use warp::filters::ws::MissingConnectionUpgrade;
use warp::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use warp::{Filter, Rejection, reject};

use super::rate_limit::RateLimits;
use super::router;
use crate::groups;
use crate::http::endpoint::Endpoint;
use crate::http::path::WrongMethod;
use crate::http::{Response, RouteName, body, cors};
use crate::problem::{Failure, Problem};
use crate::state::SharedState;

const REQUEST_ID: &str = "x-request-id";

pub(super) struct Service {
    api: SharedState,
    limits: RateLimits,
    outages: OncePerSecond,
    routes: Box<dyn Fn(Request<Full<Bytes>>) -> BoxFuture<'static, Response> + Send + Sync>,
}

impl Service {
    pub(super) fn new(api: SharedState) -> Self {
        let endpoints: Vec<Endpoint> =
            groups::groups().flat_map(|group| groups::endpoints(group, &api.config.dialects)).collect();
        let routes = router::route(&api, &endpoints).recover(failed).unify().boxed();
        let routes = TowerToHyperService::new(warp::service(routes));
        // The type of warp's service cannot be named.
        let routes = move |request| {
            routes
                .call(request)
                .map(|answer| answer.unwrap_or_else(|never: Infallible| match never {}))
                .boxed()
        };
        let limits = RateLimits::new(&api.config.rate_limits);
        Self { api, limits, outages: OncePerSecond::default(), routes: Box::new(routes) }
    }

    pub(super) fn tidy(&self) {
        self.limits.forget_the_quiet();
    }

    pub(super) async fn answer(&self, peer: IpAddr, request: Request<Incoming>) -> Response {
        let started = Instant::now();
        let (parts, incoming) = request.into_parts();
        let id = request_id(&parts.headers);
        let span = begin_span(&parts.method, &parts.headers);
        let origin = self.api.origins.allowed_origin(&parts.headers).cloned();
        let (uri, method) = (parts.uri.clone(), parts.method.clone());
        let client = self.limits.client(peer, &parts.headers);
        let is_event = groups::takes_provider_events(uri.path());
        let mut response = match cors::preflight(&method, &parts.headers, origin.as_ref()) {
            Some(response) => response,
            None if !self
                .limits
                .admit(client, &parts.headers, is_event, || self.api.auth.is_admin_key(&parts.headers)) =>
            {
                refused(Failure::TooManyRequests)
            }
            // The database cannot store this character.
            None if uri.path_and_query().is_some_and(|text| text.as_str().contains("%00")) => {
                refused(Failure::BadRequest)
            }
            None => match body::read(incoming).await {
                Ok(bytes) => {
                    let work = self.dispatch(Request::from_parts(parts, Full::new(bytes)));
                    audit::origin::within(Some(client), work).instrument(span.clone()).await
                }
                Err(failure) => refused(failure),
            },
        };
        let mut problem = response.extensions_mut().remove::<Problem>();
        if let Some(problem) = &mut problem {
            problem.request_id = id.to_str().ok().map(Box::from);
            response = worded(uri.path(), problem, response);
        }
        let route = response.extensions_mut().remove::<RouteName>().map_or("none", |name| name.0);
        let status = response.status();
        if let Some(cause) = problem.and_then(|problem| problem.cause)
            && (status == StatusCode::INTERNAL_SERVER_ERROR || self.outages.may_log())
        {
            let (status, request_id) = (status.as_u16(), id.to_str().unwrap_or("none"));
            tracing::warn!(%method, route, status, request_id, cause, "a request failed");
        }
        response.headers_mut().entry(REQUEST_ID).or_insert(id);
        // Keeps browsers from guessing that an answer is a page or a script.
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        cors::mark(origin, &mut response);
        end_span(&span, &method, route, status);
        let status = Cow::Owned(status.as_str().to_owned());
        catalogue::HTTP_REQUESTS.increment([Cow::Borrowed(route), status]);
        catalogue::HTTP_REQUEST_SECONDS.record([route], started.elapsed());
        response
    }

    async fn dispatch(&self, request: Request<Full<Bytes>>) -> Response {
        match AssertUnwindSafe((self.routes)(request)).catch_unwind().await {
            Ok(response) => response,
            Err(_) => Problem::from(Failure::Internal).caused_by("the handler panicked").into(),
        }
    }
}

/// The beginning of a trace. A caller's own trace is mentioned in it, but does not decide whether this one is kept.
fn begin_span(method: &Method, headers: &HeaderMap) -> Span {
    if !traces::is_on() {
        return Span::none();
    }
    let span = span!(
        "request",
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %method,
        http.route = Empty,
        http.response.status_code = Empty
    );
    let caller = headers.get("traceparent").and_then(|value| TraceParent::read(value.to_str().ok()?));
    if let Some(caller) = caller {
        traces::link(&span, &caller);
    }
    span
}

fn end_span(span: &Span, method: &Method, route: &'static str, status: StatusCode) {
    if span.is_none() {
        return;
    }
    traces::rename(span, format!("{method} {route}"));
    span.record("http.route", route);
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// Keeps an outage, in which every request fails for the same reason, from flooding the log.
struct OncePerSecond {
    start: Instant,
    last: AtomicU64,
}

impl Default for OncePerSecond {
    fn default() -> Self {
        Self { start: Instant::now(), last: AtomicU64::new(u64::MAX) }
    }
}

impl OncePerSecond {
    fn may_log(&self) -> bool {
        let second = self.start.elapsed().as_secs();
        self.last.swap(second, Ordering::Relaxed) != second
    }
}

/// The problem as the group that owns the path words it, with the headers that the response has already.
fn worded(path: &str, problem: &Problem, response: Response) -> Response {
    let (parts, _) = response.into_parts();
    let mut response = (groups::group_of(path).word)(problem);
    response.extensions_mut().extend(parts.extensions);
    response.headers_mut().extend(parts.headers);
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn refused(failure: Failure) -> Response {
    Problem::from(failure).into()
}

async fn failed(rejection: Rejection) -> Result<Response, Infallible> {
    let failure = if rejection.is_not_found() {
        Failure::NotFound
    } else if let Some(WrongMethod { taken }) = rejection.find() {
        let mut response = refused(Failure::MethodNotAllowed);
        let taken = taken.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        response.headers_mut().extend(HeaderValue::from_str(&taken).ok().map(|taken| (header::ALLOW, taken)));
        return Ok(response);
    } else if rejection.find::<MissingConnectionUpgrade>().is_some()
        || rejection.find::<reject::InvalidQuery>().is_some()
        || rejection.find::<reject::MissingHeader>().is_some()
        || rejection.find::<reject::InvalidHeader>().is_some()
    {
        Failure::BadRequest
    } else {
        return Ok(Problem::from(Failure::Internal).caused_by(format!("{rejection:?}")).into());
    };
    Ok(refused(failure))
}

/// The caller's id for this request, if it has one that can be repeated, or a new one. `tower-http` would repeat any
/// id, however long.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|value| {
        (1..=128).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
    });
    match given {
        Some(value) => value.clone(),
        None => HeaderValue::from_str(&Uuid::now_v7().to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("none")),
    }
}
