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

    /// Whether the request comes from an allowed site, or from a program that is no browser.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        self.allowed_origin(headers).is_some() || is_from_no_browser(headers)
    }

    /// The origin that the request names, if it may call.
    pub(crate) fn allowed_origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        // Compared as sent: browsers write origins in one way only.
        origin.to_str().is_ok_and(|text| self.allowed.contains(text)).then_some(origin)
    }
}

/// Whether nothing of a request comes from a page. Every browser in use says where a request that changes something
/// comes from, and even one that did not would ask before it let a page send JSON to another site.
fn is_from_no_browser(headers: &HeaderMap) -> bool {
    let tells = ["origin", "referer", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"];
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") && tells.iter().all(|name| !headers.contains_key(*name))
}
