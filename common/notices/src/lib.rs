//! Notices about wallets for the users who can see them, and the live messages that reach every API instance.
//!
//! The ledger and billing write notices to the outbox; the worker delivers them; the API pushes them to open
//! connections.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

use jobs::job;
use kernel::clock::Timestamp;
use kernel::ids::{MessageId, UserId, WalletId};
use serde::{Deserialize, Serialize};

/// Something that happened to a wallet, for the users who can see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    pub wallet_id: WalletId,
    /// An object whose `type` says what happened.
    pub body: serde_json::Value,
    /// None in messages of older versions.
    #[serde(flatten)]
    pub stamp: Option<Stamp>,
}

impl Notice {
    /// Stamps the notice with a new id and `now`.
    pub fn new(now: Timestamp, wallet_id: WalletId, body: serde_json::Value) -> Self {
        let stamp = Stamp { message_id: MessageId::new(), happened_at: now };
        Self { wallet_id, body, stamp: Some(stamp) }
    }
}

/// Identifies a notice, however often its job is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub message_id: MessageId,
    #[serde(with = "time::serde::rfc3339")]
    pub happened_at: Timestamp,
}

/// Sends notices to users and to the host application's webhook endpoints.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendNotices {
    /// In the order in which they happened.
    pub notices: Vec<Notice>,
}
job!(SendNotices: "notify.send" on Notify, 8 attempts);

/// A message to every API instance, which pushes it to its live connections. Never stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "live", rename_all = "snake_case")]
pub enum Live {
    /// Many notices share a message, because a message costs more than its content.
    Notices {
        /// In the order in which they happened.
        notices: Vec<Notice>,
    },
    /// API instances drop the credential from their caches.
    CredentialRevoked {
        /// The credential's hash, in hexadecimal.
        key_hash: String,
    },
    /// Logins of the user were withdrawn, or mean something else now: API instances read all of them anew.
    LoginsChanged { user_id: UserId },
    /// The set of wallets that a user may see has changed.
    MembershipChanged { user_id: UserId },
}
