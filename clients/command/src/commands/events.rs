//! Events of payment providers.

use clap::Subcommand;

use super::{Reason, ReasonIfAny};
use crate::failure::Failure;
use crate::operation::{Operation, Page};

const EVENTS: &[&str] = &["id", "provider", "type", "state", "reason", "receivedAt"];

#[derive(Debug, Subcommand)]
pub enum Events {
    /// Events, newest first
    List {
        /// Only those in this state: open ones wait for you
        #[arg(long)]
        state: Option<String>,
        /// Only those of stripe, creem or revenuecat
        #[arg(long)]
        provider: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// What came, beside what was ordered
    Show { id: String },
    /// Count the order as paid with what was paid
    Credit {
        id: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Apply the event again, after a repair
    Retry {
        id: String,
        #[command(flatten)]
        reason: ReasonIfAny,
    },
    /// Leave it, and credit nothing
    Dismiss {
        id: String,
        #[command(flatten)]
        reason: Reason,
    },
}

impl Events {
    pub fn operation(self) -> Result<Operation, Failure> {
        match self {
            Self::List { state, provider, page } => Ok(Operation::get(["provider-events"])
                .query(&[("state", state.as_deref()), ("provider", provider.as_deref())])
                .pages(&page, EVENTS)),
            Self::Show { id } => Ok(Operation::get(["provider-events", &id])),
            Self::Credit { id, reason } => Operation::post(["provider-events", &id, "credit"]).body(&reason),
            Self::Retry { id, reason } => Operation::post(["provider-events", &id, "retry"]).body(&reason),
            Self::Dismiss { id, reason } => {
                Operation::post(["provider-events", &id, "dismiss"]).body(&reason)
            }
        }
    }
}
