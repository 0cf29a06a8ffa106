//! Values that may not be shown, and what their beginnings give away.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rand::RngExt;

/// A value that never shows itself in logs or errors, and is never empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `value`; `None` when it is blank, because an empty secret protects nothing.
    pub fn new(value: impl Into<String>) -> Option<Self> {
        let value = value.into();
        (!value.trim().is_empty()).then_some(Self(value))
    }

    /// A new one: `prefix`, and 256 random bits in base64.
    pub fn random(prefix: &str) -> Self {
        Self(format!("{prefix}{}", BASE64_STANDARD.encode(rand::rng().random::<[u8; 32]>())))
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// What a secret is, if its beginning tells: the usual mistake is to enter one in the place of another.
pub(super) fn kind(secret: &str) -> Option<&'static str> {
    const KINDS: [(&str, &str); 5] = [
        ("pk_", "a publishable key of Stripe"),
        ("sk_", "a secret key of Stripe"),
        ("rk_", "a restricted key of Stripe"),
        ("whsec_", "the signing secret of a webhook"),
        ("creem_", "an API key of Creem"),
    ];
    KINDS.into_iter().find(|(prefix, _)| secret.starts_with(prefix)).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_secret_is_none_and_a_secret_never_prints() {
        assert_eq!(Secret::new("  "), None);
        let shown = format!("{:?}", Secret::new("whsec_abc"));
        assert!(!shown.contains("whsec"), "{shown}");
    }
}
