//! Packages: orders that their buyers give a name, for one pack each. They wait for their payment as long as it
//! takes, and may be paid on any page that names them.

pub mod operations;
pub mod rules;
mod store;

use crate::payments::{Dialect, Kind, Provider, State};
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;
use kernel::money::Credits;

/// What the buyer calls a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// The name; of a user's packages no two have the same.
    pub name: Option<String>,
    /// For people.
    pub description: Option<String>,
}

/// A package; or a purchase that was made through another API, seen as one.
#[derive(Clone, Debug)]
pub struct Package {
    pub id: PaymentId,
    /// Through which API it was made.
    pub dialect: Dialect,
    pub kind: Kind,
    /// Who takes the money.
    pub provider: Provider,
    pub state: State,
    /// What it grants when it is paid.
    pub credits: Credits,
    /// What is left of what it granted; none until it is paid.
    pub remaining: Option<Credits>,
    /// What the order says for people.
    pub summary: String,
    /// Its pack, if it is for one only.
    pub pack_id: Option<String>,
    /// What its buyer calls it; empty for what is no package of this installation.
    pub label: Label,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was paid.
    pub completed_at: Option<Timestamp>,
}

/// Why a package is not made.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A field cannot be accepted; the text says which and why.
    #[error("{0}")]
    Invalid(&'static str),
    /// The order is not taken.
    #[error(transparent)]
    Order(#[from] crate::payments::ordering::OrderError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
