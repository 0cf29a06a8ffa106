//! Sweeps take what is due a portion at a time, so that no transaction grows long.

/// How many portions a sweep takes before it leaves the rest to the next one.
pub(crate) const ROUNDS: usize = 50;

/// Whether a portion was the last one: nothing more is due where fewer than `at_once` were found.
pub(crate) fn is_last(count: usize, at_once: i64) -> bool {
    i64::try_from(count).is_ok_and(|count| count < at_once)
}
