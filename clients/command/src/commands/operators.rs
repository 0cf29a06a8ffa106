//! Operators: those who run the installation, in the console and over the API.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Reason, ReasonIfAny};
use crate::failure::Failure;
use crate::operation::{Operation, Page};

const OPERATORS: &[&str] = &["operatorId", "name", "email", "role", "acceptedAt", "disabledAt"];

#[derive(Debug, Subcommand)]
pub enum Operators {
    /// Operators, newest first
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Look at an operator
    Show { operator_id: String },
    /// Invite an operator; the link with which they choose a password is shown this once
    Invite(Invitation),
    /// Make another link for an operator who lost it, or the password
    InviteAgain { operator_id: String },
    /// Make a link that signs an operator in, in test mode
    SignInLink { operator_id: String },
    /// Give an operator another role
    Role {
        operator_id: String,
        #[command(flatten)]
        change: NewRole,
    },
    /// Keep an operator out, at once
    Disable {
        operator_id: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Let a disabled operator in again
    Enable {
        operator_id: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Remove an operator; what they did stays in the audit log
    Remove {
        operator_id: String,
        #[command(flatten)]
        reason: Reason,
    },
}

#[derive(Args, Debug, Serialize)]
pub struct Invitation {
    email: String,
    #[arg(long)]
    name: String,
    /// viewer, support, finance or admin
    #[arg(long)]
    role: String,
    #[command(flatten)]
    #[serde(flatten)]
    reason: ReasonIfAny,
}

#[derive(Args, Debug, Serialize)]
pub struct NewRole {
    /// viewer, support, finance or admin
    role: String,
    #[command(flatten)]
    #[serde(flatten)]
    reason: Reason,
}

/// Whether an operator is kept out.
#[derive(Serialize)]
struct Access {
    disabled: bool,
    #[serde(flatten)]
    reason: Reason,
}

impl Operators {
    pub fn operation(self) -> Result<Operation, Failure> {
        let put = |operator_id: &str| Operation::put(["operators", operator_id]);
        match self {
            Self::List { page } => Ok(Operation::get(["operators"]).pages(&page, OPERATORS)),
            Self::Show { operator_id } => Ok(Operation::get(["operators", &operator_id])),
            Self::Invite(new) => Operation::post(["operators"]).body(&new),
            Self::InviteAgain { operator_id } => Ok(Operation::post(["operators", &operator_id, "invite"])),
            Self::SignInLink { operator_id } => {
                Ok(Operation::post(["operators", &operator_id, "sign-in-link"]))
            }
            Self::Role { operator_id, change } => put(&operator_id).body(&change),
            Self::Disable { operator_id, reason } => {
                put(&operator_id).body(&Access { disabled: true, reason })
            }
            Self::Enable { operator_id, reason } => {
                put(&operator_id).body(&Access { disabled: false, reason })
            }
            Self::Remove { operator_id, reason } => {
                let removed = Operation::delete(["operators", &operator_id], "The operator is removed.");
                Ok(removed.query(&[("reason", Some(&reason.reason))]))
            }
        }
    }
}
