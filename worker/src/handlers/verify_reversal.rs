//! Asks Stripe about refunds and disputes, and which order of ours the money that went back was for. A refund names a
//! payment, and not every payment carries our order: that of a subscription is known by its invoice, that of a Payment
//! Link by its session.

use crate::providers::stripe::reversals::{Dispute, Refund};
use billing::payments::Provider;
use billing::reversals::{Reversal, ReversalFact, operations};

use super::{JobError, Jobs};

impl Jobs {
    /// What a refund, a dispute, or the refunds of a charge say; none if the object is nothing of these.
    pub(super) async fn stripe_reversals(&self, id: &str) -> Result<Option<Vec<ReversalFact>>, JobError> {
        // Whether it is real money the payment says, below.
        let fact = |refund: Refund| refund.fact(false);
        let found: Vec<ReversalFact> = if id.starts_with("re_") || id.starts_with("pyr_") {
            fact(self.ask(|| self.stripe.refund(id)).await?).into_iter().collect()
        } else if id.starts_with("dp_") || id.starts_with("du_") {
            let dispute: Dispute = self.ask(|| self.stripe.dispute(id)).await?;
            dispute.fact().into_iter().collect()
        } else if id.starts_with("issfr_") {
            // What it is about is known since it was told, and it says no more.
            let told = {
                let mut connection = self.pool.acquire().await?;
                operations::told(&mut connection, Provider::Stripe, id).await?
            };
            told.map(warning).into_iter().collect()
        } else if id.starts_with("ch_") || id.starts_with("py_") {
            self.ask(|| self.stripe.refunds_of(id)).await?.into_iter().filter_map(fact).collect()
        } else {
            return Ok(None);
        };
        let mut ours = Vec::new();
        for fact in found {
            ours.extend(self.of_our_order(fact).await?);
        }
        Ok(Some(ours))
    }

    /// The fact with the order, or the invoice of the order's subscription, that it is about; none if it is about
    /// money that something else earns on the same account.
    async fn of_our_order(&self, mut fact: ReversalFact) -> Result<Option<ReversalFact>, JobError> {
        let Some(intent) = fact.provider_payments.iter().find(|id| id.starts_with("pi_")).cloned() else {
            return Ok(None);
        };
        let paid = self.ask(|| self.stripe.intent(&intent)).await?.fact();
        fact.livemode = paid.livemode;
        if let Some(invoice) = self.ask(|| self.stripe.invoice_of(&intent)).await? {
            let id = invoice.id.clone();
            if let Some(period) = invoice.fact(self.clock.now()) {
                fact.provider_payments.push(id);
                return Ok(period.payment_id.is_some().then_some(fact));
            }
        }
        fact.payment_id = match paid.payment_id {
            Some(id) => Some(id),
            None => self
                .ask(|| self.stripe.session_of(&intent))
                .await?
                .and_then(|session| session.fact(false).payment_id),
        };
        Ok(fact.payment_id.is_some().then_some(fact))
    }
}

/// A warning that waits for its payment, as a later word about it.
fn warning(told: Reversal) -> ReversalFact {
    ReversalFact {
        provider: Provider::Stripe,
        livemode: false,
        object_id: told.object_id,
        kind: told.kind,
        standing: told.standing,
        status: told.status,
        step: told.step.saturating_add(1),
        extent: told.extent,
        payment_id: None,
        provider_payments: told.provider_payments,
    }
}
