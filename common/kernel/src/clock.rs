//! The only place that reads the time of day. Everything else takes `now` as an argument, so that a test can
//! move it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use tokio::sync::watch;

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

/// A time as this system writes it for programs: RFC 3339 in UTC, with milliseconds.
pub fn to_rfc3339(at: Timestamp) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

/// Seconds since 1970 by the machine's clock, which the test clock does not move: for what happens between processes.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the time of day")]
pub fn seconds_of_the_machine() -> u64 {
    u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap_or(0)
}

fn plausible(at: Timestamp) -> Option<Timestamp> {
    (at >= Timestamp::UNIX_EPOCH).then_some(at)
}

/// A clock; its clones share one offset, which [`crate::test_clock`] moves.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_seconds: Arc<watch::Sender<i64>>,
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
        now.saturating_add(time::Duration::seconds(*self.offset_seconds.borrow()))
    }

    /// Sets this clock and its clones ahead of real time.
    pub fn set_offset(&self, seconds: i64) {
        self.offset_seconds.send_if_modified(|offset| std::mem::replace(offset, seconds) != seconds);
    }

    /// Waits until so much time has passed.
    pub async fn sleep(&self, duration: Duration) {
        self.deadline(duration).passed().await;
    }

    /// The moment when so much time has passed from now on.
    pub fn deadline(&self, after: Duration) -> Deadline {
        let mut offset_seconds = self.offset_seconds.subscribe();
        let ahead = *offset_seconds.borrow_and_update();
        Deadline { offset_seconds, began: Instant::now(), ahead, after }
    }
}

/// A moment by a clock. Time that the machine's clock is corrected by does not count, time that the test clock is moved
/// by does.
#[derive(Debug)]
pub struct Deadline {
    offset_seconds: watch::Receiver<i64>,
    began: Instant,
    /// The offset then.
    ahead: i64,
    after: Duration,
}

impl Deadline {
    /// Waits until it has passed.
    pub async fn passed(&mut self) {
        loop {
            let moved = self.offset_seconds.borrow_and_update().saturating_sub(self.ahead);
            let moved = Duration::from_secs(u64::try_from(moved).unwrap_or(0));
            let left = self.after.saturating_sub(moved).saturating_sub(self.began.elapsed());
            tokio::select! {
                () = tokio::time::sleep(left) => return,
                // Without its clock nothing moves it any more.
                Ok(()) = self.offset_seconds.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleep_ends_when_the_clock_is_moved_past_its_end() {
        let clock = Clock::system();
        let asleep = clock.sleep(Duration::from_hours(24));
        let moves = async {
            clock.set_offset(3_600);
            tokio::task::yield_now().await;
            clock.set_offset(86_400);
        };
        let ended = tokio::time::timeout(Duration::from_secs(5), async { tokio::join!(asleep, moves) }).await;
        assert!(ended.is_ok());
        let asleep = clock.sleep(Duration::from_hours(24));
        assert!(tokio::time::timeout(Duration::from_millis(20), asleep).await.is_err());
    }

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
