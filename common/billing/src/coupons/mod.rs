//! Coupons: a code that cuts the price of an order or adds credits to it, within limits that hold however many use
//! it at once. An order that uses one counts from the moment it is made; one that ends unpaid counts no more.

pub mod operations;
pub mod rules;
pub(crate) mod store;

use kernel::clock::Timestamp;
use kernel::ids::CouponId;
use kernel::money::{Credits, Currency};

/// What a coupon does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Benefit {
    /// This many per cent off the price, 1 to 100; fractions of the smallest unit stay with the seller.
    Percent(i64),
    /// This much off the price, in smallest units; no more than the price.
    Amount(i64, Currency),
    /// These credits on top.
    BonusCredits(Credits),
    /// These credits at once, without buying anything.
    Credits(Credits),
}

impl Benefit {
    /// As the database and the APIs spell its kind.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Percent(_) => "percent",
            Self::Amount(..) => "amount",
            Self::BonusCredits(_) => "bonus_credits",
            Self::Credits(_) => "credits",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    pub id: CouponId,
    /// What the buyer types: capital letters, digits, `_`, `-`.
    pub code: String,
    /// What it does.
    pub benefit: Benefit,
    /// How many orders may use it.
    pub max_redemptions: Option<i64>,
    /// How many orders of one user may use it.
    pub max_per_user: Option<i64>,
    /// Orders that use it and have not ended unpaid.
    pub redemptions: i64,
    /// From when on it is not accepted.
    pub expires_at: Option<Timestamp>,
    /// The plans that it is good for.
    pub plan_ids: Vec<String>,
    /// The packs that it is good for. It is good for everything if no plan and no pack is named.
    pub pack_ids: Vec<String>,
    /// For how many days the credits last that it adds, from when they are granted; none: for good.
    pub expires_after_days: Option<i32>,
    /// Whether it is accepted now.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What is bought with a coupon.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    Plan(&'a str),
    Pack(&'a str),
    /// Several packs, or an amount of credits: only coupons that are good for everything.
    Unnamed,
}

/// The use of a coupon by an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redemption {
    pub coupon_id: CouponId,
    /// What it takes off the price, in smallest units.
    pub discount_minor: i64,
    /// What it adds.
    pub bonus: Credits,
    /// For how many days that lasts from when it is granted.
    pub expires_after_days: Option<i32>,
}

/// What of a coupon can be changed. Its code and what it does cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CouponChange {
    pub max_redemptions: Option<i64>,
    pub max_per_user: Option<i64>,
    pub expires_at: Option<Timestamp>,
    pub plan_ids: Vec<String>,
    pub pack_ids: Vec<String>,
    pub expires_after_days: Option<i32>,
    pub is_active: bool,
}

/// Why a coupon is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CouponRefusal {
    /// There is none of this code, or it is switched off.
    #[error("This coupon does not exist.")]
    Unknown,
    /// Its time is over.
    #[error("This coupon has expired.")]
    Expired,
    /// It has been used as often as it may.
    #[error("This coupon has been used up.")]
    Exhausted,
    /// The buyer has used it as often as one may.
    #[error("You have used this coupon already.")]
    UsedByBuyer,
    /// It is for something else.
    #[error("This coupon is not good for what you are buying.")]
    OtherTarget,
    /// It is in another currency.
    #[error("This coupon is in another currency.")]
    OtherCurrency,
    /// It gives its credits at once, and goes with no purchase.
    #[error("This code gives credits at once: redeem it, without buying anything.")]
    ForNoPurchase,
    /// It goes with a purchase.
    #[error("This coupon is used when buying: it gives nothing by itself.")]
    ForPurchases,
}

/// Why a coupon cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CouponError {
    /// The code is taken.
    #[error("there is a coupon {0} already")]
    Exists(String),
    #[error("there is no such coupon")]
    Unknown,
    /// A field cannot be accepted; the text says which and why.
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Why a coupon cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RedeemError {
    #[error(transparent)]
    Refused(#[from] CouponRefusal),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
