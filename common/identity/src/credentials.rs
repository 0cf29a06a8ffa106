//! API keys and session tokens: 256 random bits behind a prefix that tells them apart. Shown once, kept as SHA-256:
//! so many bits cannot be searched, hence a slow hash would only cost time.

use std::fmt;

use rand::RngExt;
use sha2::{Digest, Sha256};

/// Starts every API key.
pub const API_KEY_PREFIX: &str = "psk_";
/// Starts every session token.
pub const SESSION_PREFIX: &str = "pst_";

/// The SHA-256 of a credential: what is stored, compared and passed around instead of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CredentialHash(pub [u8; 32]);

impl CredentialHash {
    /// The hash of a credential's text.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// In hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// From hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Debug for CredentialHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A few digits tell entries of a log apart.
        formatter.write_str(self.to_hex().get(..8).unwrap_or_default())
    }
}

/// A credential just made. Its text exists here and in the answer to who asked for it, nowhere else.
pub struct NewCredential {
    /// What the caller will present.
    pub text: String,
    /// What is stored.
    pub hash: CredentialHash,
}

impl fmt::Debug for NewCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NewCredential").field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl NewCredential {
    /// A random one that starts with `prefix`.
    pub fn generate(prefix: &str) -> Self {
        let bytes: [u8; 32] = rand::rng().random();
        let text = format!("{prefix}{}", hex::encode(bytes));
        let hash = CredentialHash::of(&text);
        Self { text, hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_differ_and_hide() {
        let (one, two) = (NewCredential::generate(API_KEY_PREFIX), NewCredential::generate(API_KEY_PREFIX));
        assert_ne!(one.text, two.text);
        assert_eq!(one.text.len(), 4 + 64);
        assert_eq!(CredentialHash::of(&one.text), one.hash);
        assert_eq!(CredentialHash::from_hex(&one.hash.to_hex()), Some(one.hash));
        assert!(!format!("{one:?}").contains(&one.text));
    }
}
