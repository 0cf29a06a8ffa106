//! All routes, and which API a path belongs to. The busiest routes come first.

use crate::http::endpoint::Endpoint;
use crate::http::{Failure, Response, Route, first_of};
use crate::{Shared, dialects, native, webhooks};

/// An API: some paths, what answers there, and how it words what the server itself finds wrong.
pub(crate) struct Surface {
    /// Whether a path, known or unknown, belongs to it.
    pub owns: fn(&str) -> bool,
    /// Its routes that are not endpoints yet.
    pub routes: fn(&Shared) -> Route,
    /// Its endpoints.
    pub endpoints: fn() -> Vec<Endpoint>,
    /// Its words.
    pub render: fn(Failure) -> Response,
}

/// The first that owns a path answers for it; the native API owns what is left.
fn surfaces() -> impl DoubleEndedIterator<Item = &'static Surface> {
    webhooks::SURFACES.iter().chain(dialects::SURFACES).chain([&native::SURFACE])
}

/// Every route.
pub(crate) fn all(api: &Shared) -> Route {
    let rest: Vec<Route> = surfaces()
        .flat_map(|surface| {
            let endpoints = (surface.endpoints)();
            endpoints.into_iter().map(|endpoint| endpoint.route(api)).chain([(surface.routes)(api)])
        })
        .collect();
    first_of([native::consume::route(api)].into_iter().chain(rest))
}

/// The API that a path belongs to.
pub(crate) fn surface_of(path: &str) -> &'static Surface {
    surfaces().find(|surface| (surface.owns)(path)).unwrap_or(&native::SURFACE)
}

/// Whether `path` is `prefix` or below it.
pub(crate) fn is_under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
