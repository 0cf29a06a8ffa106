//! Orders: what was bought, and money that goes back.

use clap::{ArgGroup, Args, Subcommand};
use serde::Serialize;

use super::{Metadata, Reason};
use crate::failure::Failure;
use crate::operation::{Credits, Operation, Page};

const ORDERS: &[&str] = &[
    "orderId",
    "status",
    "walletId",
    "credits",
    "amount.minor",
    "amount.currency",
    "reference",
    "createdAt",
];

#[derive(Debug, Subcommand)]
pub enum Order {
    /// Orders, newest first
    List {
        /// Only those of this wallet
        #[arg(long)]
        wallet: Option<String>,
        /// Only those that stand so, such as paid
        #[arg(long)]
        status: Option<String>,
        /// Only those with this id of yours
        #[arg(long)]
        reference: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Order credits, packs or a plan; the answer has the payment page
    Create(NewOrder),
    /// How an order stands
    Show { order_id: String },
    /// Give money back through the provider; its credits follow
    Refund(Refund),
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[command(group(ArgGroup::new("goods").required(true).args(["credits", "pack_id", "plan_id"])))]
pub struct NewOrder {
    wallet: String,
    /// So many credits
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    credits: Option<Credits>,
    /// This pack
    #[arg(long = "pack", value_name = "PACK_ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pack_id: Option<String>,
    /// How many packs
    #[arg(long, requires = "pack_id")]
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u32>,
    /// A subscription to this plan
    #[arg(long = "plan", value_name = "PLAN_ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_id: Option<String>,
    /// month or year
    #[arg(long, requires = "plan_id")]
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<String>,
    #[arg(long, value_name = "CODE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    coupon: Option<String>,
    /// An id of yours, which comes back in every event about the order
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    metadata: Metadata,
}

#[derive(Args, Debug, Serialize)]
pub struct Refund {
    #[serde(skip)]
    order_id: String,
    /// How much, in the currency's smallest unit (cents for usd); all that is left unless given
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    minor: Option<u64>,
    #[command(flatten)]
    #[serde(flatten)]
    reason: Reason,
}

impl Order {
    pub fn operation(self) -> Result<Operation, Failure> {
        match self {
            Self::List { wallet, status, reference, page } => Ok(Operation::get(["orders"])
                .query(&[
                    ("wallet", wallet.as_deref()),
                    ("status", status.as_deref()),
                    ("reference", reference.as_deref()),
                ])
                .pages(&page, ORDERS)),
            Self::Create(new) => Operation::post(["orders"]).body(&new),
            Self::Show { order_id } => Ok(Operation::get(["orders", &order_id])),
            Self::Refund(refund) => Operation::post(["orders", &refund.order_id, "refund"]).body(&refund),
        }
    }
}
