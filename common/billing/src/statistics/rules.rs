//! Intervals, and which sum counts as what.

use std::collections::{BTreeMap, HashMap};

use kernel::clock::Timestamp;
use kernel::money::{AmountError, CreditsTotal, Currency};
use kernel::text_enum;
use time::{Duration, UtcOffset};

use super::{Figures, INTERVALS, Interval, Point, Statistics, StatisticsError};

text_enum! {
    /// What a sum is of: credits by the counter-account of their entries, or money.
    Account {
        Stripe => "stripe",
        Creem => "creem",
        Revenuecat => "revenuecat",
        Promotion => "promotion",
        Usage => "usage",
        Expiry => "expiry",
        Refund => "refund",
        Manual => "manual",
        Transfer => "transfer",
        Paid => "paid",
        Returned => "returned",
    }
}

/// What happened in an interval, or before all of them.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    /// None for what was before.
    pub(super) starts_at: Option<Timestamp>,
    pub(super) account: Account,
    /// None for credits.
    pub(super) currency: Option<Currency>,
    /// Millionths of a credit, as the wallets see it, or the currency's smallest unit.
    pub(super) amount: i128,
}

impl Interval {
    /// When the interval begins that a moment is in.
    fn start(self, at: Timestamp) -> Timestamp {
        let at = at.to_offset(UtcOffset::UTC);
        let date = match self {
            Self::Hour | Self::Day => at.date(),
            Self::Month => at.date().replace_day(1).unwrap_or(at.date()),
        };
        let hours = if self == Self::Hour { i64::from(at.hour()) } else { 0 };
        date.midnight().assume_utc() + Duration::hours(hours)
    }

    /// When the one after it begins. The last of all ends with time.
    fn next(self, start: Timestamp) -> Timestamp {
        match self {
            Self::Hour => start.saturating_add(Duration::HOUR),
            Self::Day => start.saturating_add(Duration::DAY),
            Self::Month => {
                let later = start.saturating_add(Duration::days(32));
                let next = self.start(later);
                if next > start { next } else { later }
            }
        }
    }
}

