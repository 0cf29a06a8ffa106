//! An endpoint: method, path, what answers there, and what the documentation says of it, in one place. The route and
//! the OpenAPI description are both made from it, so neither can be without the other.

use std::future::Future;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, future};
use percent_encoding::percent_decode_str;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::Method;
use warp::path::FullPath;

use super::description::Description;
use super::{Call, Response, Route, call, finish, named};
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

type Handler = Arc<dyn Fn(Shared, Call) -> BoxFuture<'static, Response> + Send + Sync>;

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

    /// The route that answers here.
    pub fn route(&self, api: &Shared) -> Route {
        let (path, method) = (self.path, self.method.clone());
        match &self.answering {
            Answering::Route(route) => {
                let here = matching(path).map(|_| ()).untuple_one().and(method_filter(&method)).boxed();
                route(api, here).map(named(path)).boxed()
            }
            Answering::Handler(handler) => {
                let handler = Arc::clone(handler);
                matching(path)
                    .and(method_filter(&method))
                    .and(call(api))
                    .then(move |parameters, api, call| handler(api, Call { parameters, ..call }))
                    .boxed()
            }
        }
    }
}

/// What a path has where its template has parameters.
pub type Parameters = Vec<(&'static str, String)>;

/// Matches a path as a whole.
fn matching(template: &'static str) -> BoxedFilter<(Parameters,)> {
    warp::path::full()
        .and_then(move |path: FullPath| {
            future::ready(parameters(template, path.as_str()).ok_or_else(warp::reject::not_found))
        })
        .boxed()
}

/// The values of a template's parameters in a path, if the path has its form. A trailing slash is another path.
fn parameters(template: &'static str, path: &str) -> Option<Parameters> {
    let mut found = Parameters::new();
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return None,
            Some(name) => found.push((name, percent_decode_str(segment).decode_utf8().ok()?.into_owned())),
            None if expected != segment => return None,
            None => {}
        }
    }
    segments.next().is_none().then_some(found)
}

/// Passes the method, and tells others that it is the method that is wrong.
fn method_filter(method: &Method) -> BoxedFilter<()> {
    match *method {
        Method::GET => warp::get().boxed(),
        Method::PUT => warp::put().boxed(),
        Method::DELETE => warp::delete().boxed(),
        Method::PATCH => warp::patch().boxed(),
        _ => warp::post().boxed(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn templates_match_whole_paths() {
        assert_eq!(parameters("/orders", "/orders"), Some(vec![]));
        assert_eq!(parameters("/orders/{id}", "/orders/a%20b"), Some(vec![("id", "a b".to_owned())]));
        for (template, path) in [
            ("/orders", "/orders/"),
            ("/orders", "/orders/1"),
            ("/orders/{id}", "/orders"),
            ("/orders/{id}", "/orders/"),
            ("/orders/{id}", "/orders/1/2"),
            ("/orders/{id}", "/other/1"),
            ("/orders/{id}", "/orders/%ff"),
        ] {
            assert_eq!(parameters(template, path), None, "{template} {path}");
        }
    }
}
