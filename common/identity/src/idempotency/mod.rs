//! Requests that a caller may repeat without doing things twice: the answer to the first is kept under the caller's
//! key and given again. A key with another request is an error, and so is a key whose first request is still
//! being worked on.

pub mod operations;
mod store;

use sha2::{Digest, Sha256};

use kernel::clock::Timestamp;

/// Whose key it is: keys of different callers never meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub String);

/// What was asked: SHA-256 of method, path and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a request.
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
}

/// How a request with a key is to be treated.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// It is the first: do it, then finish or abandon this claim.
    First(Claimed),
    /// It was done: this was the answer.
    Done {
        /// HTTP status.
        status: u16,
        /// The body; none when it showed a secret, which is not kept.
        body: Option<serde_json::Value>,
    },
    /// Another request with this key is being worked on.
    InProgress,
    /// The key was used for another request.
    OtherRequest,
}

/// The right to do a request. It lapses when its holder takes longer than a minute (it has died, most likely).
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
