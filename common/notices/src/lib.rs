//! Notices: what the people who see a wallet are told, and the live messages that reach every API instance.
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

/// Something that those who see a wallet want to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The wallet.
    pub wallet_id: WalletId,
    /// What they are told: an object whose `type` says what happened.
    pub body: serde_json::Value,
    /// Which it is and when it happened. None in messages of versions that did not say.
    #[serde(flatten)]
    pub stamp: Option<Stamp>,
}

impl Notice {
    /// Something that has happened now.
    pub fn new(now: Timestamp, wallet_id: WalletId, body: serde_json::Value) -> Self {
        let stamp = Stamp { message_id: MessageId::new(), happened_at: now };
        Self { wallet_id, body, stamp: Some(stamp) }
    }
}

/// What tells a notice from another of the same words, however often its job is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Which.
    pub message_id: MessageId,
    /// When it happened.
    #[serde(with = "time::serde::rfc3339")]
    pub happened_at: Timestamp,
}

/// Tells users what happened to their wallets, and has the host application told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendNotices {
    /// In the order in which they happened.
    pub notices: Vec<Notice>,
}
job!(SendNotices: "notify.send" on Notify, 8 attempts);

/// A message to every API instance: pushed to live connections, kept nowhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "live", rename_all = "snake_case")]
pub enum Live {
    /// Things happened to wallets. Many share a message, because a message costs more than what it says.
    Notices {
        /// In the order in which they happened.
        notices: Vec<Notice>,
    },
    /// A credential is no longer valid: forget it.
    CredentialRevoked {
        /// The hash under which it is remembered, in hexadecimal.
        key_hash: String,
    },
    /// A user may see other wallets than before.
    MembershipChanged {
        /// Who.
        user_id: UserId,
    },
}
