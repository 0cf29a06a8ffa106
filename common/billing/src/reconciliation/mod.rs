//! Reconciliation: what a provider has been paid, against our orders, against the ledger.
//!
//! Events can be lost for good: an endpoint was switched off for days, or a bug dropped them. The provider's own list
//! of payments is what is true about money, so it is compared with ours from time to time. Nothing is changed here;
//! what can be mended is mended by asking the provider about the payment, on the way that every payment takes.

pub mod operations;
pub mod rest;
pub mod reversals;
pub mod rules;
mod store;
#[cfg(test)]
mod tests;

use crate::payments::{Fact, Provider, Stage, State};
use crate::reversals::ReversalFact;
use crate::subscriptions::rules::charged;
use crate::subscriptions::{News, SubscriptionFact};
use jobs::job;
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;
use kernel::money::{Credits, Money};
use kernel::text_enum;
use serde::{Deserialize, Serialize};

/// A payment as its provider lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderPayment {
    pub provider: Provider,
    /// The object to ask about to hear of it again: a session, a payment, an invoice, a subscription.
    pub id: String,
    /// The page it was paid on.
    pub session: Option<String>,
    /// The payment's own id; at Stripe a subscription's payment is known by its invoice.
    pub payment: Option<String>,
    /// The order that it names with the metadata or the reference that we gave.
    pub order: Option<PaymentId>,
    /// The mark of this installation, where it comes back: without it the order may be another product's.
    pub installation: Option<String>,
    /// A later period of the subscription that the order began.
    pub is_renewal: bool,
    /// The subscription it is for, where the provider names only that.
    pub subscription: Option<String>,
    /// Whether the money is there.
    pub is_paid: bool,
    /// How much was paid; none where nothing was to be paid.
    pub money: Option<Money>,
    /// How much went back since, in smallest units, as the provider counts, which may be with tax: at Stripe by
    /// refunds, at Creem by refunds and disputes.
    pub gone_back_minor: i64,
    /// The object to ask about to hear what went back.
    pub charge: Option<String>,
    /// The last time that something of it came into being.
    pub at: Timestamp,
}

impl ProviderPayment {
    /// As its page or the payment itself tells it; `id` is that object's.
    pub fn of_fact(id: String, fact: Fact, at: Timestamp) -> Self {
        Self {
            provider: fact.provider,
            id,
            session: fact.session,
            payment: fact.provider_payment,
            order: fact.payment_id,
            installation: fact.installation,
            is_renewal: false,
            subscription: None,
            is_paid: fact.stage == Stage::Paid,
            money: fact.money,
            gone_back_minor: 0,
            charge: None,
            at,
        }
    }

    /// The ids that the provider knows it by.
    pub fn objects(&self) -> impl Iterator<Item = &str> {
        let ids = [Some(&self.id), self.session.as_ref(), self.payment.as_ref()];
        ids.into_iter().flatten().map(String::as_str)
    }

    /// Forgets the order that it names if it carries another mark than this installation's.
    pub fn forget_another(&mut self, mark: &str) {
        if self.installation.as_deref().is_some_and(|installation| installation != mark) {
            (self.order, self.installation) = (None, None);
        }
    }

    /// As a subscription's invoice tells it; none if it is not paid. The order of the first period was made without
    /// tax, and that of a later one of what was paid.
    pub fn of_subscription(id: String, fact: &SubscriptionFact, at: Timestamp) -> Option<Self> {
        let News::Paid(paid) = &fact.news else { return None };
        let is_renewal = paid.is_first == Some(false);
        Some(Self {
            provider: fact.provider,
            id,
            session: None,
            payment: Some(paid.payment.clone()),
            order: fact.payment_id,
            installation: fact.installation.clone(),
            is_renewal,
            subscription: Some(fact.subscription.clone()),
            is_paid: true,
            money: Some(if is_renewal { paid.money } else { charged(paid) }),
            gone_back_minor: 0,
            charge: None,
            at,
        })
    }
}

/// A refund or dispute as its provider lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderReversal {
    pub fact: ReversalFact,
    /// The last time that something of it came into being.
    pub at: Timestamp,
}

/// An order, as far as money that went back is compared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedOrder {
    pub id: PaymentId,
    /// What was to be paid.
    pub money: Money,
}

