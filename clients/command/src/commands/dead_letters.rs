//! Jobs that could not be done.

use clap::Subcommand;

use super::Reason;
use crate::failure::Failure;
use crate::operation::{Operation, Page};

const LETTERS: &[&str] = &["id", "role", "kind", "reason", "diedAt"];

#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// Those that wait, oldest first
    List {
        /// Only those of this role of the worker
        #[arg(long)]
        role: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Look at one
    Show { id: String },
    /// Try the job again
    Retry { id: String },
    /// Give the job up
    Dismiss {
        id: String,
        #[command(flatten)]
        reason: Reason,
    },
}

impl DeadLetters {
    pub fn operation(self) -> Result<Operation, Failure> {
        match self {
            Self::List { role, page } => {
                Ok(Operation::get(["dead-letters"]).query(&[("role", role.as_deref())]).pages(&page, LETTERS))
            }
            Self::Show { id } => Ok(Operation::get(["dead-letters", &id])),
            Self::Retry { id } => Ok(Operation::post(["dead-letters", &id, "retry"])),
            Self::Dismiss { id, reason } => Operation::post(["dead-letters", &id, "dismiss"]).body(&reason),
        }
    }
}
