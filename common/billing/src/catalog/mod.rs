//! What is for sale: packs of credits at a price. Prices and credits of an order always come from here.

pub mod cart;
pub mod operations;
pub mod prices;
pub mod rules;
mod store;

use kernel::clock::Timestamp;
use kernel::money::{Credits, Money};

/// A pack as an administrator writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Its id, which dialects show: letters, digits, `_`, `.`, `-`.
    pub id: String,
    pub name: String,
    /// For people.
    pub description: String,
    /// What the buyer gets.
    pub credits: Credits,
    /// What the buyer pays, in the smallest unit of the currency.
    pub price: Money,
    /// For how many days its credits last from when they are paid; none: for good.
    pub expires_after_days: Option<i32>,
    /// The dialects that sell it; none named: all.
    pub dialects: Vec<String>,
    /// A Stripe Payment Link that sells it.
    pub stripe_payment_link: Option<String>,
    /// Its product id in app stores.
    pub store_product_id: Option<String>,
    /// The product at Creem that sells it.
    pub creem_product_id: Option<String>,
    /// Whether it is sold now.
    pub is_active: bool,
    /// Lower is listed earlier.
    pub sort_order: i32,
}

/// A pack as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPack {
    pub pack: Pack,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Timestamp,
}

impl Pack {
    /// Whether this dialect sells it now.
    pub fn is_sold_by(&self, dialect: &str) -> bool {
        self.is_active && self.is_for(dialect)
    }

    /// Whether it is meant for this dialect, sold now or not.
    pub fn is_for(&self, dialect: &str) -> bool {
        self.dialects.is_empty() || self.dialects.iter().any(|name| name == dialect)
    }
}

/// Why a pack cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The id is taken.
    #[error("there is a pack {0} already")]
    PackExists(String),
    /// There is no pack of this id.
    #[error("there is no pack {0}")]
    NoPack(String),
    /// Another pack has this store product id.
    #[error("another pack has this store product id")]
    StoreProductTaken,
    /// A field cannot be accepted; the text says which and why.
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
