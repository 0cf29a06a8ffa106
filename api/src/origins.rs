//! The sites whose pages may call this API from a browser.

use std::collections::HashSet;

use warp::http::{HeaderMap, HeaderValue, header};

#[derive(Clone, Debug)]
pub struct Origins {
    allowed: HashSet<String>,
}

impl Origins {
    /// The API's own origin and the configured ones.
    pub fn new(own: String, others: &[String]) -> Self {
        Self { allowed: others.iter().cloned().chain([own]).collect() }
    }

    /// Whether the request names an allowed site as its origin.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        self.allowed_origin(headers).is_some()
    }

    /// The origin that the request names, if it may call.
    pub(crate) fn allowed_origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        // Compared as sent: browsers write origins in one way only.
        origin.to_str().is_ok_and(|text| self.allowed.contains(text)).then_some(origin)
    }
}
