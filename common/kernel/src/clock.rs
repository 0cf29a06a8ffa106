//! The only place that reads the time of day. Everything else takes `now` as an argument, so that a test can
//! move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// A moment, in UTC, to the microsecond (what the database keeps).
pub type Timestamp = OffsetDateTime;

/// A time that a provider states, in seconds since 1970. None before that or after the year 9999: it is a mistake, and
/// a time that cannot be stored or written as RFC 3339 would stop the event that it came with.
pub fn from_unix_seconds(seconds: i64) -> Option<Timestamp> {
    plausible(Timestamp::from_unix_timestamp(seconds).ok()?)
}

/// As [`from_unix_seconds`], in milliseconds.
pub fn from_unix_milliseconds(milliseconds: i64) -> Option<Timestamp> {
    let nanoseconds = i128::from(milliseconds).checked_mul(1_000_000)?;
    plausible(Timestamp::from_unix_timestamp_nanos(nanoseconds).ok()?)
}

/// As [`from_unix_seconds`], written as RFC 3339.
pub fn from_rfc3339(text: &str) -> Option<Timestamp> {
    plausible(Timestamp::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?)
}

fn plausible(at: Timestamp) -> Option<Timestamp> {
    (at >= Timestamp::UNIX_EPOCH).then_some(at)
}

/// A clock; its clones share one offset.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_seconds: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    pub fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the time of day")]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_that_can_be_kept_are_taken() {
        let last = 253_402_300_799;
        assert!(from_unix_seconds(0).is_some() && from_unix_seconds(last).is_some());
        for seconds in [-1, last + 1, i64::MIN, i64::MAX] {
            assert_eq!(from_unix_seconds(seconds), None, "{seconds}");
            assert_eq!(from_unix_milliseconds(seconds.saturating_mul(1_000)), None, "{seconds}");
        }
        assert_eq!(from_rfc3339("2026-11-24T09:00:00.5+01:00"), from_unix_milliseconds(1_795_507_200_500));
        for text in ["", "0000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00"] {
            assert_eq!(from_rfc3339(text), None, "{text}");
        }
    }
}
