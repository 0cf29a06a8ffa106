//! A group of endpoints that belong together: an API, or a part of one.

use billing::payments::Dialect;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use super::Response;
use super::description::Schemas;
use super::endpoint::Endpoint;
use crate::problem::Problem;

/// Adds the schema of an API's errors, and returns a reference to it.
pub(crate) type ErrorSchema = fn(&mut Schemas) -> RefOr<Schema>;

pub(crate) struct ApiGroup {
    /// What the documentation calls it; several groups may share a name.
    pub name: &'static str,
    /// A paragraph for the documentation.
    pub about: &'static str,
    /// The dialect with which it is switched off; a group without one is always served.
    pub dialect: Option<Dialect>,
    /// Whether the group answers for a path, also where it has no endpoint there.
    pub owns: fn(&str) -> bool,
    pub endpoints: fn() -> Vec<Endpoint>,
    /// Words a problem for the clients of this API.
    pub word: fn(&Problem) -> Response,
    /// The schema of its errors. A group without one is for people: it is not in the description for programs.
    pub error: Option<ErrorSchema>,
}

/// Whether `path` is `prefix` or below it.
pub(crate) fn is_under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
