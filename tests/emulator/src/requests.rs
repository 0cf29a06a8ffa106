//! Counts what callers asked for, so that a test can say "the provider was asked once".

use std::collections::BTreeMap;

use serde::Serialize;

/// How one route was used.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Usage {
    /// Requests that arrived.
    pub(crate) received: u64,
    /// Requests that were executed, whatever their answer.
    pub(crate) executed: u64,
    /// Requests answered from an idempotency key.
    pub(crate) replayed: u64,
    /// Requests that a fault was played on.
    pub(crate) faulted: u64,
}

/// Usage by `METHOD /path`, with ids replaced by `:id`.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub(crate) routes: BTreeMap<String, Usage>,
}

impl Requests {
    pub(crate) fn of(&mut self, route: &str) -> &mut Usage {
        self.routes.entry(route.to_owned()).or_default()
    }
}

/// The route of a path: `GET /v1/customers/cus_1` is `GET /v1/customers/:id`.
pub(crate) fn route_of(method: &str, path: &str) -> String {
    let segments = path.trim_matches('/').split('/').map(|segment| {
        let looks_like_an_id = segment.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        if looks_like_an_id && segment != "v1" { ":id" } else { segment }
    });
    format!("{method} /{}", segments.collect::<Vec<_>>().join("/"))
}
