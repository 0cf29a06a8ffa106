//! Auto-recharge.

use clap::Subcommand;

use super::ReasonIfAny;
use crate::failure::Failure;
use crate::operation::{Operation, Page};

const WALLETS: &[&str] = &[
    "walletId",
    "userId",
    "orgId",
    "enabled",
    "state",
    "thresholdCredits",
    "spentThisMonth.minor",
    "pause.reason",
];

#[derive(Debug, Subcommand)]
pub enum AutoRecharge {
    /// Wallets with settings for it
    List {
        /// Only those for which it is paused
        #[arg(long)]
        paused: bool,
        #[command(flatten)]
        page: Page,
    },
    /// The settings, what was charged, what is left of the month's cap, and why it is paused
    Show { wallet: String },
    /// Charge no card until it is resumed
    Pause {
        wallet: String,
        #[command(flatten)]
        reason: ReasonIfAny,
    },
    /// Charge the card again when the balance runs low
    Resume {
        wallet: String,
        #[command(flatten)]
        reason: ReasonIfAny,
    },
}

impl AutoRecharge {
    pub fn operation(self) -> Result<Operation, Failure> {
        match self {
            Self::List { paused, page } => Ok(Operation::get(["auto-recharge"])
                .query(&[("paused", paused.then_some("true"))])
                .pages(&page, WALLETS)),
            Self::Show { wallet } => Ok(Operation::get(["wallets", &wallet, "auto-recharge"])),
            Self::Pause { wallet, reason } => {
                Operation::post(["wallets", &wallet, "auto-recharge", "pause"]).body(&reason)
            }
            Self::Resume { wallet, reason } => {
                Operation::post(["wallets", &wallet, "auto-recharge", "resume"]).body(&reason)
            }
        }
    }
}
