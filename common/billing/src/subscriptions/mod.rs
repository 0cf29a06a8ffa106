//! Subscriptions: a plan that is paid again and again. Each paid period is a payment of its own and is credited on the
//! way of every payment; what a period costs and grants is in the subscription's terms.

mod carrying;
pub mod instructions;
pub mod operations;
mod period_payments;
mod periods;
mod price_paid;
pub mod rules;
pub(crate) mod store;
#[cfg(test)]
mod tests;

use jobs::job;
use serde::{Deserialize, Serialize};

use crate::payments::{Invoice, PlanPeriod, Provider};
use crate::plans::{Interval, Terms};
use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, SubscriptionId, UserId, WalletId};
use kernel::money::{Credits, Money};
use kernel::text_enum;

text_enum! {
    /// Where a subscription stands.
    SubscriptionState {
        /// Agreed on, not paid yet.
        Incomplete => "incomplete",
        Active => "active",
        /// A payment failed; the provider tries again.
        PastDue => "past_due",
        Paused => "paused",
        /// Over for good.
        Canceled => "canceled",
    }
}

/// A subscription as stored.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub id: SubscriptionId,
    pub user_id: UserId,
    /// Who receives the credits.
    pub wallet_id: WalletId,
    /// The order that started it.
    pub payment_id: PaymentId,
    /// Who collects the money.
    pub provider: Provider,
    pub provider_subscription: String,
    pub provider_customer: Option<String>,
    /// Real money?
    pub livemode: bool,
    pub state: SubscriptionState,
    /// Whether it ends with the current period.
    pub cancel_at_period_end: bool,
    /// Until when it is paid.
    pub current_period_end: Option<Timestamp>,
    /// What a period costs and grants.
    pub terms: Terms,
    /// The plan that the provider says it is on, where no payment has made that the terms yet.
    pub told_plan: Option<PlanPeriod>,
    /// When it was agreed on.
    pub created_at: Timestamp,
    /// When the provider said what is known of its state.
    pub told_at: Timestamp,
    /// How often its state, or whether it ends with its period, was changed.
    pub revision: i64,
    /// When it was ended.
    pub canceled_at: Option<Timestamp>,
    /// What a change of plan gave back money for: never positive, and taken off what later payments grant.
    pub carried: Credits,
}

impl Subscription {
    /// The plan and interval of the terms.
    pub(crate) fn terms_period(&self) -> (&str, Interval) {
        (&self.terms.plan_id, self.terms.interval)
    }

    /// The plan and interval that it is on: the newest that is known, paid for or not.
    pub fn plan(&self) -> (&str, Interval) {
        match &self.told_plan {
            Some(told) => (&told.plan_id, told.interval),
            None => self.terms_period(),
        }
    }
}

/// What a provider says about a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionFact {
    /// Who says it.
    pub provider: Provider,
    /// Real money?
    pub livemode: bool,
    pub subscription: String,
    /// The mark of the installation that the object is from, where it comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<String>,
    /// The order that started it, where the metadata that we gave comes back.
    pub payment_id: Option<PaymentId>,
    /// The payer, where the metadata that we gave comes back.
    pub user_id: Option<String>,
    pub customer: Option<String>,
    /// When the provider said it.
    #[serde(with = "time::serde::rfc3339")]
    pub at: Timestamp,
    /// The revision of the subscription when the question was put that this answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    pub news: News,
}

/// What is new about a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum News {
    /// A period, or the difference to another plan, is paid.
    Paid(Paid),
    PaymentFailed,
    Standing(Standing),
}

/// A payment for a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// The provider's id of the payment: an invoice at Stripe, a transaction at Creem.
    pub payment: String,
    /// Whether it is the one that started the subscription, where the provider says so.
    pub is_first: Option<bool>,
    /// How much was paid.
    pub money: Money,
    /// How much was due after the customer's balance at the provider, where the provider says so. Smallest units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<i64>,
    /// What was charged for, after discounts and before tax and the customer's balance, where the provider says so.
    /// Smallest units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net: Option<i64>,
    /// What it came to, with tax and before the customer's balance, where the provider says so. Smallest units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    /// What was paid for; empty where the provider does not say: then it is one period.
    pub lines: Vec<Line>,
    #[serde(default, skip_serializing_if = "PriceOf::is_of_payment")]
    pub price_of: PriceOf,
    /// The beginning of the period that is paid for, where the provider says so.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub period_start: Option<Timestamp>,
    /// The end of the period that is paid for.
    #[serde(with = "time::serde::rfc3339::option")]
    pub period_end: Option<Timestamp>,
    pub receipt_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<Box<Invoice>>,
}

/// What the prices in the lines of a payment are known from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceOf {
    /// From the payment: they were paid for.
    #[default]
    Payment,
    /// From the subscription, of which nothing was changed since the payment.
    UnchangedSubscription,
    /// From the subscription, which may have been moved to another price since the payment.
    ChangedSubscription,
}

impl PriceOf {
    fn is_of_payment(&self) -> bool {
        *self == Self::Payment
    }
}

/// A period of a subscription, and what paid for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub payment: PaymentId,
    pub begins_at: Timestamp,
    pub ends_at: Timestamp,
    /// How much of the payment's worth made up for what a change of plan gave back.
    pub made_up: Credits,
    /// How much of that it got back, because the payment of an earlier period made up for it in its stead.
    pub given_back: Credits,
}

/// A line of an invoice, before discounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub price: Option<String>,
    /// Smallest units; negative for what is given back on a change of plan.
    pub amount: i64,
    /// Whether it is for a part of a period, as on a change of plan.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_proration: bool,
}

/// How a subscription stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub state: SubscriptionState,
    /// Whether it ends with the current period.
    pub cancel_at_period_end: bool,
    /// The end of the current period.
    #[serde(with = "time::serde::rfc3339::option")]
    pub current_period_end: Option<Timestamp>,
    /// The provider's price that it is on.
    pub price: Option<String>,
}

/// Applies what the provider said of a subscription when it was asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplySubscriptionFact {
    /// What the provider said.
    pub fact: Box<SubscriptionFact>,
}
job!(ApplySubscriptionFact: "subscription.fact" on Apply, 8 attempts);

/// Opens the provider's page on which subscriptions are managed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OpenPortal {
    pub provider: Provider,
    pub customer: String,
    /// Where the page returns to. Already checked against the allowed origins.
    pub return_url: String,
}
job!(OpenPortal: "portal.open" on Checkout, 1 attempts);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PortalReply {
    /// The page is open.
    Opened { url: String },
    /// The provider knows no such customer.
    NoCustomer,
    /// The provider refuses.
    Refused { message: String },
    /// The provider cannot be asked now.
    Unavailable { reason: String },
}
