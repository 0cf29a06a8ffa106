//! A request as handlers see it: its body read, its path, query and headers at hand.

use bytes::Bytes;
use warp::http::{HeaderMap, Method};
use warp::path::FullPath;
use warp::{Filter, Rejection};

use super::path::Parameters;
use identity::operators::OperatorRole;
use identity::rights::Scope;

use crate::auth::{Caller, Principal};
use crate::problem::{Problem, ProblemKind};
use crate::state::{AppState, SharedState};

/// A request whose body has been read.
#[derive(Debug)]
pub struct Call {
    pub method: Method,
    /// As sent.
    pub path: String,
    /// The path's parameters, decoded.
    pub parameters: Parameters,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The least role of an operator that may call this endpoint; none if operators may not.
    pub(crate) least_role: Option<OperatorRole>,
}

impl Call {
    /// The user who calls, for APIs that know users only.
    pub(crate) async fn caller(&self, api: &AppState) -> Result<Principal, Problem> {
        api.auth.user(&self.method, &self.headers, &api.origins).await
    }

    /// Who calls, if they have the scope. Of which wallets it is good for, [`Caller::reach`] says.
    pub(crate) async fn allowed(&self, api: &AppState, scope: Scope) -> Result<Caller, Problem> {
        self.allowed_as(api, |_| scope).await
    }

    /// As [`Call::allowed`], where the scope depends on who calls.
    pub(crate) async fn allowed_as(
        &self,
        api: &AppState,
        scope: impl FnOnce(&Caller) -> Scope,
    ) -> Result<Caller, Problem> {
        let caller = api.auth.caller(&self.method, &self.headers, &api.origins).await?;
        let scope = scope(&caller);
        let caller = caller.with_role(self.least_role, scope)?;
        caller.check(scope)?;
        Ok(caller)
    }

    /// Who calls, if they have the scope for everyone.
    pub(crate) async fn operator(&self, api: &AppState, scope: Scope) -> Result<Caller, Problem> {
        let caller = self.allowed(api, scope).await?;
        caller.check_everyone(scope)?;
        Ok(caller)
    }

    /// Who manages, over an API of another system: a user with the admin role, or a key with the scope `manage`.
    pub(crate) async fn require_admin(&self, api: &AppState) -> Result<Caller, Problem> {
        self.operator(api, Scope::Manage).await
    }

    /// A header's text, if it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The key that makes a repeated request the same request, if it has one.
    ///
    /// # Errors
    /// A key that is empty, too long or not printable; more than one key.
    pub fn idempotency_key(&self) -> Result<Option<&str>, Problem> {
        let mut all = self.headers.get_all("idempotency-key").iter();
        let key = match (all.next(), all.next()) {
            (None, _) => return Ok(None),
            (Some(key), None) => key,
            (Some(_), Some(_)) => return Err(ProblemKind::IdempotencyKeyInvalid.into()),
        };
        let key = key.to_str().map_err(|_| ProblemKind::IdempotencyKeyInvalid)?;
        checked_key(key).map(Some)
    }

    /// The path's value for a parameter of its template; empty if the template has no such parameter.
    pub fn path_parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_str())
    }

    /// The first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// How many entries of a list the query asks for: `limit`, 50 unless given.
    pub(crate) fn limit(&self, most: i64) -> Result<i64, Problem> {
        let limit = self.parameter("limit").unwrap_or("50").parse().ok();
        let problem = || Problem::invalid(format!("limit must be between 1 and {most}"));
        limit.filter(|limit| (1..=most).contains(limit)).ok_or_else(problem)
    }
}

/// # Errors
/// When the text is no idempotency key: too long, empty, or not printable.
pub(crate) fn checked_key(key: &str) -> Result<&str, Problem> {
    let is_printable = key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if (1..=255).contains(&key.len()) && is_printable {
        Ok(key)
    } else {
        Err(ProblemKind::IdempotencyKeyInvalid.into())
    }
}

/// Extracts the shared state and the request.
pub fn call(
    api: &SharedState,
) -> impl Filter<Extract = (SharedState, Call), Error = Rejection> + Clone + use<> {
    let api = SharedState::clone(api);
    warp::any()
        .map(move || SharedState::clone(&api))
        .and(warp::method())
        .and(warp::path::full())
        .and(warp::query::<Vec<(String, String)>>())
        .and(warp::header::headers_cloned())
        .and(warp::body::bytes())
        .map(|api, method, path: FullPath, query, headers, body| {
            let path = path.as_str().to_owned();
            (api, Call { method, path, parameters: Vec::new(), query, headers, body, least_role: None })
        })
        .untuple_one()
}
