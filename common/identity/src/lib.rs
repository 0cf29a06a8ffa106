//! Users, organizations with members, and credentials, which are stored only as hashes. Every user and every
//! organization has exactly one wallet, created with it.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod administration;
pub mod bulk;
pub mod credentials;
pub mod idempotency;
pub mod live_tickets;
mod logins;
pub mod operations;
pub mod operators;
pub mod portal;
pub mod rights;
pub mod rules;
mod store;

use std::time::Duration;

use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, OrganizationId, UserId, WalletId};
use kernel::metadata::Metadata;
use kernel::text_enum;

use rights::{Reach, Scopes};

text_enum! {
    /// What a member may do in an organization.
    Role {
        Owner => "owner",
        /// Buys and spends.
        Admin => "admin",
        /// Spends.
        Member => "member",
        Viewer => "viewer",
    }
}

#[derive(Clone, Debug)]
pub struct NewUser {
    /// The host application's id of the user.
    pub id: UserId,
    /// Where receipts go.
    pub email: Option<String>,
    /// Whether the user may call the admin API.
    pub is_admin: bool,
    /// For people.
    pub name: Option<String>,
    pub metadata: Metadata,
}

impl NewUser {
    /// A user of whom nothing else is known.
    pub fn new(id: UserId) -> Self {
        Self { id, email: None, is_admin: false, name: None, metadata: Metadata::default() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The host application's id of the user.
    pub id: UserId,
    /// Where receipts go.
    pub email: Option<String>,
    /// Whether the user may call the admin API.
    pub is_admin: bool,
    pub wallet_id: WalletId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Organization {
    pub id: OrganizationId,
    pub wallet_id: WalletId,
}

/// An organization as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnOrganization {
    pub id: OrganizationId,
    pub name: String,
    pub role: Role,
    pub wallet_id: WalletId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub user_id: UserId,
    pub role: Role,
}

/// What one user may do in one organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    pub role: Role,
    pub wallet_id: WalletId,
}

/// What a credential opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub reach: Reach,
    /// The one wallet of those that it is good for, if it is for one alone.
    pub only: Option<WalletId>,
    pub scopes: Scopes,
    /// Whether it is one of a user who may administrate, with which that user does.
    pub is_operator: bool,
    /// The operator, if it is the session of one.
    pub operator: Option<operators::SignedIn>,
    pub expires_at: Option<Timestamp>,
    /// The key, if it is one.
    pub api_key: Option<ApiKeyId>,
}

/// An API key to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// For people.
    pub name: String,
    pub scopes: Scopes,
    pub wallets_of: WalletsOf,
    pub expires_at: Option<Timestamp>,
}

/// Whose wallets an API key opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletsOf {
    Everyone,
    /// The key is the user in every API.
    User(UserId),
    Organization(OrganizationId),
}

impl WalletsOf {
    /// The user or the organization; neither for everyone.
    pub(crate) fn parts(&self) -> (Option<&UserId>, Option<OrganizationId>) {
        match self {
            Self::Everyone => (None, None),
            Self::User(user) => (Some(user), None),
            Self::Organization(organization) => (None, Some(*organization)),
        }
    }
}

/// A session to be opened.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub user: UserId,
    pub ttl: Duration,
    /// Of those that users' tokens may have.
    pub scopes: Scopes,
}

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("the user {0} already exists with other fields")]
    UserExists(UserId),
    #[error("there is no user {0}")]
    NoUser(String),
    #[error("there is no such organization or member")]
    NoMember,
    #[error("an organization must keep at least one owner")]
    LastOwner,
    #[error("there is no such API key")]
    NoApiKey,
    #[error("there is no such session")]
    NoSession,
    #[error("this user was erased")]
    Erased,
    /// A field is invalid; the text says which and why.
    #[error("{message}")]
    Invalid { field: &'static str, message: String },
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
