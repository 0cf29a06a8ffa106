//! An endpoint: method, path, what answers there, and what the documentation says of it, in one place. The route and
//! the OpenAPI description are both made from it, so neither can be without the other.

use std::future::Future;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, future};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::Method;
use warp::path::FullPath;

use super::description::Description;
use super::router::{self, WrongMethod};
use super::{Call, Response, Route, finish, named};
use crate::Shared;

/// A method at a path.
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path, with parameters in braces: `/orders/{orderId}`.
    pub path: &'static str,
    /// What the documentation says.
    pub description: Description,
    answering: Answering,
}

enum Answering {
    Handler(Handler),
    /// For what is more than a request and an answer: upgrades and streams.
    Route(fn(&Shared, BoxedFilter<()>) -> Route),
}

/// Answers requests.
pub(super) type Handler = Arc<dyn Fn(Shared, Call) -> BoxFuture<'static, Response> + Send + Sync>;

impl Endpoint {
    /// GET
    pub fn get<Work, E>(
        path: &'static str,
        handler: impl Fn(Shared, Call) -> Work + Send + Sync + 'static,
        description: Description,
    ) -> Self
    where
        Work: Future<Output = Result<Response, E>> + Send + 'static,
        E: Into<Response> + 'static,
    {
        Self::new(Method::GET, path, handler, description)
    }

    /// POST
    pub fn post<Work, E>(
        path: &'static str,
        handler: impl Fn(Shared, Call) -> Work + Send + Sync + 'static,
        description: Description,
    ) -> Self
    where
        Work: Future<Output = Result<Response, E>> + Send + 'static,
        E: Into<Response> + 'static,
    {
        Self::new(Method::POST, path, handler, description)
    }

    /// PUT
    pub fn put<Work, E>(
        path: &'static str,
        handler: impl Fn(Shared, Call) -> Work + Send + Sync + 'static,
        description: Description,
    ) -> Self
    where
        Work: Future<Output = Result<Response, E>> + Send + 'static,
        E: Into<Response> + 'static,
    {
        Self::new(Method::PUT, path, handler, description)
    }

    /// DELETE
    pub fn delete<Work, E>(
        path: &'static str,
        handler: impl Fn(Shared, Call) -> Work + Send + Sync + 'static,
        description: Description,
    ) -> Self
    where
        Work: Future<Output = Result<Response, E>> + Send + 'static,
        E: Into<Response> + 'static,
    {
        Self::new(Method::DELETE, path, handler, description)
    }

    /// Any method.
    pub fn new<Work, E>(
        method: Method,
        path: &'static str,
        handler: impl Fn(Shared, Call) -> Work + Send + Sync + 'static,
        description: Description,
    ) -> Self
    where
        Work: Future<Output = Result<Response, E>> + Send + 'static,
        E: Into<Response> + 'static,
    {
        let handler: Handler = Arc::new(move |api, call| handler(api, call).map(finish(path)).boxed());
        Self { method, path, description, answering: Answering::Handler(handler) }
    }

    /// What is more than a request and an answer: `route` goes on from the filter that matches method and path.
    pub fn special(
        method: Method,
        path: &'static str,
        route: fn(&Shared, BoxedFilter<()>) -> Route,
        description: Description,
    ) -> Self {
        Self { method, path, description, answering: Answering::Route(route) }
    }

    /// What answers here, unless it is more than a request and an answer.
    pub(super) fn handler(&self) -> Option<Handler> {
        match &self.answering {
            Answering::Handler(handler) => Some(Arc::clone(handler)),
            Answering::Route(_) => None,
        }
    }

    /// The route that answers here, if it is more than a request and an answer.
    pub(super) fn special_route(&self, api: &Shared) -> Option<Route> {
        let Answering::Route(route) = &self.answering else { return None };
        let (path, method) = (self.path, self.method.clone());
        let here = warp::method().and(warp::path::full()).and_then(move |used: Method, full: FullPath| {
            future::ready(match router::parameters(path, full.as_str()) {
                Some(_) if used == method => Ok(()),
                Some(_) => Err(warp::reject::custom(WrongMethod { taken: vec![method.clone()] })),
                None => Err(warp::reject::not_found()),
            })
        });
        let here = here.untuple_one().boxed();
        Some(route(api, here).map(named(path)).boxed())
    }
}

/// What a path has where its template has parameters.
pub type Parameters = Vec<(&'static str, String)>;
