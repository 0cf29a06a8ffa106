//! What Creem says about money that goes back, read tolerantly, and the facts that it becomes. Creem's amounts include
//! the tax that it has added: a part is one of what was paid, not of the price.
//!
//! Creem sends an event when a refund or a dispute begins, never a later one, and has no address to ask for either:
//! only the payment says how much of it has gone back in all.

use serde::Deserialize;

use super::objects::{Amounts, Checkout, Transaction, is_live};
use crate::providers::Reference;
use billing::payments::Provider;
use billing::reversals::rules::refund_standing;
use billing::reversals::{Extent, ReversalFact, ReversalKind, ReversalState};
use kernel::ids::PaymentId;
use kernel::money::Money;

#[derive(Clone, Debug, Deserialize)]
pub struct Refund {
    /// `ref_…`
    pub id: String,
    /// `pending`, `requiresAction`, `succeeded`, `failed` or `canceled`.
    pub status: String,
    /// Smallest units, with tax.
    pub refund_amount: i64,
    /// Upper case.
    pub refund_currency: String,
    /// What it is of.
    #[serde(flatten)]
    pub paid: PaidWith,
}

/// A dispute. It has no status.
#[derive(Clone, Debug, Deserialize)]
pub struct Dispute {
    /// `disp_…`
    pub id: String,
    /// Smallest units, with tax.
    pub amount: i64,
    /// Upper case.
    pub currency: String,
    /// What it is about.
    #[serde(flatten)]
    pub paid: PaidWith,
}

/// The payment of a refund or dispute.
#[derive(Clone, Debug, Deserialize)]
pub struct PaidWith {
    /// `test`, `sandbox` or `prod`.
    pub mode: String,
    pub transaction: Transaction,
    /// Where it was made.
    #[serde(default)]
    pub checkout: Option<Checkout>,
    /// The subscription, if it paid a period of one.
    #[serde(default)]
    pub subscription: Option<Reference>,
}

/// The object that can be asked about a refund or dispute.
#[derive(Deserialize)]
pub(super) struct Asked {
    transaction: Reference,
    #[serde(default)]
    checkout: Option<Reference>,
    #[serde(default)]
    subscription: Option<Reference>,
}

impl Asked {
    /// The checkout, which knows the order; for a subscription the payment, which is one of many.
    pub(super) fn id(&self) -> &str {
        let checkout = self.checkout.as_ref().filter(|_| self.subscription.is_none());
        checkout.unwrap_or(&self.transaction).id()
    }
}

impl PaidWith {
    fn fact(self, object_id: String, kind: ReversalKind, extent: Extent) -> ReversalFact {
        // The order of a subscription is paid by its first period only.
        let checkout = self.checkout.filter(|_| self.subscription.is_none());
        ReversalFact {
            provider: Provider::Creem,
            livemode: is_live(&self.mode),
            object_id,
            kind,
            standing: ReversalState::Taken,
            status: "created".to_owned(),
            step: 1,
            extent,
            installation: checkout.as_ref().and_then(|checkout| checkout.installation()),
            payment_id: checkout.and_then(|checkout| checkout.payment_id()),
            provider_payments: self.transaction.ids(),
        }
    }
}

impl Refund {
    /// Where its money is; none if its currency cannot be read.
    pub fn fact(self) -> Option<ReversalFact> {
        let (standing, step) = refund_standing(&self.status);
        let extent = part(self.refund_amount, &self.refund_currency, &self.paid.transaction.amounts)?;
        let fact = self.paid.fact(self.id, ReversalKind::Refund, extent);
        Some(ReversalFact { standing, step, status: self.status, ..fact })
    }
}

impl Dispute {
    /// That its money is gone; none if its currency cannot be read. Creem does not say when it comes back.
    pub fn fact(self) -> Option<ReversalFact> {
        let extent = part(self.amount, &self.currency, &self.paid.transaction.amounts)?;
        Some(self.paid.fact(self.id, ReversalKind::Dispute, extent))
    }
}

impl Transaction {
    /// How much of it has gone back in all; none if nothing has. `payment_id` is the order that it paid, if known.
    pub fn total(self, payment_id: Option<PaymentId>) -> Option<ReversalFact> {
        let minor = self.gone_back_minor()?;
        Some(ReversalFact {
            provider: Provider::Creem,
            livemode: is_live(self.mode.as_deref()?),
            kind: ReversalKind::Total,
            standing: ReversalState::Taken,
            // It only grows.
            step: minor,
            extent: part(minor, &self.amounts.currency, &self.amounts)?,
            installation: None,
            payment_id,
            provider_payments: self.ids(),
            object_id: self.id,
            status: self.amounts.status.unwrap_or_default(),
        })
    }

    /// How much of it has gone back in all, in smallest units, with tax; none if nothing has.
    pub fn gone_back_minor(&self) -> Option<i64> {
        let is_back =
            matches!(self.amounts.status.as_deref(), Some("refunded" | "chargedBack" | "chargeback"));
        let all = self.amounts.amount_paid.unwrap_or(self.amounts.amount);
        // Where the sum is missing, the whole payment went back.
        self.refunded_amount.filter(|sum| *sum > 0).or(is_back.then_some(all))
    }

    /// The ids under which the payment may be known here.
    fn ids(&self) -> Vec<String> {
        let order = self.order.as_ref().map(|order| order.id().to_owned());
        std::iter::once(self.id.clone()).chain(order).collect()
    }
}

fn part(minor: i64, currency: &str, paid: &Amounts) -> Option<Extent> {
    let money = Money::new(minor, currency.to_ascii_lowercase().parse().ok()?);
    Some(Extent::Part { money, paid_minor: paid.amount_paid })
}
