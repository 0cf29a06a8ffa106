//! Who may call: users, organizations with members, and their credentials, of which only hashes are kept. Every
//! user and every organization has exactly one wallet from its first moment.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod credentials;
pub mod idempotency;
pub mod operations;
pub mod rules;
mod store;

use kernel::clock::Timestamp;
use kernel::ids::{OrganizationId, UserId, WalletId};
use kernel::text_enum;

text_enum! {
    /// What a member may do in an organization.
    Role {
        /// Everything.
        Owner => "owner",
        /// Buys and spends.
        Admin => "admin",
        /// Spends.
        Member => "member",
        /// Sees.
        Viewer => "viewer",
    }
}

/// A user to register.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The host application's own name for the user.
    pub id: UserId,
    /// Where receipts go.
    pub email: Option<String>,
    /// Whether the user may call the admin API.
    pub is_admin: bool,
}

/// A registered user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The host application's own name for the user.
    pub id: UserId,
    /// Where receipts go.
    pub email: Option<String>,
    /// Whether the user may call the admin API.
    pub is_admin: bool,
    /// The user's own wallet.
    pub wallet_id: WalletId,
}

/// An organization and its wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Which.
    pub id: OrganizationId,
    /// Its wallet.
    pub wallet_id: WalletId,
}

/// An organization as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnOrganization {
    /// Which.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// What the member may do there.
    pub role: Role,
    /// Its wallet.
    pub wallet_id: WalletId,
}

/// Someone in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// What the user may do there.
    pub role: Role,
}

/// A user's place in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// What the user may do there.
    pub role: Role,
    /// The organization's wallet.
    pub wallet_id: WalletId,
}

/// Who stands behind a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user_id: UserId,
    /// The user's own wallet.
    pub wallet_id: WalletId,
    /// Whether the user may call the admin API.
    pub is_admin: bool,
    /// When the credential ends by itself, if ever.
    pub expires_at: Option<Timestamp>,
    /// Whether credits may be spent with the credential.
    pub may_spend: bool,
}

/// Why something about users or organizations cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The id is taken by a user with other fields.
    #[error("the user {0} exists with other fields")]
    UserExists(UserId),
    /// A named user is not registered.
    #[error("there is no user {0}")]
    NoUser(String),
    /// There is no such organization, or the user is not in it.
    #[error("there is no such organization or member")]
    NoMember,
    /// Nobody would be left to own the organization.
    #[error("an organization keeps at least one owner")]
    LastOwner,
    /// There is no such API key.
    #[error("there is no such API key")]
    NoApiKey,
    /// A field cannot be accepted; the text says which and why.
    #[error("{0}")]
    Invalid(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
