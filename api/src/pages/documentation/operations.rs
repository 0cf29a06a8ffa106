//! The operations of Purser's own API, for the search: each has its place in the reference.

use std::sync::LazyLock;

use crate::native;
use crate::openapi::operation_id;

/// An operation, as the search shows it.
pub(super) struct Described {
    /// Its method and path.
    pub(super) title: String,
    /// Below `/docs`.
    pub(super) address: String,
    pub(super) summary: String,
    pub(super) text: String,
}

pub(super) static OPERATIONS: LazyLock<Vec<Described>> = LazyLock::new(|| {
    let endpoints = (native::GROUP.endpoints)();
    let described = endpoints.into_iter().map(|endpoint| Described {
        title: format!("{} {}", endpoint.method, endpoint.path),
        address: format!("reference#/{}/{}", native::GROUP.name, operation_id(&endpoint)),
        summary: endpoint.description.operation.summary.unwrap_or_default(),
        text: endpoint.description.operation.description.unwrap_or_default(),
    });
    described.collect()
});
