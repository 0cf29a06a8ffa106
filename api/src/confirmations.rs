//! Keeps strangers from having the payment provider asked too much: how often each process asks whether a session is
//! paid, and which sessions it does not ask about again for a while.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::future::Cache;

/// Each process asks the provider this often a second…
const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
/// …and this often at once.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
/// How long a session that was not confirmed is not asked about again.
const REMEMBERED: Duration = Duration::from_mins(1);
const CAPACITY: u64 = 10_000;

pub(crate) struct Confirmations {
    pace: DefaultDirectRateLimiter,
    unconfirmed: Cache<String, ()>,
}

impl Default for Confirmations {
    fn default() -> Self {
        Self {
            pace: RateLimiter::direct(Quota::per_second(PER_SECOND).allow_burst(BURST)),
            unconfirmed: Cache::builder().max_capacity(CAPACITY).time_to_live(REMEMBERED).build(),
        }
    }
}

impl Confirmations {
    /// Whether the provider did not confirm the session a moment ago.
    pub(crate) fn is_unconfirmed(&self, session: &str) -> bool {
        self.unconfirmed.contains_key(session)
    }

    pub(crate) async fn remember_unconfirmed(&self, session: &str) {
        self.unconfirmed.insert(session.to_owned(), ()).await;
    }

    /// Takes a question to the provider from the allowance of this process; false if none is left.
    pub(crate) fn take_question(&self) -> bool {
        self.pace.check().is_ok()
    }
}
