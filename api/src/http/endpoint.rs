//! An endpoint: method, path, what answers there, and what the documentation says of it, in one place. The route and
//! the OpenAPI description are both made from it, so neither can be without the other.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use kernel::deadline::within;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::Method;
use warp::path::FullPath;

use super::call::Call;
use super::description::Description;
use super::path::{WrongMethod, parameters};
use super::{Response, Route, RouteName};
use crate::problem::Problem;
use crate::state::SharedState;

/// A method at a path.
pub struct Endpoint {
    pub method: Method,
    /// With parameters in braces: `/orders/{orderId}`.
    pub path: &'static str,
    pub description: Description,
    answering: Answering,
}

enum Answering {
    Handler(Handler),
    /// For upgrades and streams, which are more than a request and an answer.
    Route(fn(&SharedState, BoxedFilter<()>) -> Route),
}

pub(crate) type Handler = Arc<dyn Fn(SharedState, Call) -> BoxFuture<'static, Response> + Send + Sync>;

/// The constructors of the usual methods.
macro_rules! methods {
    ($($name:ident $method:ident),+) => {
        $(pub fn $name<Work>(
            path: &'static str,
            handler: impl Fn(SharedState, Call) -> Work + Send + Sync + 'static,
            description: Description,
        ) -> Self
        where
            Work: Future<Output = Result<Response, Problem>> + Send + 'static,
        {
            Self::new(Method::$method, path, handler, description)
        })+
    };
}

impl Endpoint {
    methods! { get GET, post POST, put PUT, delete DELETE }

    pub fn new<Work>(
        method: Method,
        path: &'static str,
        handler: impl Fn(SharedState, Call) -> Work + Send + Sync + 'static,
        description: Description,
    ) -> Self
    where
        Work: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        let least_role = description.role.or_else(|| description.access.role(&method));
        let description = Description { role: least_role, ..description };
        let handler: Handler = Arc::new(move |api, call| {
            let limit = api.config.connections.database_deadline;
            // What is awaited is moved a few times before it begins: a box is moved faster than all its state.
            let work = handler(api, Call { least_role, ..call }).boxed();
            in_time(limit, work).map(move |response| named(path, response)).boxed()
        });
        Self { method, path, description, answering: Answering::Handler(handler) }
    }

    /// For upgrades and streams: `route` goes on from the filter that matches method and path.
    pub fn special(
        method: Method,
        path: &'static str,
        route: fn(&SharedState, BoxedFilter<()>) -> Route,
        description: Description,
    ) -> Self {
        Self { method, path, description, answering: Answering::Route(route) }
    }

    pub(crate) fn handler(&self) -> Option<Handler> {
        match &self.answering {
            Answering::Handler(handler) => Some(Arc::clone(handler)),
            Answering::Route(_) => None,
        }
    }

    pub(crate) fn special_route(&self, api: &SharedState) -> Option<Route> {
        let Answering::Route(route) = &self.answering else { return None };
        let (path, method) = (self.path, self.method.clone());
        let here = warp::method().and(warp::path::full()).and_then(move |used: Method, full: FullPath| {
            future::ready(match parameters(path, full.as_str()) {
                Some(_) if used == method => Ok(()),
                Some(_) => Err(warp::reject::custom(WrongMethod { taken: vec![method.clone()] })),
                None => Err(warp::reject::not_found()),
            })
        });
        let here = here.untuple_one().boxed();
        Some(route(api, here).map(move |response| named(path, response)).boxed())
    }
}

/// The answer, or that there is none in time.
pub(crate) async fn in_time(
    limit: Duration,
    work: impl Future<Output = Result<Response, Problem>>,
) -> Response {
    let done = within(limit, work).await;
    done.unwrap_or_else(|given_up| Err(Problem::unavailable(given_up))).unwrap_or_else(Response::from)
}

/// Names the route of an answer, for metrics.
fn named(route: &'static str, mut response: Response) -> Response {
    response.extensions_mut().insert(RouteName(route));
    response
}
