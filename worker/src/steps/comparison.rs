//! Compares the providers' payments of a time, and what went back in it, with the orders and the ledger. A payment,
//! refund or dispute that no event has announced is asked about, on the way that every payment takes; all other
//! differences are for a person.

use billing::payments::Provider;
use billing::provider_events::VerifyObject;
use billing::reconciliation::{Comparison, Finding, ProviderPayment, RecordedPayment, operations, rules};
use time::Duration;

use super::reversal_comparison;
use super::windows::{SLICE, Window};
use crate::context::Context;
use crate::error::JobError;
use crate::providers::ProviderError;
use crate::providers::stripe::listing::Listed;

/// How old a payment must be before it is missed: its events may be under way.
const GRACE: Duration = Duration::minutes(15);

/// Asks the provider about a payment, where that mends the difference; says whether it does.
pub(crate) async fn repair(context: &Context, finding: &Finding) -> Result<bool, JobError> {
    let Some(object_id) = finding.repair.clone() else { return Ok(false) };
    let job = VerifyObject::new(finding.provider, object_id);
    context.publisher.publish(&job).await?;
    Ok(true)
}

/// Compares the payments of a window, and what went back in it, with the orders and the ledger. Changes nothing.
pub(crate) async fn compare(context: &Context, window: Window) -> Result<Comparison, JobError> {
    let mut listed = stripe_payments(context, window).await?;
    listed.extend(creem_payments(context, window).await?);
    let (mut payments, orders) = with_orders(context, listed, window).await?;
    // Paid on a page that is older than the window, or not at all.
    let mut asked = Vec::new();
    for order in rules::unheard(&payments, &orders) {
        asked.extend(ask_about(context, order).await?);
    }
    payments.extend(asked);
    let payments = rules::merged(payments);
    let objects: Vec<&str> = payments.iter().flat_map(ProviderPayment::objects).collect();
    let dismissed = operations::dismissed(&mut *context.pool.acquire().await?, &objects).await?;
    let settled_before = context.clock.now().saturating_sub(GRACE);
    let mut compared = rules::compare(&payments, &orders, settled_before);
    rules::without_dismissed(&mut compared, &payments, &dismissed);
    compared.extend(reversal_comparison::compare(context, window, settled_before).await?);
    Ok(compared)
}

/// Payments, each once and with the order it names, and the orders that they may be for.
async fn with_orders(
    context: &Context,
    listed: Vec<ProviderPayment>,
    window: Window,
) -> Result<(Vec<ProviderPayment>, Vec<RecordedPayment>), JobError> {
    let mark = context.installation().await?.to_string();
    let mut payments = rules::merged(listed);
    payments.iter_mut().for_each(|payment| payment.forget_another(&mark));
    let mut connection = context.pool.acquire().await?;
    operations::name_orders(&mut connection, &mut payments).await?;
    let orders = operations::ours(&mut connection, &payments, window.from, window.to).await?;
    Ok((payments, orders))
}

async fn stripe_payments(context: &Context, window: Window) -> Result<Vec<ProviderPayment>, JobError> {
    let mut payments = Vec::new();
    for listed in Listed::ALL {
        let mut after: Option<String> = None;
        loop {
            let (from, to) = (window.from, window.to);
            let page =
                context.ask(|| context.stripe.payments_page(listed, from, to, after.as_deref())).await?;
            payments.extend(page.listed);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(payments)
}

/// Creem's list does not name orders. Where it has payments that no order knows, Creem is asked about the unpaid orders
/// of the time, one by one.
async fn creem_payments(context: &Context, window: Window) -> Result<Vec<ProviderPayment>, JobError> {
    let Some(creem) = context.creem_if_set_up() else { return Ok(Vec::new()) };
    let (mut listed, mut next) = (Vec::new(), Some(1));
    while let Some(number) = next {
        let page = context.ask(|| creem.transactions(number)).await?;
        let payments: Vec<ProviderPayment> =
            page.items.iter().filter_map(|transaction| transaction.payment()).collect();
        let is_older = payments.last().is_some_and(|oldest| oldest.at < window.from);
        next = page.pagination.next_page.filter(|_| !is_older);
        listed.extend(payments.into_iter().filter(|one| one.at >= window.from && one.at < window.to));
    }
    let (mut payments, orders) = with_orders(context, listed, window).await?;
    let is_known = |one: &ProviderPayment| orders.iter().any(|order| order.payment == one.payment);
    if payments.iter().all(|one| one.order.is_some() || is_known(one)) {
        return Ok(payments);
    }
    // A page that was opened before the window may have been paid in it.
    let opened = window.from.saturating_sub(SLICE);
    let unpaid = {
        let mut connection = context.pool.acquire().await?;
        operations::unpaid(&mut connection, Provider::Creem, opened, window.to).await?
    };
    for (order, page) in unpaid {
        let Some(found) = answered(context.ask(|| creem.checkout(&page)).await)? else { continue };
        match found.subscription_id() {
            Some(subscription) => rules::name_periods(&mut payments, subscription, order),
            None => payments.push(ProviderPayment::of_fact(page, found.fact(), window.from)),
        }
    }
    Ok(payments)
}

/// What a provider says about one order; none if it knows nothing of it.
async fn ask_about(context: &Context, order: &RecordedPayment) -> Result<Option<ProviderPayment>, JobError> {
    let at = context.clock.now();
    let payment = order.payment.as_deref().unwrap_or_default();
    Ok(match (order.provider, order.session.as_deref()) {
        (Provider::Stripe, _) if payment.starts_with("in_") => {
            let found = answered(context.ask(|| context.stripe.invoice(payment)).await)?;
            let fact = found.and_then(|invoice| invoice.fact(at));
            fact.and_then(|fact| ProviderPayment::of_subscription(payment.to_owned(), &fact, at))
        }
        (Provider::Stripe, Some(session)) => {
            let found = answered(context.ask(|| context.stripe.session(session)).await)?;
            found.map(|found| ProviderPayment::of_fact(session.to_owned(), found.fact(false), at))
        }
        (Provider::Stripe, None) => {
            let found = answered(context.ask(|| context.stripe.intent(payment)).await)?;
            found.map(|found| ProviderPayment::of_fact(payment.to_owned(), found.fact(), at))
        }
        (Provider::Creem, _) if payment.starts_with("tran_") => {
            let creem = context.creem()?;
            let found = answered(context.ask(|| creem.listed_transaction(payment)).await)?;
            found.and_then(|found| found.payment())
        }
        (Provider::Creem, Some(page)) => {
            let creem = context.creem()?;
            let found = answered(context.ask(|| creem.checkout(page)).await)?;
            found.map(|found| ProviderPayment::of_fact(page.to_owned(), found.fact(), at))
        }
        (Provider::Creem, None) | (Provider::Revenuecat | Provider::Manual, _) => None,
    })
}

/// The answer, or none where the provider knows no such object.
fn answered<T>(answer: Result<T, ProviderError>) -> Result<Option<T>, JobError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(ProviderError::NotFound) => Ok(None),
        // One answer must not keep the others from being compared; the order is reported as not paid.
        Err(error @ ProviderError::Unreadable(_)) => {
            tracing::error!(%error, "an order cannot be compared");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
