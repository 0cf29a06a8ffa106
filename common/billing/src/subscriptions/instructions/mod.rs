//! What operators and subscribers have a provider do to a subscription: end it, with or without the money of its last
//! payment, or move it to another plan. An instruction is kept with its audit record and its job; the job does it at
//! the provider, and what the provider says of it afterwards is applied as every fact is: credits follow the money.
//!
//! The newest instruction counts. A job that comes late finds another one, or a settled one, and does nothing.

mod costs;
pub mod operations;
pub mod rules;
mod store;

use jobs::job;
use kernel::clock::Timestamp;
use kernel::ids::{SubscriptionId, SubscriptionInstructionId};
use kernel::money::Money;
use kernel::text_enum;
use serde::{Deserialize, Serialize};

use super::Subscription;
use crate::plans::{Interval, Terms};

text_enum! {
    /// Where the end of a subscription stands that an operator asked for.
    EndingState {
        /// The provider is to end it.
        Asked => "asked",
        /// The provider has ended it, and is to give money back.
        Ended => "ended",
        Done => "done",
        /// The provider refuses; the refusal says what.
        Refused => "refused",
        /// The provider may have given the money back or not: it is not asked again.
        Unclear => "unclear",
    }
}

text_enum! {
    /// Where a change of plan stands that an operator asked for.
    ChangeState {
        /// The provider is to make it.
        Asked => "asked",
        Done => "done",
        /// The provider refuses; the refusal says why.
        Refused => "refused",
    }
}

/// How a subscription is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With the period that is paid for.
    AtPeriodEnd,
    /// At once, with or without the money of the last payment.
    Now { refund: bool },
}

/// The end of a subscription that an operator asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub instruction_id: SubscriptionInstructionId,
    pub end: End,
    pub state: EndingState,
    /// The provider's id of the payment that is given back, once it is known: an invoice at Stripe, a transaction at
    /// Creem. It stays for good, so that never another one is given back too.
    pub refund_of: Option<String>,
    /// When the provider was asked to give it back.
    pub refund_asked_at: Option<Timestamp>,
    /// Why it is refused, or unclear.
    pub refusal: Option<String>,
    pub asked_at: Timestamp,
}

/// A change of plan that an operator asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanChange {
    pub instruction_id: SubscriptionInstructionId,
    pub plan_id: String,
    pub interval: Interval,
    /// The price or product that the provider is to bill.
    pub provider_price: String,
    pub state: ChangeState,
    /// Why it is refused.
    pub refusal: Option<String>,
    pub asked_at: Timestamp,
}

/// A plan that a subscription can be moved to, and what that costs.
#[derive(Clone, Debug)]
pub struct PlanOption {
    /// The plan's, for people.
    pub name: String,
    pub terms: Terms,
    /// What is charged at once, about; below zero: what the next payments cost less.
    pub due: Money,
    /// When a whole period is charged for the next time.
    pub renews_at: Option<Timestamp>,
}

/// A subscription with what operators asked for.
#[derive(Clone, Debug)]
pub struct Instructed {
    pub subscription: Subscription,
    /// Whether another one of the same wallet bills at the same time.
    pub is_doubled: bool,
    pub ending: Option<Ending>,
    pub change: Option<PlanChange>,
}

text_enum! {
    /// Why a plan is not changed.
    ChangeRefusal {
        /// It is not active: over, not begun, unpaid or paused.
        NotActive => "subscription_not_active",
        /// It ends with its period, and a change would be charged for all the same.
        Ends => "subscription_ends",
        NotSold => "plan_not_sold",
        /// The plan has no price or product of its own at the provider, by which a payment would be known.
        NotAtProvider => "plan_not_at_provider",
        OtherCurrency => "other_currency",
    }
}

/// Why an instruction is not taken.
#[derive(Debug, thiserror::Error)]
pub enum InstructionError {
    #[error("there is no such subscription")]
    NoSubscription,
    #[error("there is no such plan")]
    NoPlan,
    #[error("{}", .0.as_str())]
    Change(ChangeRefusal),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Has the provider end a subscription, and give money back if so asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndSubscription {
    pub subscription_id: SubscriptionId,
    /// Does nothing if another instruction has come since.
    pub instruction_id: SubscriptionInstructionId,
}
job!(EndSubscription: "subscription.end" on Checkout, 8 attempts);

/// Has the provider move a subscription to another plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangeSubscription {
    pub subscription_id: SubscriptionId,
    /// Does nothing if another instruction has come since.
    pub instruction_id: SubscriptionInstructionId,
}
job!(ChangeSubscription: "subscription.change" on Checkout, 8 attempts);

/// What [`EndSubscription`] and [`ChangeSubscription`] answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum InstructionReply {
    /// It is settled: the instruction says how.
    Settled,
}
