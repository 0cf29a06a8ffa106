//! Where a provider's page may send a buyer: only to configured origins, compared exactly. Anything else would let a
//! link to a genuine payment page end on a stranger's site.

use std::collections::HashSet;

use url::{Origin, Url};

/// Longer ones are refused by Stripe.
const LENGTH_MAX: usize = 5_000;

#[derive(Clone, Debug)]
pub struct ReturnOrigins(HashSet<Origin>);

impl ReturnOrigins {
    /// The API's own origin, whose pages are used where an order names none, and the configured ones.
    pub fn new(own: &str, others: &[String]) -> Self {
        let all = others.iter().map(String::as_str).chain([own]);
        Self(all.filter_map(|text| Url::parse(text).ok()).map(|url| url.origin()).collect())
    }

    pub fn allow(&self, text: &str) -> bool {
        // Parsers disagree about backslashes, spaces and control characters: an address must have none.
        let odd = |letter: char| letter == '\\' || letter.is_whitespace() || letter.is_control();
        if text.len() > LENGTH_MAX || text.contains(odd) {
            return false;
        }
        let Ok(url) = Url::parse(text) else { return false };
        let Some(rest) = text.strip_prefix(&format!("{}://", url.scheme())) else { return false };
        // They also disagree about hosts with encoded or look-alike letters, `%2E` or a full-width dot, and about text
        // before an `@`.
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        matches!(url.scheme(), "http" | "https")
            && !host.is_empty()
            && host.bytes().all(plain)
            && self.0.contains(&url.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_exact_origin_pass() {
        let origins = ReturnOrigins::new("http://localhost:8080", &["https://app.example.com".to_owned()]);
        for text in [
            "https://app.example.com",
            "https://app.example.com/dashboard?success=true&id={CHECKOUT_SESSION_ID}",
            "https://app.example.com:443/",
            "http://localhost:8080/payment_success",
        ] {
            assert!(origins.allow(text), "{text}");
        }
        for text in [
            "",
            "/dashboard",
            "//app.example.com/",
            "http://app.example.com/",
            "https://app.example.com:8443/",
            "https://app.example.com.evil.com/",
            "https://evil.com/https://app.example.com/",
            "https://app.example.com@evil.com/",
            "https://user@app.example.com/",
            "https://evil.com\\@app.example.com/",
            "https:/\\app.example.com/",
            "https:app.example.com/",
            "https:///app.example.com/",
            "https://app%2Eexample.com/",
            "https://app\u{3002}example.com/",
            "https://app.exam\u{ad}ple.com/",
            "\thttps://app.example.com/",
            "https://app.example.com/\r\nset-cookie: a=b",
            "javascript:alert(1)//https://app.example.com",
            "data:text/html,x",
            "https://app.example.com:@evil.com/",
            "https://app\u{ff0e}example\u{3002}com/",
            "https://app.ex\u{ad}ample.com/",
            "https://%61pp.example.com/",
            "https://app.example.com%2f@evil.com/",
            "https://app.example.com./",
        ] {
            assert!(!origins.allow(text), "{text}");
        }
    }
}
