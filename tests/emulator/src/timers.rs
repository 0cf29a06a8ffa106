//! What becomes due by the emulated clock, in the order in which it becomes so.

use std::collections::BTreeMap;

use crate::clock::Clock;

/// Timers by when they are due; those of one second in the order they were set.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    due: BTreeMap<(i64, u64), T>,
    set: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), set: 0 }
    }
}

impl<T> Timers<T> {
    /// Sets a timer for a time in Unix seconds.
    pub(crate) fn at(&mut self, time: i64, timer: T) {
        self.set += 1;
        self.due.insert((time, self.set), timer);
    }

    pub(crate) fn after(&mut self, clock: &Clock, seconds: i64, timer: T) {
        self.at(clock.now() + seconds, timer);
    }

    /// When the earliest timer is due, in Unix seconds.
    pub(crate) fn next_at(&self) -> Option<i64> {
        self.due.first_key_value().map(|((time, _), _)| *time)
    }

    /// The first timer that is due at `now`, which is taken out.
    pub(crate) fn next_due(&mut self, now: i64) -> Option<T> {
        let first = self.due.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Takes out every timer, due or not, the earliest first.
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        std::mem::take(&mut self.due).into_values().collect()
    }
}