/// An order, with what the ledger has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedPayment {
    pub id: PaymentId,
    /// Who takes the money.
    pub provider: Provider,
    pub state: State,
    /// What is to be paid.
    pub money: Money,
    pub session: Option<String>,
    /// The payment at the provider.
    pub payment: Option<String>,
    /// What it grants when it is paid.
    pub credits: Credits,
    /// What the ledger says was granted for it; none without an entry.
    pub credited: Option<Credits>,
    /// What we know to have gone back by refunds, in smallest units, as the provider counts.
    pub refunded_minor: i64,
    /// What we know to have gone back by disputes.
    pub withdrawn_minor: i64,
}

text_enum! {
    /// How the books differ.
    Difference {
        /// The provider has the money; our order is not credited. Mended by asking about it.
        PaidNotCredited => "paid_not_credited",
        /// Our order is credited; the provider has no such payment, or it is not paid.
        CreditedNotPaid => "credited_not_paid",
        /// What was paid is not what was ordered.
        AmountDiffers => "amount_differs",
        /// Money went back that our order does not know of. Mended by asking about it.
        RefundNotKnown => "refund_not_known",
        /// A dispute of a payment that we do not know of, or not as it stands now. Mended by asking about it.
        DisputeNotKnown => "dispute_not_known",
        /// The order is paid, and this is another payment for it.
        PaidTwice => "paid_twice",
        /// The payment names an order that does not exist.
        UnknownOrder => "unknown_order",
        /// The ledger has not what the order's state says.
        LedgerDiffers => "ledger_differs",
    }
}

/// A difference in the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub difference: Difference,
    /// Who takes the money.
    pub provider: Provider,
    pub order: Option<PaymentId>,
    /// The object at the provider.
    pub object: Option<String>,
    /// What our order asks for.
    pub ours: Option<Money>,
    /// What the provider has.
    pub theirs: Option<Money>,
    /// The object to ask the provider about, where that mends it. Everything else is for a person.
    pub repair: Option<String>,
}

/// The outcome of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    pub findings: Vec<Finding>,
    /// Payments that agree with their orders.
    pub agreeing: usize,
    /// Payments so new that their events may be under way.
    pub in_flight: usize,
    /// Payments that name no order: another product's on the same account, or those behind invoices.
    pub foreign: usize,
}

impl Comparison {
    /// Takes in another, and returns what it found that was not found before: a payment and its refund may both tell
    /// of the same money.
    pub fn extend(&mut self, other: Self) -> &[Finding] {
        let before = self.findings.len();
        for finding in other.findings {
            let is_same = |known: &Finding| {
                known.repair.is_some()
                    && (known.difference, &known.repair) == (finding.difference, &finding.repair)
            };
            if !self.findings.iter().any(is_same) {
                self.findings.push(finding);
            }
        }
        self.agreeing = self.agreeing.saturating_add(other.agreeing);
        self.in_flight = self.in_flight.saturating_add(other.in_flight);
        self.foreign = self.foreign.saturating_add(other.foreign);
        self.findings.get(before..).unwrap_or_default()
    }

    /// How many payments are not credited though the provider has the money.
    pub fn paid_not_credited(&self) -> usize {
        self.findings.iter().filter(|finding| finding.difference == Difference::PaidNotCredited).count()
    }
}

/// What the last comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRun {
    pub ended_at: Timestamp,
    /// Differences.
    pub findings: i64,
    /// How many of them are payments that are not credited.
    pub paid_not_credited: i64,
}

/// What is left of a comparison of the last days. A job compares one slice of time and has the rest done by another:
/// the broker takes away a job that is not acknowledged in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Where it begins…
    #[serde(with = "time::serde::rfc3339")]
    pub from: Timestamp,
    /// …and ends: what is later has been compared.
    #[serde(with = "time::serde::rfc3339")]
    pub until: Timestamp,
    /// The length of a slice, in seconds.
    pub slice_seconds: i64,
    /// Differences found so far.
    pub findings: i64,
    /// How many of them are payments that are not credited.
    pub paid_not_credited: i64,
}

/// Compares the providers' payments, refunds and disputes of the last days with ours, and asks about what is not known.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReconcilePayments {
    /// What is left of a comparison that has begun; none begins one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Rest>,
}
job!(ReconcilePayments: "payments.reconcile" on Verify, 3 attempts);
