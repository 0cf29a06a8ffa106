//! Ends a subscription at its provider because an operator says so, and gives its last payment back if so asked. First
//! the end, so that no further period is paid meanwhile; which payment is given back is fixed before it is. Killed at
//! any step, it goes on from where the instruction is, and never gives back twice: at Stripe by a key, at Creem, which
//! knows none, by asking once.

use billing::payments::Provider;
use billing::subscriptions::Subscription;
use billing::subscriptions::instructions::{
    End, EndSubscription, Ending, EndingState, InstructionReply, operations,
};
use kernel::crash;
use kernel::crash::Step;

use crate::context::Context;
use crate::error::{DONE, JobError, JobResult, replied};
use crate::steps::giving_back::{self, AskedFor, GivenBack, UNCLEAR, refusal};
use crate::steps::{facts, stripe_objects};

const UNPAID: &str = "nothing was paid for it that could be given back";
const NO_MONEY: &str =
    "its last period was not paid in money at the provider: from a balance, or outside of it";

pub(super) async fn handle(context: &Context, job: &EndSubscription) -> JobResult {
    let open = operations::ending_of(&mut *context.pool.acquire().await?, job).await?;
    let Some((subscription, ending)) = open else { return DONE };
    let refund = ending.end == End::Now { refund: true };
    if ending.state == EndingState::Asked {
        if let Err(error) = end(context, &subscription, &ending).await {
            let why = refusal(error)?;
            return settle(context, job, EndingState::Refused, Some(&why)).await;
        }
        crash::point(Step::Asked, "subscription");
        if !refund {
            return settle(context, job, EndingState::Done, None).await;
        }
        moved(context, job, EndingState::Ended, None).await?;
    }
    let refunded = match subscription.provider {
        Provider::Stripe => Box::pin(refund_at_stripe(context, &subscription)).await,
        Provider::Creem => Box::pin(refund_at_creem(context, &subscription)).await,
        provider @ (Provider::Revenuecat | Provider::Manual) => return Err(unmanaged(provider)),
    };
    let refunded = match refunded {
        Ok(refunded) => refunded,
        Err(error) => GivenBack::Refused(refusal(error)?),
    };
    match refunded {
        GivenBack::Done => settle(context, job, EndingState::Done, None).await,
        GivenBack::Refused(why) => {
            let why = format!("The subscription is ended. Its money is not given back: {why}");
            settle(context, job, EndingState::Refused, Some(&why)).await
        }
        GivenBack::Unclear => {
            tracing::warn!(subscription = %job.subscription_id, "whether Creem has made a refund is not known");
            settle(context, job, EndingState::Unclear, Some(UNCLEAR)).await
        }
    }
}

fn unmanaged(provider: Provider) -> JobError {
    JobError::Dead(format!("{} has no subscriptions to end", provider.as_str()))
}

async fn end(context: &Context, subscription: &Subscription, ending: &Ending) -> Result<(), JobError> {
    let (id, now) = (subscription.provider_subscription.as_str(), context.clock.now());
    let is_later = ending.end == End::AtPeriodEnd;
    let fact = match subscription.provider {
        Provider::Stripe if is_later => {
            let stripe = &context.stripe;
            context.ask(|| stripe.end_subscription_later(id, ending.instruction_id)).await?.fact(now)
        }
        Provider::Stripe => context.ask(|| context.stripe.end_subscription(id)).await?.fact(now),
        Provider::Creem => {
            let creem = context.creem()?;
            context.ask(|| creem.end_subscription(id, is_later)).await?.standing(now)
        }
        provider @ (Provider::Revenuecat | Provider::Manual) => return Err(unmanaged(provider)),
    };
    facts::publish(context, vec![facts::subscription(fact)]).await
}

async fn refund_at_stripe(context: &Context, subscription: &Subscription) -> Result<GivenBack, JobError> {
    let stripe = &context.stripe;
    let found = context.ask(|| stripe.last_paid_invoice(&subscription.provider_subscription)).await?;
    let Some(newest) = found else { return Ok(GivenBack::Refused(UNPAID.to_owned())) };
    let invoice = fixed(context, subscription, &newest.id).await?;
    let payments = context.ask(|| stripe.payments_of_invoice(&invoice)).await?;
    if payments.is_empty() {
        return Ok(GivenBack::Refused(NO_MONEY.to_owned()));
    }
    for payment in payments {
        let refund = context.ask(|| stripe.give_back(subscription.id, &payment)).await?;
        crash::point(Step::Asked, "refund");
        if let Some(refund) = refund {
            let told = stripe_objects::facts(context, &refund, None).await?;
            facts::publish(context, told).await?;
        }
    }
    Ok(GivenBack::Done)
}

async fn refund_at_creem(context: &Context, subscription: &Subscription) -> Result<GivenBack, JobError> {
    let creem = context.creem()?;
    let found = context.ask(|| creem.subscription(&subscription.provider_subscription)).await?;
    let Some(newest) = found.last_transaction else { return Ok(GivenBack::Refused(UNPAID.to_owned())) };
    let payment = fixed(context, subscription, &newest.id).await?;
    giving_back::at_creem(context, &payment, AskedFor::Subscription(subscription.id)).await
}

/// The payment that is given back: this one, unless another was fixed before.
async fn fixed(context: &Context, subscription: &Subscription, payment: &str) -> Result<String, JobError> {
    let mut connection = context.pool.acquire().await?;
    let held = operations::refund_fixed(&mut connection, subscription.id, payment).await?;
    held.ok_or_else(|| JobError::Dead("there is no such instruction".to_owned()))
}

async fn moved(
    context: &Context,
    job: &EndSubscription,
    state: EndingState,
    refusal: Option<&str>,
) -> Result<(), JobError> {
    let mut connection = context.pool.acquire().await?;
    Ok(operations::ending_moved(&mut connection, context.clock.now(), job, state, refusal).await?)
}

async fn settle(
    context: &Context,
    job: &EndSubscription,
    state: EndingState,
    refusal: Option<&str>,
) -> JobResult {
    if let Some(refusal) = refusal {
        tracing::warn!(subscription = %job.subscription_id, refusal, "a subscription is not ended as asked");
    }
    moved(context, job, state, refusal).await?;
    replied(&InstructionReply::Settled)
}
