//! Purchases in app stores: users make them there, RevenueCat reports them, and they are credited here as payments.
//!
//! Nobody orders from us first. So each purchase has a row of its own, one for each transaction of a store, and gets a
//! payment once its buyer and its product are known here; until then it is parked. Lock order: purchases, payments,
//! wallets.

pub mod operations;
pub mod rules;
mod store;

use jobs::job;
use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, StorePurchaseId, UserId};
use kernel::money::Money;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFact {
    /// When it was so.
    pub at: Timestamp,
    /// What the buyer is called; earlier names count more.
    pub buyers: Vec<String>,
    pub news: StoreNews,
}

/// What a fact says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreNews {
    /// This was bought.
    Bought(Transaction),
    /// The store gave the money back.
    Refunded(Transaction),
    /// The store took it again.
    RefundReversed(Transaction),
    /// The names are one person's.
    SamePerson,
    /// What these had belongs to the buyer now.
    MovedFrom(Vec<String>),
}

/// A transaction of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Which store, as RevenueCat spells it.
    pub store: String,
    pub id: String,
    pub product_id: String,
    /// `PRODUCTION` or `SANDBOX`.
    pub environment: String,
    /// Whether it buys access, as a subscription or an unlock for life does, rather than something that is used up. Of
    /// products that are not ours such purchases are not kept: they are the app's own affair.
    pub buys_access: bool,
    /// What the buyer was charged, where that is told.
    pub paid: Option<Money>,
    /// How many were bought, where that is told: from 1 to [`rules::QUANTITY_MAX`].
    pub quantity: Option<i64>,
}

/// A purchase as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePurchase {
    pub id: StorePurchaseId,
    pub store: String,
    pub transaction_id: String,
    pub product_id: String,
    /// `PRODUCTION` or `SANDBOX`.
    pub environment: String,
    /// What the buyer is called.
    pub buyers: Vec<String>,
    /// To whom an administrator gave it.
    pub user_id: Option<UserId>,
    /// Its payment, once it is credited.
    pub payment_id: Option<PaymentId>,
    /// When it was bought; none while only its refund is known.
    pub bought_at: Option<Timestamp>,
    /// Whether the money went back.
    pub is_refunded: bool,
    /// When that was said.
    pub refund_told_at: Option<Timestamp>,
    /// When RevenueCat first reported it.
    pub created_at: Timestamp,
    /// When an operator decided that nobody gets it.
    pub dismissed_at: Option<Timestamp>,
    /// How many were bought, where that is told; else one is.
    pub quantity: Option<i64>,
    /// What the buyer was charged, in smallest units of `paid_currency`, where that is told.
    pub paid_minor: Option<i64>,
    /// Lower case.
    pub paid_currency: Option<String>,
    /// Whether its price says that several were bought, and nobody has said how many: it is not credited until then.
    pub is_held: bool,
}

/// Why an administrator cannot give a purchase to a user.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// There is no such purchase.
    #[error("there is no purchase of this id")]
    NoPurchase,
    /// There is no such user.
    #[error("there is no user {0}")]
    NoUser(UserId),
    /// A user has claimed it.
    #[error("this purchase belongs to somebody already")]
    Claimed,
    /// The money went back.
    #[error("this purchase was refunded")]
    Refunded,
    /// An operator dismissed it.
    #[error("this purchase was dismissed")]
    Dismissed,
    /// It is held until somebody says how many were bought.
    #[error("the price of this purchase is that of several: say how many were bought")]
    NoQuantity,
    /// As the first number it was told, which is another than the second.
    #[error("this purchase is of {told}, not of {given}")]
    OtherQuantity { told: i64, given: i64 },
    /// No pack has this product.
    #[error("no pack has the store product {0}: add one first")]
    NoPack(String),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Credits purchases in app stores whose buyers have become known.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClaimPurchases {}
job!(ClaimPurchases: "purchases.claim" on Apply, 3 attempts);
