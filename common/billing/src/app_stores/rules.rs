//! What follows from RevenueCat's words about a purchase. Pure.

use std::collections::HashSet;

use super::{StorePurchase, Transaction};
use kernel::clock::Timestamp;
use kernel::money::Money;

/// The environment in which real money is paid.
pub const PRODUCTION: &str = "PRODUCTION";

/// How the names begin that RevenueCat gives to those who have not said who they are. They are never users here.
const ANONYMOUS: &str = "$RCAnonymousID:";

/// The names that may be users here.
pub fn possible_users(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).filter(|name| !name.starts_with(ANONYMOUS)).collect()
}

/// Both lists, each name once, the first list's first.
pub fn joined(first: &[String], second: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    first.iter().chain(second).filter(|name| seen.insert(*name)).cloned().collect()
}

/// Whether two lists have a name in common.
pub fn overlap(first: &[String], second: &[String]) -> bool {
    first.iter().any(|name| second.contains(name))
}

/// The store that sells several at once, and need not tell of that in anything but the price.
const SELLS_SEVERAL: &str = "PLAY_STORE";

/// The most of a product that are bought at once.
pub const QUANTITY_MAX: i64 = 1_000;

/// Whether what was charged is the price of two or more, and how many they were is not told: none is credited until a
/// person has looked.
pub fn is_quantity_missing(purchase: &StorePurchase, price: Money) -> bool {
    let twice = price.minor.saturating_mul(2);
    purchase.quantity.is_none()
        && purchase.store == SELLS_SEVERAL
        && twice > 0
        && purchase.paid_currency.as_deref() == Some(price.currency.as_str())
        && purchase.paid_minor.is_some_and(|paid| paid >= twice)
}

/// Takes over what the store says when it tells of a purchase: for the first time, or of how many only later.
pub fn told(purchase: &mut StorePurchase, transaction: &Transaction, is_first: bool) {
    if is_first {
        purchase.paid_minor = transaction.paid.map(|paid| paid.minor);
        purchase.paid_currency = transaction.paid.map(|paid| paid.currency.as_str().to_owned());
    }
    if purchase.payment_id.is_none() {
        purchase.quantity = purchase.quantity.or(transaction.quantity);
    }
}

/// Takes over whether a purchase is refunded; says whether that was news. Of two words the later one counts, in
/// whichever order they come; of two at the same time, the refund.
pub fn refund(purchase: &mut StorePurchase, is_refunded: bool, at: Timestamp) -> bool {
    let is_newer = purchase.refund_told_at.is_none_or(|told| at > told || (at == told && is_refunded));
    if !is_newer {
        return false;
    }
    purchase.refund_told_at = Some(at);
    let changed = purchase.is_refunded != is_refunded;
    purchase.is_refunded = is_refunded;
    changed
}

/// The same order for what keeps count of refunds: grows with the time of a word.
pub fn step(is_refunded: bool, at: Timestamp) -> i64 {
    let microseconds = i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX);
    microseconds.saturating_mul(2).saturating_add(i64::from(is_refunded))
}

/// Whether a purchase waits for nothing but its buyer, its product and, if it is held, how many were bought.
pub fn is_parked(purchase: &StorePurchase) -> bool {
    purchase.payment_id.is_none()
        && purchase.bought_at.is_some()
        && !purchase.is_refunded
        && purchase.dismissed_at.is_none()
}

/// The transaction as the provider's id of a payment: of one store, and like no other provider's ids.
pub fn provider_payment(purchase: &StorePurchase) -> String {
    format!("{}:{}", purchase.store, purchase.transaction_id)
}

/// Whether this is the purchase's transaction.
pub fn is_of(purchase: &StorePurchase, transaction: &Transaction) -> bool {
    purchase.store == transaction.store && purchase.transaction_id == transaction.id
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use kernel::ids::StorePurchaseId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_timestamp(1_800_000_000 + second).unwrap()
    }

    fn purchase() -> StorePurchase {
        StorePurchase {
            id: StorePurchaseId::new(),
            store: "APP_STORE".to_owned(),
            transaction_id: "1".to_owned(),
            product_id: "com.allmine.credits.100".to_owned(),
            environment: "PRODUCTION".to_owned(),
            buyers: vec!["alice".to_owned()],
            user_id: None,
            payment_id: None,
            bought_at: Some(at(0)),
            is_refunded: false,
            refund_told_at: None,
            created_at: at(0),
            dismissed_at: None,
            quantity: None,
            paid_minor: None,
            paid_currency: None,
            is_held: false,
        }
    }

    #[test]
    fn the_price_of_several_needs_a_quantity() {
        let price = Money::new(899, "usd".parse().unwrap());
        let of = |store: &str, minor, currency: &str, quantity| StorePurchase {
            store: store.to_owned(),
            paid_minor: Some(minor),
            paid_currency: Some(currency.to_owned()),
            quantity,
            ..purchase()
        };
        assert!(is_quantity_missing(&of("PLAY_STORE", 2_697, "usd", None), price));
        assert!(!is_quantity_missing(&of("PLAY_STORE", 2_697, "usd", Some(3)), price));
        assert!(!is_quantity_missing(&of("PLAY_STORE", 1_797, "usd", None), price));
        // What it costs elsewhere says nothing.
        assert!(!is_quantity_missing(&of("PLAY_STORE", 29_999, "try", None), price));
        assert!(!is_quantity_missing(&of("APP_STORE", 2_697, "usd", None), price));
        assert!(!is_quantity_missing(&purchase(), price));
        assert!(!is_quantity_missing(&of("PLAY_STORE", 0, "usd", None), Money::new(0, price.currency)));
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn nobody_is_called_anonymous() {
        let all = names(&["$RCAnonymousID:87c6049c58069238dce29853916d624c", "alice", "$alice"]);
        assert_eq!(possible_users(&all), ["alice", "$alice"]);
    }

    #[test]
    fn names_are_joined_in_order_and_once() {
        assert_eq!(joined(&names(&["b", "a"]), &names(&["a", "c", "b"])), names(&["b", "a", "c"]));
        assert!(
            overlap(&names(&["a", "b"]), &names(&["c", "b"])) && !overlap(&names(&["a"]), &names(&["A"]))
        );
    }

    #[test]
    fn what_is_refunded_or_credited_or_not_bought_is_not_parked() {
        assert!(is_parked(&purchase()));
        assert!(!is_parked(&StorePurchase { is_refunded: true, ..purchase() }));
        assert!(!is_parked(&StorePurchase { bought_at: None, ..purchase() }));
        assert!(!is_parked(&StorePurchase { dismissed_at: Some(at(1)), ..purchase() }));
        assert!(!is_parked(&StorePurchase { payment_id: Some(kernel::ids::PaymentId::new()), ..purchase() }));
    }

    proptest! {
        /// However the words about refunds are mixed up and repeated, the purchase ends as the last of them says.
        #[test]
        fn the_last_word_about_refunds_counts(
            mut words in proptest::collection::vec((any::<bool>(), 0_i64..5), 1..12),
        ) {
            let mut told = purchase();
            for (is_refunded, second) in &words {
                refund(&mut told, *is_refunded, at(*second));
            }
            words.sort_by_key(|(is_refunded, second)| step(*is_refunded, at(*second)));
            prop_assert_eq!(told.is_refunded, words.last().unwrap().0);
        }
    }
}
