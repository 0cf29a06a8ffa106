//! Compares the refunds and disputes that Stripe lists with those that are recorded. Their payments may be of any age:
//! a dispute comes months after its payment. Creem lists neither; its payments say how much of them has gone back.

use std::collections::HashSet;

use billing::payments::Provider;
use billing::reconciliation::reversals::{self as rules, Owner};
use billing::reconciliation::rules::gone_back_unknown;
use billing::reconciliation::{Comparison, ProviderPayment, ProviderReversal, operations};
use billing::reversals::operations::all_told;
use kernel::clock::Timestamp;
use time::Duration;

use super::stripe_reversals::find_order;
use super::windows::Window;
use crate::context::Context;
use crate::error::JobError;
use crate::providers::ProviderError;
use crate::providers::stripe::listing::GoesBack;

/// How long after a payment its money may go back: no bank takes disputes later.
const MAY_GO_BACK: Duration = Duration::days(120);

/// What Stripe lists as refunded or disputed in a window, and we do not know. Changes nothing.
pub(super) async fn compare(
    context: &Context,
    window: Window,
    settled_before: Timestamp,
) -> Result<Comparison, JobError> {
    let told = listed(context, window).await?;
    let ids: Vec<&str> = told.iter().map(|one| one.fact.object_id.as_str()).collect();
    let known = all_told(&mut *context.pool.acquire().await?, Provider::Stripe, &ids).await?;
    let unknown = rules::not_known(&told, &known);
    let ids: Vec<&str> = unknown.iter().map(|one| one.fact.object_id.as_str()).collect();
    let dismissed: HashSet<String> = operations::dismissed(&mut *context.pool.acquire().await?, &ids).await?;
    let mut compared = Comparison::default();
    for one in unknown {
        let owner = owner(context, one).await?;
        compared.extend(rules::compare_one(one, &owner, settled_before, &dismissed));
    }
    Ok(compared)
}

async fn listed(context: &Context, window: Window) -> Result<Vec<ProviderReversal>, JobError> {
    let mut told = Vec::new();
    for listed in GoesBack::ALL {
        let mut after: Option<String> = None;
        loop {
            let (from, to) = (window.from, window.to);
            let page =
                context.ask(|| context.stripe.reversals_page(listed, from, to, after.as_deref())).await?;
            told.extend(page.listed);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(told)
}

/// Asks whose money it was.
async fn owner(context: &Context, told: &ProviderReversal) -> Result<Owner, JobError> {
    let fact = match find_order(context, told.fact.clone()).await {
        Ok(Some(fact)) => fact,
        Ok(None) | Err(JobError::Provider(ProviderError::NotFound)) => return Ok(Owner::Nobody),
        // One answer must not keep the others from being compared. Asked about again, it ends as a dead letter.
        Err(JobError::Provider(error @ ProviderError::Unreadable(_))) => {
            tracing::error!(%error, object = told.fact.object_id, "money that went back cannot be compared");
            return Ok(Owner::NotSaid);
        }
        Err(error) => return Err(error),
    };
    let mark = context.installation().await?.to_string();
    if fact.installation.as_ref().is_some_and(|installation| *installation != mark) {
        return Ok(Owner::Nobody);
    }
    let order = operations::order(&mut *context.pool.acquire().await?, &fact).await?;
    let is_nobodys = order.is_none() && fact.payment_id.is_some() && fact.installation.is_none();
    Ok(if is_nobodys { Owner::Nobody } else { Owner::Ours(Box::new(fact), order) })
}

/// What has gone back at Creem of payments that are older than `before`, and we do not know. Its list can only be read
/// from its beginning, so this is done once for all slices. Changes nothing.
pub(crate) async fn compare_older(context: &Context, before: Timestamp) -> Result<Comparison, JobError> {
    let Some(creem) = context.creem_if_set_up() else { return Ok(Comparison::default()) };
    let oldest = before.saturating_sub(MAY_GO_BACK);
    let (mut gone_back, mut next) = (Vec::new(), Some(1));
    while let Some(number) = next {
        let page = context.ask(|| creem.transactions(number)).await?;
        let payments: Vec<ProviderPayment> =
            page.items.iter().filter_map(|transaction| transaction.payment()).collect();
        let is_older = payments.last().is_some_and(|last| last.at < oldest);
        next = page.pagination.next_page.filter(|_| !is_older);
        let is_older = |one: &ProviderPayment| one.gone_back_minor > 0 && one.at < before && one.at >= oldest;
        gone_back.extend(payments.into_iter().filter(is_older));
    }
    // Only those that these payments are for: no order was credited in a window without a length.
    let orders = operations::ours(&mut *context.pool.acquire().await?, &gone_back, before, before).await?;
    Ok(gone_back_unknown(&gone_back, &orders))
}
