//! Asks Stripe about refunds and disputes, and which order the money that went back was paid for. A refund names a
//! payment, and not every payment carries the order's id: that of a subscription is known by its invoice, that of a
//! Payment Link by its session.

use billing::payments::Provider;
use billing::reversals::{Reversal, ReversalFact, operations};

use crate::context::Context;
use crate::error::JobError;
use crate::providers::stripe::reversals::Refund;

/// What a refund, a dispute, or the refunds of a charge say; none if the id is of another kind of object.
pub(super) async fn facts(context: &Context, id: &str) -> Result<Option<Vec<ReversalFact>>, JobError> {
    let stripe = &context.stripe;
    // A refund does not say whether it is real money: its payment does, below.
    let fact = |refund: Refund| refund.fact(false);
    let found: Vec<ReversalFact> = if id.starts_with("re_") || id.starts_with("pyr_") {
        fact(context.ask(|| stripe.refund(id)).await?).into_iter().collect()
    } else if id.starts_with("dp_") || id.starts_with("du_") {
        context.ask(|| stripe.dispute(id)).await?.fact().into_iter().collect()
    } else if id.starts_with("issfr_") {
        // A warning is known since its event, and Stripe says no more about it.
        let known = {
            let mut connection = context.pool.acquire().await?;
            operations::told(&mut connection, Provider::Stripe, id).await?
        };
        known.map(warning).into_iter().collect()
    } else if id.starts_with("ch_") || id.starts_with("py_") {
        context.ask(|| stripe.refunds_of(id)).await?.into_iter().filter_map(fact).collect()
    } else {
        return Ok(None);
    };
    let mut with_order = Vec::new();
    for fact in found {
        with_order.extend(find_order(context, fact).await?);
    }
    Ok(Some(with_order))
}

/// The fact with the order, or the invoice of the order's subscription, that it is about; none if the money was paid
/// for something else that is sold on the same account.
pub(super) async fn find_order(
    context: &Context,
    mut fact: ReversalFact,
) -> Result<Option<ReversalFact>, JobError> {
    let stripe = &context.stripe;
    let Some(intent) = fact.provider_payments.iter().find(|id| id.starts_with("pi_")).cloned() else {
        return Ok(None);
    };
    let paid = context.ask(|| stripe.intent(&intent)).await?.fact();
    fact.livemode = paid.livemode;
    fact.installation.clone_from(&paid.installation);
    if let Some(invoice) = context.ask(|| stripe.invoice_of(&intent)).await? {
        let id = invoice.id.clone();
        if let Some(period) = invoice.fact(context.clock.now()) {
            fact.provider_payments.push(id);
            fact.installation = period.installation.or(fact.installation);
            return Ok(period.payment_id.is_some().then_some(fact));
        }
    }
    fact.payment_id = match paid.payment_id {
        Some(id) => Some(id),
        None => {
            let session = context.ask(|| stripe.session_of(&intent)).await?;
            let session = session.map(|session| session.fact(false));
            fact.installation = session.as_ref().and_then(|session| session.installation.clone());
            session.and_then(|session| session.payment_id)
        }
    };
    Ok(fact.payment_id.is_some().then_some(fact))
}

/// A warning that waits for its payment, as a later report about it.
fn warning(known: Reversal) -> ReversalFact {
    ReversalFact {
        provider: Provider::Stripe,
        livemode: false,
        object_id: known.object_id,
        kind: known.kind,
        standing: known.standing,
        status: known.status,
        step: known.step.saturating_add(1),
        extent: known.extent,
        installation: None,
        payment_id: None,
        provider_payments: known.provider_payments,
    }
}
