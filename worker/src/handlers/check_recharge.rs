//! Decides whether a wallet is recharged, when its balance has fallen below its threshold.

use billing::auto_recharge::operations::{Decided, pages_to_ask, reserve};
use billing::auto_recharge::{Check, Skip};
use billing::payments::ApplyPaymentFact;
use kernel::crash;
use kernel::crash::Step;
use kernel::ids::{OutboxId, WalletId};
use ledger::levels::CheckRecharge;

use crate::context::Context;
use crate::error::{JobError, JobResult, replied};
use crate::providers::ProviderError;

pub(super) async fn handle(context: &Context, job: &CheckRecharge) -> JobResult {
    if has_just_bought(context, job.wallet_id).await? {
        return replied(&Check::Skipped { reason: Skip::PurchaseUnderWay });
    }
    let before = OutboxId::new();
    let mut transaction = context.pool.begin().await?;
    let (now, limits) = (context.clock.now(), &context.recharge_limits);
    let Decided { check, jobs } = reserve(&mut transaction, now, job.wallet_id, limits).await?;
    crash::point(Step::Written, "reservation");
    transaction.commit().await?;
    crash::point(Step::Committed, "reservation");
    context.publish_soon(jobs);
    if matches!(check, Check::Charging { .. }) {
        context.publish_notices_since(before);
    }
    tracing::debug!(wallet = %job.wallet_id, ?check, "a wallet was checked for recharging");
    replied(&check)
}

/// Whether the wallet's user has paid on a page a moment ago. What the provider says about it is applied.
async fn has_just_bought(context: &Context, wallet: WalletId) -> Result<bool, JobError> {
    let pages = {
        let mut connection = context.pool.acquire().await?;
        pages_to_ask(&mut connection, context.clock.now(), wallet).await?
    };
    for page in pages {
        let session = match context.ask(|| context.stripe.session(&page)).await {
            Err(ProviderError::NotFound | ProviderError::NoCustomer | ProviderError::Refused { .. }) => {
                continue;
            }
            session => session?,
        };
        if session.status.as_deref() == Some("complete") {
            let fact = Box::new(session.fact(false));
            context.publisher.publish(&ApplyPaymentFact { fact }).await?;
            return Ok(true);
        }
    }
    Ok(false)
}
