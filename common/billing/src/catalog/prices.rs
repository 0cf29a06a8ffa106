//! What any amount of credits costs, by currency. Auto-recharge and purchases of any amount go by it.

use audit::note;
use kernel::clock::Timestamp;
use kernel::money::{AmountError, Credits, Currency, MILLIONTHS_PER_CREDIT, Money};
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::CatalogError;

/// The most that a price may name on either side: with more, amounts overflow.
const CREDITS_MAX: Credits = Credits::from_millionths(1_000_000_000 * MILLIONTHS_PER_CREDIT);
const MINOR_MAX: i64 = 99_999_999;

/// So many credits cost so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditPrice {
    pub credits: Credits,
    pub price: Money,
}

impl CreditPrice {
    /// 100 credits for so many US cents.
    pub fn per_hundred(cents: i64) -> Self {
        let credits = Credits::from_millionths(100 * MILLIONTHS_PER_CREDIT);
        Self { credits, price: Money::new(cents, Currency::USD) }
    }

    /// What an amount buys; less than a millionth of a credit stays with the seller.
    ///
    /// # Errors
    /// When it is too large to count.
    pub fn credits_for(&self, minor: i64) -> Result<Credits, AmountError> {
        let bought = i128::from(minor) * i128::from(self.credits.millionths()) / i128::from(self.price.minor);
        i64::try_from(bought).map(Credits::from_millionths).map_err(|_| AmountError::Overflow)
    }

    /// What credits cost, in smallest units; a part of one counts as a whole.
    ///
    /// # Errors
    /// When it is too large to count.
    pub fn amount_for(&self, credits: Credits) -> Result<i64, AmountError> {
        let (price, lot) = (i128::from(self.price.minor), i128::from(self.credits.millionths()));
        let exact = i128::from(credits.millionths()) * price;
        i64::try_from((exact + lot - 1) / lot).map_err(|_| AmountError::Overflow)
    }
}

/// # Errors
/// Database errors only.
pub async fn price(
    connection: &mut PgConnection,
    currency: Currency,
) -> Result<Option<CreditPrice>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select credits as "credits: Credits", price_minor from credit_prices where currency = $1"#,
        currency.as_str()
    );
    let found = row.fetch_optional(connection).await?;
    Ok(found.map(|row| CreditPrice { credits: row.credits, price: Money::new(row.price_minor, currency) }))
}

/// All prices, by currency.
///
/// # Errors
/// Database errors only.
pub async fn prices(pool: &PgPool) -> Result<Vec<CreditPrice>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select currency, credits as "credits: Credits", price_minor from credit_prices order by currency"#
    );
    let rows = rows.fetch_all(pool).await?;
    rows.into_iter()
        .map(|row| {
            let currency = row.currency.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            Ok(CreditPrice { credits: row.credits, price: Money::new(row.price_minor, currency) })
        })
        .collect()
}

/// Sets the price in a currency. Orders that were placed keep what was ordered.
///
/// # Errors
/// [`CatalogError::Invalid`].
pub async fn price_put(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    new: &CreditPrice,
) -> Result<(), CatalogError> {
    if !new.credits.is_positive() || new.credits > CREDITS_MAX {
        return Err(CatalogError::Invalid("credits must be positive, and at most 1000000000".to_owned()));
    }
    if !(1..=MINOR_MAX).contains(&new.price.minor) {
        return Err(CatalogError::Invalid(format!("price.minor must be between 1 and {MINOR_MAX}")));
    }
    let (currency, minor) = (new.price.currency, new.price.minor);
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "insert into credit_prices (currency, credits, price_minor, updated_at) values ($1, $2, $3, $4)
         on conflict (currency) do update
             set credits = excluded.credits, price_minor = excluded.price_minor, updated_at = excluded.updated_at",
        currency.as_str(),
        new.credits.millionths(),
        minor,
        now
    )
    .execute(&mut *transaction)
    .await?;
    let details = json!({ "credits": new.credits.to_string(), "minor": minor });
    note(&mut transaction, now, by, "credit_price.put", currency.as_str(), details).await?;
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn price(credits: i64, minor: i64) -> CreditPrice {
        CreditPrice {
            credits: Credits::from_whole(credits).unwrap(),
            price: Money::new(minor, Currency::USD),
        }
    }

    #[test]
    fn a_rate_holds_both_ways() {
        let whole = |credits| Credits::from_whole(credits).unwrap();
        assert_eq!(CreditPrice::per_hundred(100).credits_for(5_000), Ok(whole(5_000)));
        assert_eq!(price(3, 100).amount_for(whole(1)), Ok(34));
        assert_eq!(price(3, 100).credits_for(100), Ok(whole(3)));
        assert_eq!(price(1_000_000_000, 1).credits_for(i64::MAX), Err(AmountError::Overflow));
    }

    proptest! {
        #[test]
        fn no_one_gets_credits_for_less(
            lot in 1..1_000_000_i64, minor in 1..1_000_000_i64, wanted in 1..1_000_000_i64
        ) {
            let (price, wanted) = (price(lot, minor), Credits::from_whole(wanted).unwrap());
            let amount = price.amount_for(wanted).unwrap();
            prop_assert!(price.credits_for(amount).unwrap() >= wanted);
            prop_assert!(price.credits_for(amount - 1).unwrap() < wanted);
        }
    }
}
