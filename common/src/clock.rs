//! The only place that reads the time of day. Everything else takes `now` as an argument, so that a test can
//! move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use time::OffsetDateTime;

/// A moment, in UTC, to the microsecond (what the database keeps).
pub type Timestamp = OffsetDateTime;

/// Tells the time; clones share one offset.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_seconds: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        let now = OffsetDateTime::now_utc();
        let micros = now.nanosecond() / 1_000 * 1_000;
        let now = now.replace_nanosecond(micros).unwrap_or(now);
        now.saturating_add(time::Duration::seconds(self.offset_seconds.load(Ordering::Relaxed)))
    }

    /// Moves this clock and its clones forward; for tests.
    pub fn advance(&self, by: Duration) {
        let seconds = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
        self.offset_seconds.fetch_add(seconds, Ordering::Relaxed);
    }
}
