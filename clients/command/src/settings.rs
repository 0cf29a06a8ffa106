//! Where the API is, and the key for it: from the environment, where other users of the machine do not see it.

use std::fmt;

use hyper::Uri;
use hyper::header::HeaderValue;

use crate::failure::Failure;

const URL: &str = "PURSER_URL";
const KEY: &str = "PURSER_API_KEY";

#[derive(Debug)]
pub struct Settings {
    /// Without a slash at its end.
    pub url: String,
    pub key: ApiKey,
}

/// A secret: it never shows itself.
pub struct ApiKey(String);

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(…)")
    }
}

impl ApiKey {
    fn new(text: &str) -> Option<Self> {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_plain.then(|| Self(text.to_owned()))
    }

    /// The header that presents it; none would be a key that [`Self::new`] refuses.
    pub fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Settings {
    pub fn from_environment() -> Result<Self, Failure> {
        let url = variable(URL).ok_or_else(|| {
            Failure::usage(format!(
                "{URL} is not set. It is the address of the API, such as https://purser.example.com"
            ))
        })?;
        let url = url.trim_end_matches('/').to_owned();
        let address: Option<Uri> = url.parse().ok();
        let is_address = address.as_ref().is_some_and(|address| {
            matches!(address.scheme_str(), Some("http" | "https"))
                && address.host().is_some_and(|host| !host.is_empty())
        });
        if !is_address || url.contains(['?', '@']) {
            return Err(Failure::usage(format!(
                "{URL} must be an address such as https://purser.example.com"
            )));
        }
        let key = variable(KEY).ok_or_else(|| {
            let says = format!(
                "{KEY} is not set. Make a key with `purser keys create`, or use the one in ADMIN_API_KEY."
            );
            Failure::usage(says)
        })?;
        let key = ApiKey::new(&key).ok_or_else(|| {
            Failure::usage(format!("{KEY} has characters that no key has, such as spaces."))
        })?;
        Ok(Self { url, key })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command depends on no crate of the server, and these two are not arguments"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_shows_itself() {
        let settings = Settings { url: "http://a".to_owned(), key: ApiKey::new("psk_secret").unwrap() };
        assert!(!format!("{settings:?} {:?}", settings.key.header()).contains("secret"));
        assert!(
            ApiKey::new("psk_a b").is_none() && ApiKey::new("psk_a\n").is_none() && ApiKey::new("").is_none()
        );
    }
}
