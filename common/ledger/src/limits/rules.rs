//! The arithmetic of limits: pure.
//!
//! Invariant: while the limits stay as they are, what is counted in a period never exceeds the limit of that period.
//! What is counted is never less than what was spent in it and not given back in it.

use std::cmp::max;

use super::{LimitStatus, Limits, Per};
use kernel::clock::Timestamp;
use kernel::money::Credits;
use time::{Date, Time};

/// The periods of a limit, that first which ends last.
const PERIODS: [Per; 2] = [Per::Month, Per::Day];

/// More cannot be counted.
const MOST: Credits = Credits::from_millionths(i64::MAX);

/// Limits with what they have counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    pub limits: Limits,
    /// The day of the counters, and the month that it is in.
    pub on: Date,
    pub day: Counter,
    pub month: Counter,
}

/// What was counted in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    pub used: Credits,
    /// Whether it was told that the limit is reached.
    pub told: bool,
}

impl Tally {
    /// Nothing is counted yet.
    pub fn new(limits: Limits, now: Timestamp) -> Self {
        Self { limits, on: now.date(), day: Counter::default(), month: Counter::default() }
    }

    /// Begins the periods of `now`. They never go back: what comes late from a clock that is behind counts in the
    /// present ones.
    fn roll(&mut self, now: Timestamp) {
        let on = max(self.on, now.date());
        if on != self.on {
            self.day = Counter::default();
        }
        if month_of(on) != month_of(self.on) {
            self.month = Counter::default();
        }
        self.on = on;
    }

    fn counter(&mut self, per: Per) -> &mut Counter {
        match per {
            Per::Day => &mut self.day,
            Per::Month => &mut self.month,
        }
    }

    /// Sets other limits. One that changes is told of anew when it is reached.
    pub fn set(&mut self, limits: Limits, now: Timestamp) {
        self.roll(now);
        for per in PERIODS {
            if limits.of_period(per) != self.limits.of_period(per) {
                self.counter(per).told = false;
            }
        }
        self.limits = limits;
    }

    /// Where the limits stand; nothing for a period without one.
    pub fn status(mut self, now: Timestamp) -> Vec<LimitStatus> {
        self.roll(now);
        [Per::Day, Per::Month].into_iter().filter_map(|per| self.status_of(per)).collect()
    }

    fn status_of(&mut self, per: Per) -> Option<LimitStatus> {
        let credits = self.limits.of_period(per)?;
        let used = self.counter(per).used;
        let left = credits.checked_sub(used).unwrap_or(Credits::ZERO).max(Credits::ZERO);
        Some(LimitStatus { per, credits, used, left, resets_at: ends(per, self.on) })
    }

    /// The limit that leaves less than this; of two the one that is longer in force.
    pub fn short(&mut self, amount: Credits, now: Timestamp) -> Option<LimitStatus> {
        self.roll(now);
        PERIODS.into_iter().filter_map(|per| self.status_of(per)).find(|limit| amount > limit.left)
    }

    /// Counts what is spent, which is not short; returns the day on which it counts.
    pub fn count(&mut self, amount: Credits, now: Timestamp) -> Date {
        self.roll(now);
        // A period without a limit may see more than there are numbers for.
        let more = |used: Credits| used.checked_add(amount).unwrap_or(MOST);
        (self.day.used, self.month.used) = (more(self.day.used), more(self.month.used));
        self.on
    }

    /// Counts something no more that was counted on a day, in the periods that have not ended since.
    pub fn give_back(&mut self, amount: Credits, on: Date, now: Timestamp) {
        self.roll(now);
        let less = |used: Credits| used.checked_sub(amount).unwrap_or(Credits::ZERO).max(Credits::ZERO);
        if on == self.on {
            self.day.used = less(self.day.used);
        }
        if month_of(on) == month_of(self.on) {
            self.month.used = less(self.month.used);
        }
    }

    /// The limits that have nothing left, and of which that was not told in their period. Now it is.
    pub fn newly_used_up(&mut self) -> Vec<LimitStatus> {
        let used_up = PERIODS.into_iter().filter_map(|per| self.status_of(per));
        let used_up: Vec<LimitStatus> = used_up.filter(|limit| !limit.left.is_positive()).collect();
        used_up.into_iter().filter(|limit| self.tell(limit.per)).collect()
    }

    /// Notes that it is told that a limit is reached; false if it was told before.
    pub fn tell(&mut self, per: Per) -> bool {
        !std::mem::replace(&mut self.counter(per).told, true)
    }
}

/// A month by its first day.
pub(super) fn month_of(day: Date) -> Date {
    day.replace_day(1).unwrap_or(day)
}

/// When the period ends that a day is in.
fn ends(per: Per, day: Date) -> Timestamp {
    let next = match per {
        Per::Day => day.next_day(),
        Per::Month => {
            let last = day.month().length(day.year());
            day.replace_day(last).ok().and_then(Date::next_day)
        }
    };
    next.unwrap_or(Date::MAX).with_time(Time::MIDNIGHT).assume_utc()
}
