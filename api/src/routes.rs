//! All endpoints, and which API a path belongs to.

use crate::dialects::Dialects;
use crate::http::description::{Access, Schemas};
use crate::http::endpoint::Endpoint;
use crate::http::{Failure, Response, Route, router};
use crate::{Shared, dialects, native, webhooks};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// An API: some paths, what answers there, and how it words what the server itself finds wrong.
pub(crate) struct Surface {
    /// What `DIALECTS` and the documentation call it.
    pub name: &'static str,
    /// A paragraph for the documentation.
    pub about: &'static str,
    /// Whether a path, known or unknown, belongs to it.
    pub owns: fn(&str) -> bool,
    /// What answers.
    pub endpoints: fn() -> Vec<Endpoint>,
    /// Its words.
    pub render: fn(Failure) -> Response,
    /// The schema of its errors.
    pub error: fn(&mut Schemas) -> RefOr<Schema>,
}

/// The first that owns a path answers for it; the native API owns what is left.
pub(crate) fn surfaces() -> impl DoubleEndedIterator<Item = &'static Surface> {
    webhooks::SURFACES.iter().chain(dialects::SURFACES).chain([&native::SURFACE])
}

/// Every route.
pub(crate) fn all(api: &Shared) -> Route {
    let endpoints: Vec<Endpoint> =
        surfaces().flat_map(|surface| endpoints(surface, &api.config.dialects)).collect();
    router::route(api, &endpoints)
}

/// What answers of an API. Where providers send their events is never switched off: money is on its way.
pub(crate) fn endpoints(surface: &Surface, dialects: &Dialects) -> Vec<Endpoint> {
    let mut endpoints = (surface.endpoints)();
    if !dialects.include(surface) {
        endpoints.retain(|endpoint| endpoint.description.access == Access::Provider);
    }
    endpoints
}

/// Whether providers send their events to a path.
pub(crate) fn is_of_providers(path: &str) -> bool {
    webhooks::SURFACES.iter().any(|surface| (surface.owns)(path))
}

/// The API that a path belongs to.
pub(crate) fn surface_of(path: &str) -> &'static Surface {
    surfaces().find(|surface| (surface.owns)(path)).unwrap_or(&native::SURFACE)
}

/// Whether `path` is `prefix` or below it.
pub(crate) fn is_under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
