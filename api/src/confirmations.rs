//! Keeps strangers from having the payment provider asked too much: how often it is asked whether a session is paid,
//! for each session and for each buyer. A buyer's questions are not limited by those about others.

use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use kernel::ids::UserId;

/// A session is asked about this often at once, and then once a second.
const SESSION_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
/// So often a second, all sessions of a buyer are asked about together.
const BUYER_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
/// When more are remembered, those that were not asked about lately are forgotten.
const REMEMBERED: usize = 10_000;

pub(crate) struct Confirmations {
    sessions: DefaultKeyedRateLimiter<String>,
    /// By buyer; those whose page no order is known by, such as that of a Payment Link, share one limit.
    buyers: DefaultKeyedRateLimiter<Option<UserId>>,
}

impl Default for Confirmations {
    fn default() -> Self {
        let session = Quota::per_second(NonZeroU32::MIN).allow_burst(SESSION_BURST);
        let buyer = Quota::per_second(BUYER_PER_SECOND);
        Self { sessions: RateLimiter::keyed(session), buyers: RateLimiter::keyed(buyer) }
    }
}

impl Confirmations {
    /// Takes a question about a buyer's session from what may be asked now; false if nothing is left.
    pub(crate) fn take_question(&self, session: &str, buyer: Option<UserId>) -> bool {
        if self.sessions.len() > REMEMBERED {
            self.sessions.retain_recent();
            self.buyers.retain_recent();
        }
        self.sessions.check_key(&session.to_owned()).is_ok() && self.buyers.check_key(&buyer).is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn questions_about_one_session_leave_those_about_others() {
        let confirmations = Confirmations::default();
        let buyer = |name: &str| Some(UserId::try_from(name.to_owned()).unwrap());
        let asked = (0..100).filter(|_| confirmations.take_question("cs_test_a", buyer("a"))).count();
        assert_eq!(asked, 2);
        assert!(confirmations.take_question("cs_test_b", buyer("a")));
        let asked =
            (0..100).filter(|at| confirmations.take_question(&format!("cs_test_c{at}"), buyer("b"))).count();
        assert_eq!(asked, 5);
        assert!(confirmations.take_question("cs_test_d", buyer("c")));
    }
}
