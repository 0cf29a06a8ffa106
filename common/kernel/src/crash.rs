//! Crash points: where a process may die between two steps of its work. A test kills it at each of them in turn and
//! then checks the books. Only builds with the feature `crash-points` have them; none that ships does.

use crate::text_enum;

text_enum! {
    /// The last step that the process has done when it dies.
    Step {
        /// It has taken up the work.
        Received => "received",
        /// It has checked the signature.
        Verified => "verified",
        /// The provider has done what it was asked for; nothing is recorded yet.
        Asked => "asked",
        /// Everything is written, nothing is committed.
        Written => "written",
        /// The transaction is committed.
        Committed => "committed",
        /// The broker has confirmed the message.
        Published => "published",
        /// The work is done; neither its caller nor the broker knows yet.
        Done => "done",
        /// The waiting caller has its answer; a retry or dead letter is published.
        Settled => "settled",
        /// The message is acknowledged.
        Acknowledged => "acknowledged",
    }
}

/// Dies here, as if killed, if the variable `CRASH_AT` says so: `<step> <work>`, such as `committed debit`.
#[cfg(feature = "crash-points")]
pub fn point(step: Step, work: &str) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of tests, in no build that ships, and no setting"
    )]
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
