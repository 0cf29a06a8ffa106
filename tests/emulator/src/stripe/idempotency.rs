//! What was answered under which `Idempotency-Key`.

use std::collections::HashMap;

use super::errors::ApiError;

/// Seconds for which an answer is kept.
const KEPT_FOR: i64 = 24 * 3600;
const LONGEST_KEY: usize = 255;

/// The answers under all keys.
#[derive(Default)]
pub(crate) struct Keys {
    entries: HashMap<String, Entry>,
}

struct Entry {
    /// Method, path and body of the first request.
    fingerprint: String,
    since: i64,
    answer: Option<Stored>,
}

/// An answer as it was given.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) request_id: String,
}

impl Keys {
    /// Starts a request under a key: `Some` is the answer to replay, `None` means it is to be executed.
    pub(crate) fn start(
        &mut self,
        key: &str,
        fingerprint: &str,
        now: i64,
    ) -> Result<Option<Stored>, ApiError> {
        if key.is_empty() || key.len() > LONGEST_KEY {
            let message = "Idempotency keys must be between 1 and 255 characters long.";
            return Err(ApiError::invalid(message));
        }
        if let Some(entry) = self.entries.get(key).filter(|entry| now - entry.since < KEPT_FOR) {
            if entry.fingerprint != fingerprint {
                return Err(ApiError::idempotency_mismatch(key));
            }
            return match &entry.answer {
                Some(stored) => Ok(Some(stored.clone())),
                None => Err(ApiError::idempotency_in_use(key)),
            };
        }
        let entry = Entry { fingerprint: fingerprint.to_owned(), since: now, answer: None };
        self.entries.insert(key.to_owned(), entry);
        Ok(None)
    }

    /// Ends a request. Refused parameters are not stored, so that a corrected retry can use the key.
    pub(crate) fn finish(&mut self, key: &str, answer: Stored) {
        let keep = answer.status < 300 || answer.status == 402 || answer.status >= 500;
        if !keep {
            self.entries.remove(key);
        } else if let Some(entry) = self.entries.get_mut(key) {
            entry.answer = Some(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn stored(status: u16) -> Stored {
        Stored { status, body: "{}".into(), request_id: "req_1".into() }
    }

    #[test]
    fn a_key_replays_for_a_day_and_is_new_afterwards() {
        let mut keys = Keys::default();
        assert!(keys.start("k", "a", 0).expect("it starts").is_none());
        keys.finish("k", stored(402));
        assert_eq!(keys.start("k", "a", 10).expect("a replay").expect("stored").status, 402);
        assert!(keys.start("k", "a", KEPT_FOR).expect("a new request").is_none());
    }

    #[test]
    fn other_parameters_and_concurrent_requests_are_told_apart() {
        let mut keys = Keys::default();
        assert!(keys.start("k", "a", 0).expect("it starts").is_none());
        assert_eq!(keys.start("k", "a", 0).err().expect("in flight").status(), 409);
        assert_eq!(keys.start("k", "b", 0).err().expect("a mismatch").status(), 400);
        keys.finish("k", stored(400));
        assert!(keys.start("k", "b", 0).expect("nothing was stored").is_none());
    }
}
