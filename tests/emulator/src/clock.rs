//! The emulated clock: it runs with the real one, shifted by what the control last asked for.

use std::time::{SystemTime, UNIX_EPOCH};

/// A clock that can be moved. Signatures of webhooks use real time, since receivers compare them with
/// their own; unless the receivers' clock was moved as well.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    shift_seconds: i64,
    signs: bool,
}

impl Clock {
    /// Seconds since the Unix epoch, as the emulated provider sees them.
    pub(crate) fn now(&self) -> i64 {
        real_now().saturating_add(self.shift_seconds)
    }

    /// The time in signatures.
    pub(crate) fn signature_time(&self) -> i64 {
        if self.signs { self.now() } else { real_now() }
    }

    /// Says whether signatures use this clock.
    pub(crate) fn sign(&mut self, signs: bool) {
        self.signs = signs;
    }

    /// Makes the clock read `now` from here on.
    pub(crate) fn set(&mut self, now: i64) {
        self.shift_seconds = now.saturating_sub(real_now());
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
