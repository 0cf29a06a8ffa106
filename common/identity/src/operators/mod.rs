//! Operators: those who run the installation. They are invited by a link that works once, sign in with a password, and
//! may what their role allows.

pub mod attempts;
pub mod operations;
pub mod passwords;
pub mod rules;
pub mod sessions;
mod store;

use kernel::clock::Timestamp;
use kernel::ids::{OperatorId, OperatorSessionId};
use kernel::text_enum;

use crate::rights::{Scope, Scopes};

text_enum! {
    /// What an operator may do; each role may what those before it may.
    OperatorRole {
        /// Sees everything and changes nothing.
        Viewer => "viewer",
        /// Helps users: gives debits back, releases holds, pauses and resumes recharging, blocks and unblocks.
        Support => "support",
        /// Gives credits and money, decides about payments, and changes the catalog.
        Finance => "finance",
        /// Everything.
        Admin => "admin",
    }
}

impl OperatorRole {
    /// What the role may do wherever a scope decides. An operation may ask for less: its description says so.
    pub fn scopes(self) -> Scopes {
        match self {
            Self::Viewer | Self::Support => Scopes::from_iter([Scope::Read]),
            Self::Finance => Scopes::from_iter([Scope::Read, Scope::Manage]),
            Self::Admin => Scopes::all(),
        }
    }
}

text_enum! {
    /// What a link of an operator's does, once.
    LinkPurpose {
        /// Sets the password.
        Invitation => "invitation",
        /// Signs in.
        SignIn => "sign_in",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    pub id: OperatorId,
    pub email: String,
    pub name: String,
    pub role: OperatorRole,
    pub created_at: Timestamp,
    /// Since when there is a password; none before the invitation is accepted.
    pub accepted_at: Option<Timestamp>,
    /// Since when the operator is kept out.
    pub disabled_at: Option<Timestamp>,
}

impl Operator {
    /// Whether the operator can sign in.
    pub fn is_active(&self) -> bool {
        self.accepted_at.is_some() && self.disabled_at.is_none()
    }
}

/// An operator to be invited.
#[derive(Clone, Debug)]
pub struct NewOperator {
    pub email: String,
    pub name: String,
    pub role: OperatorRole,
}

/// A change of an operator; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct OperatorChange {
    pub name: Option<String>,
    pub role: Option<OperatorRole>,
    pub disabled: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorSession {
    pub id: OperatorSessionId,
    pub created_at: Timestamp,
    /// To the minute.
    pub last_seen_at: Timestamp,
    /// When it ends, if it is used until then.
    pub expires_at: Timestamp,
    /// Where the operator signed in.
    pub address: Option<String>,
    pub user_agent: Option<String>,
}

/// The operator who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedIn {
    pub id: OperatorId,
    pub role: OperatorRole,
    pub session: OperatorSessionId,
}

#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    #[error("there is no such operator")]
    NoOperator,
    #[error("there is an operator with this e-mail address")]
    EmailTaken,
    #[error("the last admin cannot be changed, disabled or removed")]
    LastAdmin,
    #[error("there is no such link: it was used, or its time is over")]
    NoLink,
    #[error("e-mail address or password is wrong")]
    NotSignedIn,
    #[error("too many attempts")]
    TooManyAttempts { seconds: u16 },
    #[error("there is no such session")]
    NoSession,
    /// More passwords wait to be checked than can be checked in time.
    #[error("too much to do")]
    Busy,
    /// A field is invalid; the text says which and why.
    #[error("{message}")]
    Invalid { field: &'static str, message: String },
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
