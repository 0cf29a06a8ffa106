//! Crash points: where a process may die between two steps of its work. A test has it die at each of them in turn and
//! then looks at the books. Only builds with the feature `crash-points` have them, which none that ships has.

use crate::text_enum;

text_enum! {
    /// What has just been done when the process dies, and nothing after it.
    Step {
        /// The work was taken up.
        Received => "received",
        /// Its signature was checked.
        Verified => "verified",
        /// The provider has done what it was asked for; nothing is recorded.
        Asked => "asked",
        /// Everything is written, and not committed.
        Written => "written",
        /// Committed.
        Committed => "committed",
        /// The broker has it.
        Published => "published",
        /// The work is done, and nobody knows.
        Done => "done",
        /// Whoever waits was told; what is to come later is kept.
        Settled => "settled",
        /// Acknowledged.
        Acknowledged => "acknowledged",
    }
}

/// Dies here, as if killed, if the variable `CRASH_AT` says so: `<step> <work>`, such as `committed debit`.
#[cfg(feature = "crash-points")]
pub fn point(step: Step, work: &str) {
    static WANTED: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var("CRASH_AT").ok());
    let wanted = WANTED.as_deref().and_then(|wanted| wanted.split_once(' '));
    if wanted == Some((step.as_str(), work)) {
        std::process::abort();
    }
}

/// Nothing, in builds that ship.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub fn point(_: Step, _: &str) {}
