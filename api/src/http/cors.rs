//! Cross-origin requests of browsers. The allowed origin is named in the answer, never `*`, because requests may carry
//! cookies.
//!
//! Not the layer of `tower-http`: it takes every OPTIONS request for a preflight, answers it with 200 instead of 204,
//! and the server is hyper with warp inside, without a stack of layers to put it in.

use warp::http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::{Response, empty};

/// The response headers that pages may read.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("x-request-id, x-credits-remaining, x-credits-charged, location, retry-after");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, prefer, x-session-token, x-request-id, api_key, \
     x-language, x-timezone, x-platform, x-app-version",
);

/// The answer to a browser that asks what it may send; none for any other request.
pub(crate) fn preflight(
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
pub(crate) fn mark(allowed: Option<HeaderValue>, response: &mut Response) {
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
    use super::*;
    use crate::origins::Origins;

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
