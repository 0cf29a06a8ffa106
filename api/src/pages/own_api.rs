//! Purser's own API as a page uses it: within the process, but as a program uses it over HTTP. A call goes through the
//! same endpoints with a credential, so rights, errors, idempotency and the audit log are the same. A page has no other
//! way to data, so it can do nothing that a program could not do.

use std::fmt::Display;
use std::sync::LazyLock;

use bytes::Bytes;
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use warp::http::{HeaderMap, HeaderValue, Method, header};

use crate::http::Response;
use crate::http::call::Call;
use crate::http::table::Table;
use crate::native;
use crate::problem::{Failure, Problem, ProblemKind};
use crate::state::SharedState;

static OPERATIONS: LazyLock<Table> = LazyLock::new(|| Table::new(&(native::GROUP.endpoints)()));

/// All but what means itself anywhere in an address (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The API, with the credential of who looks at the page.
pub(crate) struct OwnApi {
    api: SharedState,
    authorization: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
}

/// An operation's path below `/purser/v1`, with its query.
#[derive(Clone, Debug)]
pub(crate) struct At {
    path: String,
    query: Vec<(String, String)>,
}

/// The path of an operation whose parameters have these values: whatever is in one, it stays one segment.
pub(crate) fn filled<'a>(template: &str, value: impl Fn(&str) -> &'a str) -> At {
    let segments = template.split('/').map(|segment| {
        match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => utf8_percent_encode(value(name), RESERVED).to_string(),
            None => segment.to_owned(),
        }
    });
    At { path: segments.collect::<Vec<_>>().join("/"), query: Vec::new() }
}

/// The path of these segments, which are given as they are: whatever is in one, it stays one segment.
pub(crate) fn at<const N: usize>(segments: [&str; N]) -> At {
    let encoded = segments.iter().map(|segment| utf8_percent_encode(segment, RESERVED).to_string());
    let path = encoded.fold("/purser/v1".to_owned(), |path, segment| path + "/" + &segment);
    At { path, query: Vec::new() }
}

impl At {
    /// Adds a parameter to the query.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a parameter to the query if there is a value.
    #[must_use]
    pub(crate) fn with_some(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl OwnApi {
    /// # Errors
    /// When the credential cannot be one.
    pub(crate) fn new(api: &SharedState, credential: &str) -> Result<Self, Problem> {
        let text = format!("Bearer {credential}");
        let mut authorization = HeaderValue::try_from(text).map_err(|_| ProblemKind::CredentialInvalid)?;
        authorization.set_sensitive(true);
        Ok(Self { api: SharedState::clone(api), authorization: Some(authorization), user_agent: None })
    }

    /// For operations that are open to everybody: those that give a credential for something else.
    pub(crate) fn without_credential(api: &SharedState) -> Self {
        Self { api: SharedState::clone(api), authorization: None, user_agent: None }
    }

    /// Says which browser the page is shown in.
    #[must_use]
    pub(crate) fn in_browser(mut self, user_agent: &str) -> Self {
        self.user_agent = HeaderValue::from_str(user_agent).ok();
        self
    }

    /// # Errors
    /// What the operation refuses, as it says it to every client.
    pub(crate) async fn get<T: DeserializeOwned>(&self, at: At) -> Result<T, Problem> {
        read(self.answer(Method::GET, at, None, Bytes::new()).await?).await
    }

    /// As [`OwnApi::get`]. Sent again with the same key, it is done once.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        at: At,
        idempotency_key: &str,
        body: &impl Serialize,
    ) -> Result<T, Problem> {
        let key = HeaderValue::from_str(idempotency_key).map_err(|_| ProblemKind::IdempotencyKeyInvalid)?;
        read(self.answer(Method::POST, at, Some(key), written(body)?).await?).await
    }

    /// As [`OwnApi::get`].
    pub(crate) async fn put<T: DeserializeOwned>(&self, at: At, body: &impl Serialize) -> Result<T, Problem> {
        read(self.answer(Method::PUT, at, None, written(body)?).await?).await
    }

    /// As [`OwnApi::get`].
    pub(crate) async fn delete<T: DeserializeOwned>(&self, at: At) -> Result<T, Problem> {
        read(self.answer(Method::DELETE, at, None, Bytes::new()).await?).await
    }

    /// The answer as it is, for what is handed on: a table, a file.
    ///
    /// # Errors
    /// As [`OwnApi::get`].
    pub(crate) async fn download(&self, at: At) -> Result<Response, Problem> {
        self.answer(Method::GET, at, None, Bytes::new()).await
    }

    async fn answer(
        &self,
        method: Method,
        at: At,
        idempotency_key: Option<HeaderValue>,
        body: Bytes,
    ) -> Result<Response, Problem> {
        let found = OPERATIONS.find(&method, &at.path).map_err(|_| Failure::NotFound)?;
        let mut headers = HeaderMap::new();
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        headers.extend(self.user_agent.clone().map(|agent| (Some(header::USER_AGENT), agent)));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // No page waits for a payment provider.
        headers.insert("prefer", HeaderValue::from_static("respond-async"));
        if let Some(key) = idempotency_key {
            headers.insert("idempotency-key", key);
        }
        let At { path, query } = at;
        let call =
            Call { method, path, parameters: found.parameters, query, headers, body, least_role: None };
        let mut response = (found.handler)(SharedState::clone(&self.api), call).await;
        match response.extensions_mut().remove::<Problem>() {
            Some(problem) => Err(problem),
            None => Ok(response),
        }
    }
}

fn written(body: &impl Serialize) -> Result<Bytes, Problem> {
    serde_json::to_vec(body).map(Bytes::from).map_err(Problem::internal)
}

/// The value in an answer's body; that of an answer without one is read from `null`.
async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Problem> {
    let body = response.into_body().collect().await.map_err(Problem::internal)?.to_bytes();
    let text: &[u8] = if body.is_empty() { b"null" } else { &body };
    serde_json::from_slice(text).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_one() {
        let at = at(["wallets", "user:../../a/b?c=d", "entries"])
            .with("limit", 20)
            .with_some("type", None::<&str>);
        assert_eq!(at.path, "/purser/v1/wallets/user%3A..%2F..%2Fa%2Fb%3Fc%3Dd/entries");
        let found = OPERATIONS.find(&Method::GET, &at.path).map(|found| found.parameters);
        assert_eq!(found.unwrap(), [("wallet", "user:../../a/b?c=d".to_owned())]);
        assert_eq!(at.query, [("limit".to_owned(), "20".to_owned())]);
        assert!(OPERATIONS.find(&Method::POST, &super::at(["live-tickets"]).path).is_ok());
    }
}
