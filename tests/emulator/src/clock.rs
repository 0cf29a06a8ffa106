//! The emulated clock: it runs with the real one, moved by the controls.

use std::time::{SystemTime, UNIX_EPOCH};

/// A clock that can be moved, stopped, and set apart from everyone else's. Signatures of webhooks use real
/// time, since receivers compare them with their own; unless the control says that they use this clock.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    shift_seconds: i64,
    /// How far the providers' clock is ahead of everyone else's.
    skew_seconds: i64,
    /// The time without skew while the clock stands still.
    stopped_at: Option<i64>,
    /// The due time of the timer that is running: what it does is dated then, however late it runs.
    due_time: Option<i64>,
    signs: bool,
}

impl Clock {
    /// Seconds since the Unix epoch, as the emulated providers see them.
    pub(crate) fn now(&self) -> i64 {
        self.due_time.unwrap_or_else(|| self.unskewed().saturating_add(self.skew_seconds))
    }

    /// Seconds since the Unix epoch, as everyone else sees them.
    pub(crate) fn unskewed(&self) -> i64 {
        self.stopped_at.unwrap_or_else(|| real_now().saturating_add(self.shift_seconds))
    }

    /// The time in signatures.
    pub(crate) fn signature_time(&self) -> i64 {
        if self.signs { self.now() } else { real_now() }
    }

    /// Says whether signatures use this clock.
    pub(crate) fn sign(&mut self, signs: bool) {
        self.signs = signs;
    }

    /// Makes the clock read `now` from here on, without its skew.
    pub(crate) fn set(&mut self, now: i64) {
        self.shift_seconds = now.saturating_sub(real_now());
        self.stopped_at = self.stopped_at.map(|_| now);
    }

    pub(crate) fn skew(&self) -> i64 {
        self.skew_seconds
    }

    pub(crate) fn set_skew(&mut self, seconds: i64) {
        self.skew_seconds = seconds;
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped_at.is_some()
    }

    /// Stops the clock, or lets it go on from where it stands.
    pub(crate) fn stop(&mut self, stops: bool) {
        let now = self.unskewed();
        self.shift_seconds = now.saturating_sub(real_now());
        self.stopped_at = stops.then_some(now);
    }

    /// Dates everything at a timer's due time until this is called with `None`.
    pub(crate) fn date_at(&mut self, due_time: Option<i64>) {
        self.due_time = due_time;
    }
}

/// Seconds since the Unix epoch by the machine's clock.
pub(crate) fn real_now() -> i64 {
    i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX)
}

/// Milliseconds since the Unix epoch by the machine's clock.
pub(crate) fn real_now_milliseconds() -> i64 {
    i64::try_from(since_epoch().as_millis()).unwrap_or(i64::MAX)
}

fn since_epoch() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
