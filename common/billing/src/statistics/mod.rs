//! What was sold, spent, granted, lapsed and refunded in each hour, day or month, and what was outstanding at its end.
//!
//! The database notes every change of the ledger and of payments in the transaction that makes it
//! (`migrations/0165_statistics.sql`), and the scheduler adds these changes up. What is read is the sum of both.

mod rules;
mod store;

use std::collections::BTreeMap;

use kernel::clock::Timestamp;
use kernel::money::{AmountError, CreditsTotal, Currency, Money};
use kernel::text_enum;
use sqlx::{PgConnection, PgPool};

/// Intervals that one answer has at most.
pub const INTERVALS: usize = 1_000;
/// Changes that are added up in one transaction.
const AT_ONCE: i64 = 5_000;

text_enum! {
    /// How long an interval is, in UTC.
    Interval {
        Hour => "hour",
        Day => "day",
        Month => "month",
    }
}

/// What happened in a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Credits that money came for.
    pub sold: CreditsTotal,
    /// Credits that were given, by codes, check-ins and by hand, less what was taken off by hand.
    pub granted: CreditsTotal,
    /// Debits and captures, less what was given back of them.
    pub spent: CreditsTotal,
    pub lapsed: CreditsTotal,
    /// Credits that were taken back because their money went back, less what came again.
    pub refunded: CreditsTotal,
    /// Money that came, in each currency.
    pub paid: BTreeMap<Currency, i64>,
    /// Money that went back by refunds and disputes, less what came again.
    pub returned: BTreeMap<Currency, i64>,
}

/// An interval with what happened in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub figures: Figures,
    /// What all wallets had at its end, less what they owed.
    pub outstanding: CreditsTotal,
}

/// The intervals of a time, without gaps, and their sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    pub points: Vec<Point>,
    pub total: Figures,
}

/// Why there are no statistics of a time.
#[derive(Debug, thiserror::Error)]
pub enum StatisticsError {
    #[error("the time must not end before it begins")]
    Backwards,
    #[error("the time has more than {INTERVALS} intervals")]
    TooLong,
    #[error("a sum is too large: {0}")]
    Amount(#[from] AmountError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Figures {
    /// Money that came, by currency.
    pub fn paid(&self) -> impl Iterator<Item = Money> {
        self.paid.iter().map(|(currency, minor)| Money::new(*minor, *currency))
    }

    /// Money that went back, by currency.
    pub fn returned(&self) -> impl Iterator<Item = Money> {
        self.returned.iter().map(|(currency, minor)| Money::new(*minor, *currency))
    }
}

/// The statistics of the intervals from the one that `from` is in to the one that ends at `to` or has it within.
///
/// # Errors
/// [`StatisticsError`].
pub async fn statistics(
    connection: &mut PgConnection,
    interval: Interval,
    from: Timestamp,
    to: Timestamp,
) -> Result<Statistics, StatisticsError> {
    let bounds = rules::bounds(interval, from, to)?;
    let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else {
        return Err(StatisticsError::Backwards);
    };
    let sums = store::sums(connection, interval, *first, *last).await?;
    Ok(rules::statistics(&bounds, &sums)?)
}

/// Adds up changes that were noted; says whether there may be more of them.
///
/// # Errors
/// Database errors only.
pub async fn add_up(pool: &PgPool) -> Result<bool, sqlx::Error> {
    let added = store::add_up(&mut *pool.acquire().await?, AT_ONCE).await?;
    Ok(added == AT_ONCE)
}
