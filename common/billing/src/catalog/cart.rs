//! Several packs bought together: what they cost and grant. Pure.

use super::Pack;
use super::rules::PRICE_MAX;
use crate::payments::Item;
use kernel::money::{Credits, Money};

/// Packs that are bought together.
#[derive(Clone, Debug)]
pub struct Cart {
    pub items: Vec<Item>,
    /// What all of them grant.
    pub credits: Credits,
    /// What all of them cost.
    pub price: Money,
    /// For how many days the credits last; none: for good.
    pub expires_after_days: Option<i32>,
}

/// Why packs are not sold together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CartError {
    #[error("items must not be empty.")]
    Empty,
    #[error("The packs have different currencies: buy them one after the other.")]
    Currencies,
    #[error("The credits of the packs last differently long: buy them one after the other.")]
    Expiries,
    #[error("The total is more than can be charged at once.")]
    TooMuch,
}

impl Cart {
    /// Adds packs up, each with how many of it; the quantities are positive.
    ///
    /// # Errors
    /// [`CartError`].
    pub fn of(lines: &[(Pack, i64)]) -> Result<Self, CartError> {
        let Some(((first, _), rest)) = lines.split_first() else { return Err(CartError::Empty) };
        if rest.iter().any(|(pack, _)| pack.price.currency != first.price.currency) {
            return Err(CartError::Currencies);
        }
        if rest.iter().any(|(pack, _)| pack.expires_after_days != first.expires_after_days) {
            return Err(CartError::Expiries);
        }
        let (mut minor, mut credits) = (0_i64, Credits::ZERO);
        for (pack, quantity) in lines {
            let price = pack.price.minor.checked_mul(*quantity).ok_or(CartError::TooMuch)?;
            minor = minor.checked_add(price).filter(|sum| *sum <= PRICE_MAX).ok_or(CartError::TooMuch)?;
            let granted = pack.credits.checked_mul(*quantity).map_err(|_| CartError::TooMuch)?;
            credits = credits.checked_add(granted).map_err(|_| CartError::TooMuch)?;
        }
        let item = |(pack, quantity): &(Pack, i64)| Item {
            pack_id: Some(pack.id.clone()),
            name: pack.name.clone(),
            quantity: *quantity,
            credits: pack.credits,
            amount_minor: pack.price.minor,
        };
        Ok(Self {
            items: lines.iter().map(item).collect(),
            credits,
            price: Money::new(minor, first.price.currency),
            expires_after_days: first.expires_after_days,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use kernel::money::Currency;

    fn pack(minor: i64, currency: &str, days: Option<i32>) -> Pack {
        Pack {
            id: "some".to_owned(),
            name: "Some".to_owned(),
            description: String::new(),
            credits: Credits::from_whole(100).unwrap(),
            price: Money::new(minor, currency.parse().unwrap()),
            expires_after_days: days,
            dialects: Vec::new(),
            stripe_payment_link: None,
            store_product_id: None,
            creem_product_id: None,
            is_active: true,
            sort_order: 0,
        }
    }

    #[test]
    fn what_is_bought_together_has_one_currency_and_one_expiry() {
        let cart = Cart::of(&[(pack(500, "usd", Some(30)), 2), (pack(99, "usd", Some(30)), 1)]).unwrap();
        assert_eq!(cart.price, Money::new(1_099, Currency::USD));
        assert_eq!((cart.credits.floor_whole(), cart.expires_after_days), (300, Some(30)));
        let refused = |lines: &[(Pack, i64)]| Cart::of(lines).unwrap_err();
        assert_eq!(refused(&[]), CartError::Empty);
        assert_eq!(refused(&[(pack(1, "usd", None), 1), (pack(1, "eur", None), 1)]), CartError::Currencies);
        assert_eq!(refused(&[(pack(1, "usd", None), 1), (pack(1, "usd", Some(1)), 1)]), CartError::Expiries);
        assert_eq!(refused(&[(pack(99_999_999, "usd", None), 2)]), CartError::TooMuch);
        assert_eq!(refused(&[(pack(1, "usd", None), i64::MAX)]), CartError::TooMuch);
    }
}
