//! What administrators did: who, what, to what, when. Written in the transaction that does it; the database refuses
//! changes of it.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

mod store;

use serde_json::Value;

pub use store::{list, record};

use kernel::clock::Timestamp;
use kernel::ids::AdminActionId;

/// The actor of what is done with a worker's command line.
pub const COMMAND_LINE: &str = "command line";

/// Something that an administrator does.
#[derive(Clone, Debug, PartialEq)]
pub struct AdminAction {
    /// `admin` for the configured key, `user:<id>` for a user with the admin role, [`COMMAND_LINE`] for who can start
    /// a worker.
    pub actor: String,
    /// What: `credits.adjust`, …
    pub action: String,
    /// To what: a wallet's id, the name of a setting.
    pub subject: String,
    /// How exactly. No secrets.
    pub details: Value,
}

/// Something that an administrator did.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedAction {
    /// Which.
    pub id: AdminActionId,
    /// What.
    pub action: AdminAction,
    /// When.
    pub created_at: Timestamp,
}
