//! Purchases in app stores by users who are not known.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Reason, ReasonIfAny};
use crate::failure::Failure;
use crate::operation::{Operation, Page};

const PURCHASES: &[&str] = &["purchaseId", "store", "productId", "buyers", "quantity", "reason", "boughtAt"];

#[derive(Debug, Subcommand)]
pub enum Parked {
    /// Those that wait
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Look at one
    Show { purchase_id: String },
    /// Credit it to a user
    Claim(Claim),
    /// Try again to find its user and its product
    Retry {
        purchase_id: String,
        #[command(flatten)]
        reason: ReasonIfAny,
    },
    /// Give it up
    Dismiss {
        purchase_id: String,
        #[command(flatten)]
        reason: Reason,
    },
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    #[serde(skip)]
    purchase_id: String,
    user_id: String,
    /// How many were bought, if the store did not say
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u32>,
}

impl Parked {
    pub fn operation(self) -> Result<Operation, Failure> {
        match self {
            Self::List { page } => Ok(Operation::get(["parked-purchases"]).pages(&page, PURCHASES)),
            Self::Show { purchase_id } => Ok(Operation::get(["parked-purchases", &purchase_id])),
            Self::Claim(claim) => {
                Operation::post(["parked-purchases", &claim.purchase_id, "claim"]).body(&claim)
            }
            Self::Retry { purchase_id, reason } => {
                Operation::post(["parked-purchases", &purchase_id, "retry"]).body(&reason)
            }
            Self::Dismiss { purchase_id, reason } => {
                Operation::post(["parked-purchases", &purchase_id, "dismiss"]).body(&reason)
            }
        }
    }
}
