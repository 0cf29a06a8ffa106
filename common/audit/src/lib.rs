//! The audit log: which administrator did what, to what, when. Each record is written in the transaction of its action,
//! and the database refuses to change it.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod origin;
mod store;

use serde_json::Value;

pub use store::{about, about_user, before, list, note, record};

use kernel::clock::Timestamp;
use kernel::ids::AdminActionId;

/// The actor of actions from a worker's command line.
pub const COMMAND_LINE: &str = "command line";

#[derive(Clone, Debug, PartialEq)]
pub struct AdminAction {
    /// `admin` for the configured key, `operator:<id>`, `key:<id>`, `user:<id>` for a user with the admin role, or
    /// [`COMMAND_LINE`].
    pub actor: String,
    /// `credits.adjust`, …
    pub action: String,
    /// A wallet's id, the name of a setting, …
    pub subject: String,
    /// Must hold no secrets.
    pub details: Value,
}

/// Which actions are wanted: all, unless something is said.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub actor: Option<String>,
    pub action: Option<String>,
    pub subject: Option<String>,
    pub from: Option<Timestamp>,
    /// Those before this.
    pub to: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RecordedAction {
    pub id: AdminActionId,
    pub action: AdminAction,
    /// The address that the request came from.
    pub address: Option<String>,
    pub created_at: Timestamp,
}
