//! What clients did and which answers they got: the view from outside, against which the books are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kernel::money::Credits;

/// Something that took credits from a wallet: the cause in the ledger, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    pub user: String,
    pub amount: Credits,
    /// The entry that the answer named.
    pub transaction_id: String,
}

#[derive(Default)]
pub struct Entries {
    /// By cause (kind, id): debits that were answered with success.
    pub spent: BTreeMap<(String, String), Spent>,
    /// Causes of debits that were refused for want of credits.
    pub refused: Vec<(String, String)>,
    /// Packages given away, by user: those that were answered, and those that may or may not have been given.
    pub given: BTreeMap<String, Given>,
    /// Credits that were granted without an order, by user.
    pub granted: BTreeMap<String, Credits>,
    /// Purchases in an app store, by the store's transaction.
    pub store_purchases: BTreeMap<String, StorePurchase>,
    /// Events of RevenueCat's that were accepted.
    pub store_events: BTreeSet<String>,
    /// Coupons by their codes, and how many orders may use each.
    pub coupons: BTreeMap<String, Option<u64>>,
    /// Orders with a coupon, by their ids.
    pub coupon_orders: BTreeMap<String, CouponOrder>,
    /// Answers that no client should ever see.
    pub unexpected: Vec<String>,
    /// Requests and their answers, by what was asked and the status, or why there was no answer.
    pub answers: BTreeMap<(&'static str, String), u64>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Given {
    pub answered: i64,
    pub tried: i64,
}

/// A purchase in an app store.
#[derive(Clone, Debug)]
pub struct StorePurchase {
    pub user: String,
    /// Whether the last word of the store is that the money went back.
    pub is_refunded: bool,
}

/// What a buyer with a coupon must get.
#[derive(Clone, Debug)]
pub struct CouponOrder {
    pub code: String,
    pub user: String,
    /// In cents, after the coupon.
    pub price: i64,
    /// Whole credits.
    pub credits: i64,
    pub bonus: i64,
}

/// The journal of a run. Cheap to write to.
#[derive(Default)]
pub struct Journal {
    entries: Mutex<Entries>,
}

impl Journal {
    pub fn open(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was written down, at the end.
    pub fn close(&self) -> Entries {
        std::mem::take(&mut *self.open())
    }

    /// Counts an answer, or that there was none.
    pub fn count(&self, what: &'static str, answer: impl Into<String>) {
        *self.open().answers.entry((what, answer.into())).or_default() += 1;
    }
}
