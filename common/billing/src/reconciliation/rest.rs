//! How a comparison of the last days is cut into slices, one job for each. Pure.

use time::Duration;

use super::{Comparison, Rest};
use kernel::clock::Timestamp;

/// How far back it looks: as long as Stripe goes on trying to deliver an event.
const PERIOD: Duration = Duration::days(3);
/// The slices that it begins with.
const SLICE: Duration = Duration::days(1);
/// A slice that cannot be compared in time is halved, down to this.
const SHORTEST: Duration = Duration::minutes(10);

impl Rest {
    /// A comparison that begins now.
    pub fn begun(now: Timestamp) -> Self {
        let from = now.saturating_sub(PERIOD);
        Self { from, until: now, slice_seconds: SLICE.whole_seconds(), findings: 0, paid_not_credited: 0 }
    }

    /// Whether all slices are compared.
    pub fn is_over(&self) -> bool {
        self.until <= self.from
    }

    /// Where the next slice begins: the newest comes first, for what it tells is wanted soonest.
    pub fn slice_from(&self) -> Timestamp {
        // A slice without a length would never end.
        let length = Duration::seconds(self.slice_seconds).max(Duration::SECOND);
        self.until.saturating_sub(length).max(self.from)
    }

    /// After its next slice was compared, with this outcome.
    pub fn after(self, compared: &Comparison) -> Self {
        Self { until: self.slice_from(), ..self.counted(compared) }
    }

    /// With what was found besides.
    pub fn counted(self, compared: &Comparison) -> Self {
        let sum = |known: i64, found: usize| known.saturating_add(i64::try_from(found).unwrap_or(i64::MAX));
        Self {
            findings: sum(self.findings, compared.findings.len()),
            paid_not_credited: sum(self.paid_not_credited, compared.paid_not_credited()),
            ..self
        }
    }

    /// After its next slice could not be compared in time: in shorter slices or, if they are as short as can be,
    /// without that one.
    pub fn slower(self) -> Self {
        let half = self.slice_seconds / 2;
        if half >= SHORTEST.whole_seconds() {
            Self { slice_seconds: half, ..self }
        } else {
            Self { until: self.slice_from(), ..self }
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-11-25 12:00 UTC);

    #[test]
    fn slices_cover_the_last_days_without_gaps_and_then_it_is_over() {
        let mut rest = Rest::begun(NOW);
        let mut covered = Vec::new();
        while !rest.is_over() {
            covered.push((rest.slice_from(), rest.until));
            // One in the middle takes too long.
            rest = if covered.len() == 2 { rest.slower() } else { rest.after(&Comparison::default()) };
        }
        covered.remove(1);
        assert_eq!((covered[0].1, covered[covered.len() - 1].0), (NOW, NOW - PERIOD));
        assert!(covered.windows(2).all(|two| two[0].0 == two[1].1), "{covered:?}");
        assert_eq!(covered[1].1 - covered[1].0, SLICE / 2);
    }

    #[test]
    fn a_provider_that_is_too_slow_for_any_slice_does_not_hold_it_up_for_ever() {
        let mut rest = Rest::begun(NOW);
        let steps = std::iter::from_fn(|| {
            rest = rest.slower();
            (!rest.is_over()).then_some(())
        });
        assert!(steps.take(2_000).count() < 1_000);
    }
}
