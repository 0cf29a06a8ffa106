//! Importing the users of another system, with the credits that they have there.
//!
//! An import has a name, and the cause of an opening balance is the import and the user: whatever is sent again, also
//! by another process after a crash, gives nobody credits twice. What differs from what is there is reported, and never
//! applied.

mod operations;
mod rules;
mod store;
#[cfg(test)]
mod tests;

use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, UserId};
use kernel::money::Credits;
use ledger::GrantSource;

pub use operations::import;
pub use rules::{check_customer, check_name};

/// Which import, and how it is to be done.
#[derive(Clone, Debug)]
pub struct Import {
    /// As [`check_name`] wants it.
    pub name: String,
    /// Only says what would become of each user.
    pub is_dry_run: bool,
    /// Also gives users who are there already what they lack.
    pub completes_existing: bool,
    /// Who does it, named as in [`audit::AdminAction::actor`].
    pub by: String,
    /// The key that it is done with.
    pub api_key: Option<ApiKeyId>,
}

/// A user to be imported, valid by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedUser {
    pub id: UserId,
    pub email: Option<String>,
    pub name: Option<String>,
    /// None: the user has no credits.
    pub opening: Option<OpeningBalance>,
    /// The customer that the user is at Stripe.
    pub stripe_customer: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpeningBalance {
    /// Positive.
    pub credits: Credits,
    pub source: GrantSource,
    /// Lower numbers burn first among grants that expire together.
    pub priority: i16,
    /// When they lapse, if ever.
    pub expires_at: Option<Timestamp>,
}

/// What becomes of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The user is new.
    Created,
    /// The user was there, and has now what was lacking.
    Completed,
    /// The user is there just so. Nothing is done.
    Unchanged,
    /// The user is there, but not so. Nothing is done.
    Different(Vec<Difference>),
    /// Nothing is done.
    Refused(Refused),
}

/// A field in which the user who is there differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub field: Field,
    pub given: String,
    /// None: the user has no such thing.
    pub found: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Email,
    Name,
    Credits,
    Kind,
    ExpiresAt,
    StripeCustomer,
}

/// Why a user cannot be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("this user was erased")]
    Erased,
    #[error("credits that lapse must do so in the future")]
    Lapsed,
    #[error("another user is this customer")]
    CustomerOfAnother,
    #[error("the balance would be too large to count")]
    TooMuch,
}

/// Why an import did nothing.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Others registered or imported the same users at the same time, again and again.
    #[error("the users are being changed by others")]
    Contended,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
