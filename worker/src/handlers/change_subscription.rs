//! Moves a subscription to another plan at its provider because an operator says so. What is paid for that is credited
//! by the provider's word of the payment, as for a change that the customer makes.

use billing::payments::Provider;
use billing::subscriptions::instructions::{ChangeState, ChangeSubscription, InstructionReply, operations};

use crate::context::Context;
use crate::error::{DONE, JobError, JobResult, replied};
use crate::providers::ProviderError;
use crate::steps::facts;

pub(super) async fn handle(context: &Context, job: &ChangeSubscription) -> JobResult {
    let open = operations::change_of(&mut *context.pool.acquire().await?, job).await?;
    let Some((subscription, change)) = open else { return DONE };
    let (id, price) = (subscription.provider_subscription.as_str(), change.provider_price.as_str());
    let now = context.clock.now();
    let changed = match subscription.provider {
        Provider::Stripe => {
            let (stripe, instruction) = (&context.stripe, change.instruction_id);
            let changed = context.ask(|| stripe.change_subscription(id, price, instruction)).await;
            changed.map(|changed| changed.fact(now))
        }
        Provider::Creem => {
            let creem = context.creem()?;
            let changed = context.ask(|| creem.change_subscription(id, price)).await;
            changed.map(|changed| changed.standing(now))
        }
        provider @ (Provider::Revenuecat | Provider::Manual) => {
            return Err(JobError::Dead(format!("{} has no subscriptions to change", provider.as_str())));
        }
    };
    match changed {
        Ok(fact) => {
            facts::publish(context, vec![facts::subscription(fact)]).await?;
            settle(context, job, ChangeState::Done, None).await
        }
        Err(ProviderError::Refused { message, .. }) => {
            settle(context, job, ChangeState::Refused, Some(&message)).await
        }
        Err(error @ (ProviderError::NotFound | ProviderError::NoCustomer)) => {
            settle(context, job, ChangeState::Refused, Some(&error.to_string())).await
        }
        Err(error @ (ProviderError::Unavailable(_) | ProviderError::Unreadable(_))) => Err(error.into()),
    }
}

async fn settle(
    context: &Context,
    job: &ChangeSubscription,
    state: ChangeState,
    refusal: Option<&str>,
) -> JobResult {
    if let Some(refusal) = refusal {
        tracing::warn!(subscription = %job.subscription_id, refusal, "the provider refuses a change of plan");
    }
    let mut connection = context.pool.acquire().await?;
    operations::change_settled(&mut connection, context.clock.now(), job, state, refusal).await?;
    replied(&InstructionReply::Settled)
}