/// When the intervals begin that a time touches, and when the last one ends.
pub(super) fn bounds(
    interval: Interval,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Timestamp>, StatisticsError> {
    if to < from {
        return Err(StatisticsError::Backwards);
    }
    let mut bounds = vec![interval.start(from)];
    let mut end = interval.next(interval.start(from));
    bounds.push(end);
    while end < to {
        if bounds.len() > INTERVALS {
            return Err(StatisticsError::TooLong);
        }
        end = interval.next(end);
        bounds.push(end);
    }
    Ok(bounds)
}

pub(super) fn statistics(bounds: &[Timestamp], sums: &[Sum]) -> Result<Statistics, AmountError> {
    let mut outstanding = CreditsTotal::default();
    let mut by_start: HashMap<Timestamp, (Figures, CreditsTotal)> = HashMap::new();
    let mut total = Figures::default();
    for sum in sums {
        let credits = if sum.currency.is_none() { sum.amount } else { 0 };
        let Some(start) = sum.starts_at else {
            outstanding = outstanding.checked_add(credits)?;
            continue;
        };
        let (figures, change) = by_start.entry(start).or_default();
        *change = change.checked_add(credits)?;
        count(figures, sum)?;
        count(&mut total, sum)?;
    }
    let mut points = Vec::with_capacity(bounds.len());
    for (starts_at, ends_at) in bounds.iter().zip(bounds.iter().skip(1)) {
        let (figures, change) = by_start.remove(starts_at).unwrap_or_default();
        outstanding = outstanding.checked_add(change.0)?;
        points.push(Point { starts_at: *starts_at, ends_at: *ends_at, figures, outstanding });
    }
    Ok(Statistics { points, total })
}

fn count(figures: &mut Figures, sum: &Sum) -> Result<(), AmountError> {
    let (credits, change) = match sum.account {
        Account::Stripe | Account::Creem | Account::Revenuecat => (&mut figures.sold, sum.amount),
        Account::Promotion | Account::Manual => (&mut figures.granted, sum.amount),
        Account::Usage => (&mut figures.spent, negated(sum.amount)?),
        Account::Expiry => (&mut figures.lapsed, negated(sum.amount)?),
        Account::Refund => (&mut figures.refunded, negated(sum.amount)?),
        // What leaves one wallet arrives in another in the same moment.
        Account::Transfer => return Ok(()),
        Account::Paid => return count_money(&mut figures.paid, sum),
        Account::Returned => return count_money(&mut figures.returned, sum),
    };
    *credits = credits.checked_add(change)?;
    Ok(())
}

fn count_money(money: &mut BTreeMap<Currency, i64>, sum: &Sum) -> Result<(), AmountError> {
    let Some(currency) = sum.currency else { return Ok(()) };
    let minor = money.entry(currency).or_default();
    let amount = i64::try_from(sum.amount).ok().and_then(|amount| minor.checked_add(amount));
    *minor = amount.ok_or(AmountError::Overflow)?;
    Ok(())
}

fn negated(amount: i128) -> Result<i128, AmountError> {
    amount.checked_neg().ok_or(AmountError::Overflow)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ledger::CounterAccount;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn every_counter_account_is_counted() {
        for name in CounterAccount::NAMES {
            assert!(Account::NAMES.contains(name), "{name}");
        }
    }

    #[test]
    fn intervals_are_whole_and_follow_each_other() {
        let (from, to) = (datetime!(2028-01-31 23:30 UTC), datetime!(2028-03-01 00:00 UTC));
        let months = bounds(Interval::Month, from, to).unwrap();
        let expected = [
            datetime!(2028-01-01 00:00 UTC),
            datetime!(2028-02-01 00:00 UTC),
            datetime!(2028-03-01 00:00 UTC),
        ];
        assert_eq!(months, expected);
        assert_eq!(bounds(Interval::Day, from, to).unwrap().len(), 31);
        assert_eq!(
            bounds(Interval::Hour, from, from).unwrap(),
            [datetime!(2028-01-31 23:00 UTC), datetime!(2028-02-01 00:00 UTC)]
        );
        let elsewhere = datetime!(2028-01-01 01:00 +02:00);
        assert_eq!(bounds(Interval::Day, elsewhere, elsewhere).unwrap()[0], datetime!(2027-12-31 00:00 UTC));
        assert!(matches!(bounds(Interval::Day, to, from), Err(StatisticsError::Backwards)));
        let hours = |count| bounds(Interval::Hour, from, from + Duration::hours(count));
        assert_eq!(hours(999).unwrap().len(), INTERVALS + 1);
        assert!(matches!(hours(1_000), Err(StatisticsError::TooLong)));
        let last = datetime!(9999-12-31 23:59 UTC);
        assert_eq!(bounds(Interval::Month, last, last).unwrap()[0], datetime!(9999-12-01 00:00 UTC));
    }

    #[test]
    fn what_is_outstanding_goes_on_from_what_was_before() {
        let days =
            bounds(Interval::Day, datetime!(2028-01-01 00:00 UTC), datetime!(2028-01-04 00:00 UTC)).unwrap();
        let of = |day: Option<usize>, account, amount| Sum {
            starts_at: day.map(|day| days[day]),
            account,
            currency: None,
            amount,
        };
        let eur: Currency = "eur".parse().unwrap();
        let sums = [
            of(None, Account::Stripe, 100),
            of(None, Account::Usage, -30),
            of(Some(0), Account::Usage, -20),
            of(Some(0), Account::Transfer, 5),
            of(Some(2), Account::Promotion, 7),
            of(Some(2), Account::Manual, -2),
            Sum { currency: Some(eur), ..of(Some(2), Account::Paid, 900) },
        ];
        let statistics = statistics(&days, &sums).unwrap();
        let outstanding: Vec<i128> = statistics.points.iter().map(|point| point.outstanding.0).collect();
        assert_eq!(outstanding, [55, 55, 60]);
        assert_eq!(
            (statistics.total.spent.0, statistics.total.granted.0, statistics.total.sold.0),
            (20, 5, 0)
        );
        assert_eq!(statistics.points[1].figures, Figures::default());
        assert_eq!(statistics.points[2].figures.paid, [(eur, 900)].into());
    }
}
