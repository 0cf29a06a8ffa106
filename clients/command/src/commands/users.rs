//! Users.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Metadata, Reason};
use crate::failure::Failure;
use crate::operation::{Operation, Page};

const USERS: &[&str] = &["userId", "email", "name", "admin", "blockedAt", "createdAt"];

#[derive(Debug, Subcommand)]
pub enum User {
    /// Users, by their ids
    List {
        /// Only those whose id begins so, or whose e-mail address it is
        #[arg(long)]
        query: Option<String>,
        /// Only those who administrate
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        page: Page,
    },
    /// Look at a user
    Show { user_id: String },
    /// Make a user, or change one; what is left out stays
    Put(Change),
    /// Keep a user out: sessions, keys and tokens stop working, and cards are let go
    Block {
        user_id: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Let a blocked user in again
    Unblock {
        user_id: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Remove a user's personal data for good; the books stay
    Erase {
        user_id: String,
        /// Say that you mean it
        #[arg(long, required = true)]
        yes: bool,
    },
}

#[derive(Args, Debug, Serialize)]
pub struct Change {
    #[serde(skip)]
    user_id: String,
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Whether the user administrates, with every right
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    admin: Option<bool>,
    #[command(flatten)]
    #[serde(flatten)]
    metadata: Metadata,
}

impl User {
    pub fn operation(self) -> Result<Operation, Failure> {
        match self {
            Self::List { query, admin, page } => Ok(Operation::get(["users"])
                .query(&[("query", query.as_deref()), ("admin", admin.then_some("true"))])
                .pages(&page, USERS)),
            Self::Show { user_id } => Ok(Operation::get(["users", &user_id])),
            Self::Put(change) => Operation::put(["users", &change.user_id]).body(&change),
            Self::Block { user_id, reason } => Operation::post(["users", &user_id, "block"]).body(&reason),
            Self::Unblock { user_id, reason } => {
                Operation::post(["users", &user_id, "unblock"]).body(&reason)
            }
            Self::Erase { user_id, .. } => Ok(Operation::delete(["users", &user_id], "The user is erased.")),
        }
    }
}
