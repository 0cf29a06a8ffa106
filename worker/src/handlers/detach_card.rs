//! Takes a card from its customer at the provider, so that nothing can charge it any more. One that is gone already is
//! as good.

use billing::auto_recharge::{DetachCard, cards};

use crate::context::Context;
use crate::error::{DONE, JobResult};

pub(super) async fn handle(context: &Context, job: &DetachCard) -> JobResult {
    // A card that is charged again was not removed for good.
    let owner = cards::owner(&mut *context.pool.acquire().await?, &job.payment_method).await?;
    if owner.is_none() {
        context.ask(|| context.stripe.detach_card(&job.customer, &job.payment_method)).await?;
    }
    DONE
}
