//! API keys and session tokens: a prefix for the kind, then 256 random bits. Shown once and stored as SHA-256: 256 bits
//! are too many to search, so a slow hash would only cost time.

use std::fmt;

use rand::RngExt;
use sha2::{Digest, Sha256};

pub const API_KEY_PREFIX: &str = "psk_";
pub const SESSION_PREFIX: &str = "pst_";
/// Of the sessions of customers' wallet pages.
pub const PORTAL_SESSION_PREFIX: &str = "pps_";
/// The length of the beginning of a credential that is kept and shown.
const SHOWN: usize = 12;

/// The SHA-256 of a credential, stored, compared and passed around instead of the credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CredentialHash(pub [u8; 32]);

impl CredentialHash {
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Debug for CredentialHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A few digits are enough to tell log entries apart.
        formatter.write_str(self.to_hex().get(..8).unwrap_or_default())
    }
}

/// A credential just generated. Its text exists only here and in the response to the caller.
pub struct NewCredential {
    pub text: String,
    pub hash: CredentialHash,
}

impl fmt::Debug for NewCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NewCredential").field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl NewCredential {
    pub fn generate(prefix: &str) -> Self {
        let bytes: [u8; 32] = rand::rng().random();
        let text = format!("{prefix}{}", hex::encode(bytes));
        let hash = CredentialHash::of(&text);
        Self { text, hash }
    }

    /// Its beginning, by which people tell it from others: too little to guess the rest.
    pub fn prefix(&self) -> &str {
        self.text.get(..SHOWN).unwrap_or_default()
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
