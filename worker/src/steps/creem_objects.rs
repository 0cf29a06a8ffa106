//! What Creem says about an object when it is asked, as the jobs that apply it.

use billing::payments::Payment;
use billing::payments::facts::expired_unopened;
use billing::subscriptions::SubscriptionFact;
use jobs::EncodedJob;
use kernel::ids::PaymentId;

use super::facts;
use crate::context::Context;
use crate::error::JobError;
use crate::providers::creem::client::CreemClient;
use crate::providers::creem::objects::Checkout;

/// Nobody pays on a page that is older.
const PAGE_LASTS: time::Duration = time::Duration::days(30);

/// What Creem says about the object with an id; `revision` is that of the subscription when the question was put.
pub(crate) async fn facts(
    context: &Context,
    id: &str,
    revision: Option<i64>,
) -> Result<Vec<EncodedJob>, JobError> {
    let creem = context.creem()?;
    Ok(if id.starts_with("ch_") {
        let found = context.ask(|| creem.checkout(id)).await?;
        let (order, paid_by) = (found.payment_id(), found.transaction_id().map(str::to_owned));
        let mut stated = vec![facts::payment(found.fact())];
        if let Some(id) = paid_by {
            stated.extend(reversal_facts(context, creem, &id, order).await?);
        }
        stated
    } else if id.starts_with("tran_") {
        transaction_facts(context, creem, id).await?
    } else if id.starts_with("ref_") || id.starts_with("disp_") {
        // Creem cannot be asked for it, and it must not be lost: as a dead letter a person sees it.
        return Err(JobError::Dead(format!("{id} names no payment that Creem could be asked about")));
    } else if id.starts_with("sub_") {
        let (now, found) = (context.clock.now(), context.ask(|| creem.subscription(id)).await?);
        let stated = found
            .paid(now)
            .into_iter()
            .chain([SubscriptionFact { revision, ..found.standing(now) }])
            .map(facts::subscription);
        let total = found.last_transaction.clone().and_then(|payment| payment.total(None));
        stated.chain(total.map(facts::reversal)).collect()
    } else {
        Vec::new()
    })
}

/// What Creem says about an order that has a page. Creem cannot close a page: an order that is overdue ends here once
/// Creem says that nothing was paid, and a later payment is shown to a person.
pub(crate) async fn order_facts(
    context: &Context,
    checkout: &str,
    payment: &Payment,
    is_overdue: bool,
) -> Result<Vec<EncodedJob>, JobError> {
    let creem = context.creem()?;
    let found = context.ask(|| creem.checkout(checkout)).await?;
    let subscription = found.subscription_id().map(str::to_owned);
    let is_unpaid = found.status.as_deref() != Some("completed");
    if is_overdue && is_unpaid && keeps_coupon(context, payment, &found) {
        return Ok(Vec::new());
    }
    if is_overdue && is_unpaid {
        return Ok(vec![facts::payment(expired_unopened(payment))]);
    }
    let mut stated = vec![facts::payment(found.fact())];
    if let Some(id) = subscription {
        stated.extend(facts(context, &id, None).await?);
    }
    Ok(stated)
}

/// Whether the use of a coupon is still this order's: its page may be paid at the lower price while Creem keeps
/// it open, and another order with the same use would be a second one.
fn keeps_coupon(context: &Context, payment: &Payment, page: &Checkout) -> bool {
    let age = context.clock.now() - payment.created_at;
    payment.has_coupon() && page.status.as_deref() != Some("expired") && age < PAGE_LASTS
}

/// What Creem says about a payment and how much of it has gone back. The payment may be for a period that is not the
/// subscription's last one.
async fn transaction_facts(
    context: &Context,
    creem: &CreemClient,
    id: &str,
) -> Result<Vec<EncodedJob>, JobError> {
    let (now, payment) = (context.clock.now(), context.ask(|| creem.transaction(id)).await?);
    let total = payment.clone().total(None).map(facts::reversal);
    let Some(subscription) = payment.subscription_id().map(str::to_owned) else {
        return Ok(total.into_iter().collect());
    };
    let mut found = context.ask(|| creem.subscription(&subscription)).await?;
    let standing = found.standing(now);
    found.last_transaction = Some(payment);
    let stated = found.paid(now).into_iter().chain([standing]).map(facts::subscription);
    Ok(stated.chain(total).collect())
}

/// How much of the payment of an order has gone back, if anything has.
async fn reversal_facts(
    context: &Context,
    creem: &CreemClient,
    transaction: &str,
    order: Option<PaymentId>,
) -> Result<Vec<EncodedJob>, JobError> {
    let total = context.ask(|| creem.transaction(transaction)).await?.total(order);
    Ok(total.map(facts::reversal).into_iter().collect())
}
