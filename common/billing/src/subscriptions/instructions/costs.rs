//! What a change of plan costs at once, as providers reckon it. Pure.

use kernel::clock::Timestamp;
use kernel::money::Money;
use time::Month;
use time::util::{days_in_month, days_in_year};

use crate::plans::{Interval, Terms};
use crate::subscriptions::Subscription;

/// What moving to other terms costs now, about: their price for the rest of the period, or for a whole one that begins
/// now if their periods have another length, less what the rest costs as it is. Below zero: what the next payments cost
/// less. The provider reckons to the second, and adds taxes.
pub fn due(subscription: &Subscription, terms: &Terms, now: Timestamp) -> Money {
    let rest = |minor: i64| match subscription.current_period_end {
        Some(end) => share(minor, (end - now).whole_seconds(), length(subscription.terms.interval, end)),
        None => 0,
    };
    let to_pay = if terms.interval == subscription.terms.interval {
        rest(terms.price.minor)
    } else {
        terms.price.minor
    };
    Money::new(to_pay.saturating_sub(rest(subscription.terms.price.minor)), terms.price.currency)
}

/// When a whole period of the terms is charged for after a change.
pub fn renews_at(subscription: &Subscription, terms: &Terms, now: Timestamp) -> Option<Timestamp> {
    if terms.interval == subscription.terms.interval {
        return subscription.current_period_end;
    }
    let (year, month) = match terms.interval {
        Interval::Month if now.month() == Month::December => (now.year().checked_add(1)?, Month::January),
        Interval::Month => (now.year(), now.month().next()),
        Interval::Year => (now.year().checked_add(1)?, now.month()),
    };
    let day = now.day().min(days_in_month(month, year));
    Some(now.replace_date(time::Date::from_calendar_date(year, month, day).ok()?))
}

/// How many seconds the period has that ends then.
fn length(interval: Interval, end: Timestamp) -> i64 {
    let (year, month) = (end.year(), end.month().previous());
    let days = match interval {
        Interval::Month if month == Month::December => 31,
        Interval::Month => i64::from(days_in_month(month, year)),
        // A leap day before the end is in it; one after it is not.
        Interval::Year if end.month() > Month::February => i64::from(days_in_year(year)),
        Interval::Year => i64::from(days_in_year(year.saturating_sub(1))),
    };
    days.saturating_mul(86_400)
}

/// Rounded half up.
fn share(minor: i64, part: i64, whole: i64) -> i64 {
    let (part, whole) = (i128::from(part.clamp(0, whole)), i128::from(whole.max(1)));
    let doubled = i128::from(minor).saturating_mul(part).saturating_mul(2).saturating_add(whole);
    i64::try_from(doubled.div_euclid(whole.saturating_mul(2))).unwrap_or(minor)
}

#[cfg(test)]
mod tests {
    use kernel::money::Currency;
    use time::macros::datetime;

    use super::*;
    use crate::subscriptions::tests;

    #[test]
    fn the_rest_of_a_period_is_paid_or_a_whole_new_one() {
        let month = Terms { price: Money::new(3_000, Currency::USD), ..tests::month() };
        let mut subscription = tests::subscription(month.clone(), datetime!(2026-11-01 00:00 UTC));
        // A period of 30 days, of which ten are left.
        subscription.current_period_end = Some(datetime!(2026-12-01 00:00 UTC));
        let now = datetime!(2026-11-21 00:00 UTC);
        let at = |interval, minor| {
            let terms = Terms { interval, price: Money::new(minor, Currency::USD), ..month.clone() };
            due(&subscription, &terms, now).minor
        };
        assert_eq!(at(Interval::Month, 9_000), 2_000);
        assert_eq!(at(Interval::Month, 1_500), -500);
        assert_eq!(at(Interval::Month, 3_000), 0);
        assert_eq!(at(Interval::Year, 30_000), 29_000);
        // Three tenths of a cent are none, seven tenths are one.
        assert_eq!(at(Interval::Month, 3_001), 0);
        assert_eq!(at(Interval::Month, 3_002), 1);
        // Once the period is over, nothing of it is left to take off.
        subscription.current_period_end = Some(datetime!(2026-11-20 00:00 UTC));
        let terms = Terms { interval: Interval::Year, ..month.clone() };
        assert_eq!(due(&subscription, &terms, now).minor, 3_000);
    }

    #[test]
    fn another_rhythm_begins_anew_and_ends_on_a_day_that_there_is() {
        let end = datetime!(2027-02-15 00:00 UTC);
        let mut subscription = tests::subscription(tests::month(), datetime!(2026-11-01 00:00 UTC));
        subscription.current_period_end = Some(end);
        let now = datetime!(2027-01-31 08:00 UTC);
        let at = |subscription: &Subscription, interval| {
            renews_at(subscription, &Terms { interval, ..tests::month() }, now)
        };
        assert_eq!(at(&subscription, Interval::Month), Some(end));
        assert_eq!(at(&subscription, Interval::Year), Some(datetime!(2028-01-31 08:00 UTC)));
        subscription.terms.interval = Interval::Year;
        assert_eq!(at(&subscription, Interval::Month), Some(datetime!(2027-02-28 08:00 UTC)));
    }

    #[test]
    fn periods_have_the_days_of_their_months_and_years() {
        let days = |interval, end| length(interval, end) / 86_400;
        assert_eq!(days(Interval::Month, datetime!(2028-03-15 00:00 UTC)), 29);
        assert_eq!(days(Interval::Month, datetime!(2027-01-15 00:00 UTC)), 31);
        assert_eq!(days(Interval::Year, datetime!(2028-03-01 00:00 UTC)), 366);
        assert_eq!(days(Interval::Year, datetime!(2028-02-01 00:00 UTC)), 365);
        assert_eq!(days(Interval::Year, datetime!(2029-02-01 00:00 UTC)), 366);
    }
}
