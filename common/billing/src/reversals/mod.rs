//! Reversals: money that goes back, by refund or by dispute, and the credits that go with it.
//!
//! A provider's word about one refund or dispute is a [`ReversalFact`]. The latest of each object is kept; how much of
//! a payment has gone back is always counted anew from all of them, and what is posted is the difference to what was
//! posted before ([`rules`]). So facts may come twice, in any order, and before their payment.

pub mod disputes;
#[cfg(test)]
mod lapse_tests;
pub mod operations;
pub mod rules;
pub mod store;
#[cfg(test)]
mod tests;

use jobs::job;
use serde::{Deserialize, Serialize};

use crate::payments::{Payment, Provider};
use kernel::ids::{OutboxId, PaymentId};
use kernel::money::{Credits, Money};
use kernel::text_enum;

text_enum! {
    /// How money goes back.
    ReversalKind {
        /// The seller gives it back.
        Refund => "refund",
        /// The buyer's bank takes it back.
        Dispute => "dispute",
        /// All that has gone back of a payment so far, where the provider tells no more than the sum.
        Total => "total",
        /// Nothing has gone back yet: the card's bank warns that the payment may be fraud.
        Warning => "warning",
    }
}

text_enum! {
    /// Where the money of a refund or dispute is.
    ReversalState {
        /// Nothing has moved yet, and perhaps nothing will: an inquiry, a dispute that has just begun.
        Announced => "announced",
        /// It is back with the buyer, or on its way there.
        Taken => "taken",
        /// It is here again: the refund failed, the dispute was won.
        Restored => "restored",
    }
}

/// How much of what was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    All,
    Part {
        money: Money,
        /// Of how much, in smallest units, where that is not the order's amount: a merchant of record counts with tax.
        paid_minor: Option<i64>,
    },
}

/// What a provider says about one refund or dispute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReversalFact {
    /// Who says it.
    pub provider: Provider,
    /// Real money?
    pub livemode: bool,
    /// The refund or dispute there; for [`ReversalKind::Total`] the payment there.
    pub object_id: String,
    pub kind: ReversalKind,
    /// Where its money is.
    pub standing: ReversalState,
    /// The provider's word for how it stands.
    pub status: String,
    /// Grows with each thing that happens to the object: a fact of an earlier step is an old one, and changes nothing.
    /// Times of events do not serve for that, they count seconds.
    pub step: i64,
    /// How much it is about.
    pub extent: Extent,
    /// The mark of the installation that the object is from, where it comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<String>,
    /// The order, where it is known.
    pub payment_id: Option<PaymentId>,
    /// The ids under which the provider knows the payment. One of them is the payment's `provider_payment`, or the
    /// refund is one of other money, as when an order was paid twice.
    pub provider_payments: Vec<String>,
}

impl ReversalFact {
    /// How much it says went back; none of a whole payment.
    pub fn money(&self) -> Option<Money> {
        match self.extent {
            Extent::All => None,
            Extent::Part { money, .. } => Some(money),
        }
    }
}

/// What to do about credits that were spent before their money went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// They are owed: the balance goes below zero, nothing can be spent, and the next purchase pays.
    Debt,
    /// They are forgiven: what is there is taken, and the rest is noted on the payment.
    Clamp,
}

impl std::str::FromStr for Policy {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "debt" => Ok(Self::Debt),
            "clamp" => Ok(Self::Clamp),
            _ => Err("it is `debt` or `clamp`"),
        }
    }
}

/// A refund or dispute as the latest fact describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// Its id at the provider.
    pub object_id: String,
    pub kind: ReversalKind,
    /// Where its money is.
    pub standing: ReversalState,
    /// The provider's word for how it stands.
    pub status: String,
    /// How far it has come.
    pub step: i64,
    /// How much it is about.
    pub extent: Extent,
    /// The payment's ids at the provider.
    pub provider_payments: Vec<String>,
}

/// What has gone back of a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Money back by refunds, in smallest units, as the provider counts.
    pub refunded_minor: i64,
    /// Money back by disputes.
    pub withdrawn_minor: i64,
    /// Credits taken back and not given back since.
    pub reversed: Credits,
    /// Credits that should have been taken back, but had been spent and are forgiven.
    pub shortfall: Credits,
    /// What had lapsed when credits were last taken back, so that less was to be taken.
    pub lapsed: Credits,
}

/// What taking credits back, or giving them back, led to.
#[derive(Clone, Debug)]
pub struct Reversed {
    /// The payment, as it is now.
    pub payment: Box<Payment>,
    /// How its money went, or came.
    pub kind: ReversalKind,
    /// What was added to the wallet: negative if it was taken back.
    pub credits: Credits,
    /// What had been spent and is forgiven.
    pub shortfall: Credits,
    /// The wallet's balance after it.
    pub balance: Credits,
    /// Written to the outbox.
    pub jobs: Vec<OutboxId>,
}

/// Applies what the provider said of a refund or dispute when it was asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplyPaymentReversal {
    /// What the provider said.
    pub fact: Box<ReversalFact>,
}
job!(ApplyPaymentReversal: "payment.reversal" on Apply, 8 attempts);
