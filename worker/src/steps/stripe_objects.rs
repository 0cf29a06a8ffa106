//! What Stripe says about an object when it is asked, as the jobs that apply it.

use billing::auto_recharge::cards;
use billing::payments::{Mode, Payment};
use billing::subscriptions::SubscriptionFact;
use jobs::EncodedJob;

use super::{facts, stripe_reversals};
use crate::context::Context;
use crate::error::JobError;
use crate::providers::ProviderError;
use crate::providers::stripe::objects::Session;

/// What Stripe says about the object with an id; `revision` is that of the subscription when the question was put.
pub(crate) async fn facts(
    context: &Context,
    id: &str,
    revision: Option<i64>,
) -> Result<Vec<EncodedJob>, JobError> {
    let (stripe, now) = (&context.stripe, context.clock.now());
    Ok(if id.starts_with("cs_") {
        vec![facts::payment(context.ask(|| stripe.session(id)).await?.fact(false))]
    } else if id.starts_with("pi_") {
        vec![facts::payment(context.ask(|| stripe.intent(id)).await?.fact())]
    } else if id.starts_with("seti_") {
        vec![facts::payment(context.ask(|| stripe.setup_intent(id)).await?.fact())]
    } else if id.starts_with("pm_") {
        update_card(context, id).await?;
        Vec::new()
    } else if id.starts_with("in_") {
        let invoice = context.ask(|| stripe.invoice(id)).await?;
        if !invoice.is_for_subscription() {
            return Ok(invoice.purchase_fact().map(facts::payment).into_iter().collect());
        }
        if !invoice.is_whole() {
            return Err(JobError::Dead(format!("the lines of invoice {id} do not add up to its subtotal")));
        }
        invoice.fact(now).map(facts::subscription).into_iter().collect()
    } else if id.starts_with("sub_") {
        let fact = context.ask(|| stripe.subscription(id)).await?.fact(now);
        vec![facts::subscription(SubscriptionFact { revision, ..fact })]
    } else if let Some(reversals) = stripe_reversals::facts(context, id).await? {
        reversals.into_iter().map(facts::reversal).collect()
    } else {
        // Other objects only add details, which the answer about their payment has too.
        Vec::new()
    })
}

/// What Stripe says about an order that has a page; of a plan's order, also what it says about its first invoice. A
/// page that is overdue is closed first: from then on it cannot be paid.
pub(crate) async fn order_facts(
    context: &Context,
    payment: &Payment,
    session: &str,
    is_overdue: bool,
) -> Result<Vec<EncodedJob>, JobError> {
    let found = if is_overdue {
        closed(context, session).await?
    } else {
        context.ask(|| context.stripe.session(session)).await?
    };
    let invoice = found.invoice.clone().filter(|_| payment.mode == Mode::Subscription);
    let mut stated = vec![facts::payment(found.fact(false))];
    if let Some(invoice) = invoice {
        stated.extend(facts(context, invoice.id(), None).await?);
    }
    Ok(stated)
}

/// A page that cannot be paid on any more; it may have been.
pub(crate) async fn closed(context: &Context, session: &str) -> Result<Session, JobError> {
    let stripe = &context.stripe;
    let found = context.ask(|| stripe.session(session)).await?;
    if found.status.as_deref() != Some("open") {
        return Ok(found);
    }
    match context.ask(|| stripe.expire_checkout(session)).await {
        Ok(session) => Ok(session),
        // It was paid, or expired, in between.
        Err(ProviderError::Refused { .. }) => Ok(context.ask(|| stripe.session(session)).await?),
        Err(error) => Err(error.into()),
    }
}

/// Records what Stripe says about a card, if a wallet is recharged from it.
async fn update_card(context: &Context, payment_method: &str) -> Result<(), JobError> {
    let owner = {
        let mut connection = context.pool.acquire().await?;
        cards::owner(&mut connection, payment_method).await?
    };
    let Some((wallet, customer)) = owner else { return Ok(()) };
    let found = context.ask(|| context.stripe.card(&customer, payment_method)).await?;
    let mut transaction = context.pool.begin().await?;
    let written = cards::seen(&mut transaction, context.clock.now(), wallet, payment_method, found).await?;
    transaction.commit().await?;
    context.publish_soon(written);
    Ok(())
}
