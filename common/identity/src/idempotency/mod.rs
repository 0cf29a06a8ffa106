//! Idempotency keys let a caller repeat a request without repeating its effects: the answer to the first request is
//! stored under the caller's key and returned again. Using a key for a different request is an error, and so is using
//! one while its first request is in progress.

pub mod operations;
mod store;

use sha2::{Digest, Sha256};

use kernel::clock::Timestamp;

/// Scopes a key: the same key of another caller is another key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub String);

/// SHA-256 of method, path and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub fn of(method: &str, path: &str, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        // A method and a path have no line breaks, so the parts cannot run into each other.
        hash.update(method);
        hash.update("\n");
        hash.update(path);
        hash.update("\n");
        hash.update(body);
        Self(hash.finalize().into())
    }

    /// To be kept with what the request has made.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// How to treat a request with a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// The first request: run it, then finish or abandon this claim.
    First(Claimed),
    /// The request was answered before, with this.
    Done {
        status: u16,
        /// None if the answer contained a secret, which is not stored.
        body: Option<serde_json::Value>,
    },
    /// An earlier request with this key has no answer yet.
    InProgress,
    /// The key was used for a different request.
    OtherRequest,
}

/// The right to run a request. It lapses after a minute without an answer, when its holder has most likely crashed.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    caller: Caller,
    key: String,
    since: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_request_counts() {
        let base = Fingerprint::of("POST", "/a", b"{}");
        assert_eq!(base, Fingerprint::of("POST", "/a", b"{}"));
        for other in [
            Fingerprint::of("PUT", "/a", b"{}"),
            Fingerprint::of("POST", "/b", b"{}"),
            Fingerprint::of("POST", "/a", b"{ }"),
            Fingerprint::of("POST", "/a{", b"}"),
        ] {
            assert_ne!(base, other);
        }
    }
}
