//! The stretches of time that are compared.

use kernel::clock::Timestamp;
use time::Duration;

/// How much is compared at once.
pub(super) const SLICE: Duration = Duration::days(1);

/// A stretch of time, with its beginning and without its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Window {
    /// The slices that are compared one after the other, the oldest first.
    pub fn slices(self) -> impl Iterator<Item = Self> {
        let next = move |from: &Timestamp| Some(from.saturating_add(SLICE)).filter(|from| *from < self.to);
        std::iter::successors(Some(self.from).filter(|from| *from < self.to), next)
            .map(move |from| Self { from, to: from.saturating_add(SLICE).min(self.to) })
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn slices_cover_a_window_without_gaps() {
        let window = Window { from: datetime!(2026-11-20 06:00 UTC), to: datetime!(2026-11-22 12:00 UTC) };
        let slices: Vec<Window> = window.slices().collect();
        assert_eq!(slices.len(), 3);
        assert_eq!((slices[0].from, slices[2].to), (window.from, window.to));
        assert!(slices.windows(2).all(|two| two[0].to == two[1].from));
        assert_eq!(Window { from: window.to, to: window.from }.slices().count(), 0);
    }
}
