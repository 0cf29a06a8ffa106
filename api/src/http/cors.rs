//! Which sites' pages may call from a browser. The allowed origin is named in the answer, never `*`, because
//! requests may carry cookies.

use std::collections::HashSet;

use warp::http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::{Response, empty};

/// Headers of answers that pages may read.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("x-request-id, x-credits-remaining, x-credits-charged, location, retry-after");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, prefer, x-session-token, x-request-id, api_key, \
     x-language, x-timezone, x-platform, x-app-version",
);

/// The origins that may call.
#[derive(Clone, Debug)]
pub struct Origins {
    allowed: HashSet<String>,
}

impl Origins {
    /// The API's own origin and the configured ones.
    pub fn new(own: String, others: &[String]) -> Self {
        Self { allowed: others.iter().cloned().chain([own]).collect() }
    }

    /// Whether the request says that it comes from an allowed site.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        self.allowed_origin(headers).is_some()
    }

    /// The origin that the request names, if it may call.
    pub(super) fn allowed_origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        // Compared as sent: browsers write origins in one way only.
        origin.to_str().is_ok_and(|text| self.allowed.contains(text)).then_some(origin)
    }
}

/// The answer to a browser that asks what it may send; none when this is no such question.
pub(super) fn preflight(
    method: &Method,
    headers: &HeaderMap,
    allowed: Option<&HeaderValue>,
) -> Option<Response> {
    if method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut response = empty(StatusCode::NO_CONTENT);
    if allowed.is_some() {
        let out = response.headers_mut();
        out.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        out.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        out.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    Some(response)
}

/// Names the origin in the answer, if it is allowed.
pub(super) fn mark(allowed: Option<HeaderValue>, response: &mut Response) {
    let out = response.headers_mut();
    out.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = allowed {
        out.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        out.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        out.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_exact_origin_is_named() {
        let origins = Origins::new("http://localhost:8080".to_owned(), &["https://a.example".to_owned()]);
        for (origin, allowed) in [
            ("https://a.example", true),
            ("http://localhost:8080", true),
            ("https://a.example.evil.com", false),
            ("http://a.example", false),
            ("null", false),
        ] {
            let mut request = HeaderMap::new();
            request.insert(header::ORIGIN, origin.parse().unwrap());
            let mut response = empty(StatusCode::OK);
            mark(origins.allowed_origin(&request).cloned(), &mut response);
            let named = response.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(named.map(|value| value == origin), allowed.then_some(true), "{origin}");
            assert_eq!(response.headers().get(header::VARY).unwrap(), "origin");
        }
        assert!(!origins.allow(&HeaderMap::new()));
    }
}
