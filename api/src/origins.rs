//! The sites whose pages may call this API from a browser.

use std::collections::HashSet;

use warp::http::{HeaderMap, HeaderValue, Uri, header};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_do() {
        assert_eq!(origin_of("https://Shop.Example.com:443/").as_deref(), Some("https://shop.example.com"));
        assert_eq!(origin_of("http://localhost:3000").as_deref(), Some("http://localhost:3000"));
        for text in
            ["*", "null", "shop.example.com", "https://a@b", "https://a/b", "https://a/?b", "ftp://a", ""]
        {
            assert_eq!(origin_of(text), None, "{text}");
        }
    }
}
