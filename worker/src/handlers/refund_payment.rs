//! Has a provider make a refund that was asked for. At Stripe it carries the request's id and has a key of its own:
//! asked again, even after Stripe has forgotten the key, it is found. Creem is asked once. What the provider then says
//! of it is applied as every fact is.

use billing::payments::{Payment, Provider};
use billing::refunds::{RefundPayment, RefundReply, RefundRequest, RefundState, operations};
use kernel::crash;
use kernel::crash::Step;

use crate::context::Context;
use crate::error::{DONE, JobError, JobResult, replied};
use crate::steps::giving_back::{self, AskedFor, GivenBack, UNCLEAR, refusal};
use crate::steps::{facts, stripe_objects};

const IN_PARTS: &str = "The invoice was paid with several payments, or none: refund it in Stripe's dashboard, which is \
                        found here by itself.";
const NO_PAYMENT: &str = "The provider's payment is not known.";

pub(super) async fn handle(context: &Context, job: &RefundPayment) -> JobResult {
    let open = operations::open(&mut *context.pool.acquire().await?, job).await?;
    let Some((request, payment)) = open else { return DONE };
    let Some(paid) = payment.provider_payment.as_deref() else {
        return refuse(context, &request, RefundState::Refused, NO_PAYMENT).await;
    };
    let given_back = match payment.provider {
        Provider::Stripe => Box::pin(at_stripe(context, &request, paid)).await,
        Provider::Creem => giving_back::at_creem(context, paid, AskedFor::Refund(request.id))
            .await
            .map(|given_back| (given_back, None)),
        Provider::Revenuecat | Provider::Manual => return Err(unmade(&payment)),
    };
    let (given_back, refund) = match given_back {
        Ok(given_back) => given_back,
        Err(error) => (GivenBack::Refused(refusal(error)?), None),
    };
    match given_back {
        GivenBack::Done => {
            let mut connection = context.pool.acquire().await?;
            operations::made(&mut connection, context.clock.now(), request.id, refund.as_deref()).await?;
            replied(&RefundReply::Settled)
        }
        GivenBack::Refused(why) => refuse(context, &request, RefundState::Refused, &why).await,
        GivenBack::Unclear => refuse(context, &request, RefundState::Unclear, UNCLEAR).await,
    }
}

fn unmade(payment: &Payment) -> JobError {
    JobError::Dead(format!("no refund can be made at {}", payment.provider.as_str()))
}

/// Makes the refund, or finds it; returns its id too.
async fn at_stripe(
    context: &Context,
    request: &RefundRequest,
    paid: &str,
) -> Result<(GivenBack, Option<String>), JobError> {
    let stripe = &context.stripe;
    let intent = if paid.starts_with("in_") {
        let payments = context.ask(|| stripe.payments_of_invoice(paid)).await?;
        let [intent] = payments.as_slice() else {
            return Ok((GivenBack::Refused(IN_PARTS.to_owned()), None));
        };
        intent.clone()
    } else {
        paid.to_owned()
    };
    let is_first =
        operations::asked(&mut *context.pool.acquire().await?, context.clock.now(), request.id).await?;
    let made = if is_first { None } else { context.ask(|| stripe.refund_made(&intent, request.id)).await? };
    let refund = match made {
        Some(refund) => refund,
        None => context.ask(|| stripe.refund_part(&intent, request.id, request.amount_minor)).await?,
    };
    crash::point(Step::Asked, "refund");
    let told = stripe_objects::facts(context, &refund, None).await?;
    facts::publish(context, told).await?;
    Ok((GivenBack::Done, Some(refund)))
}

async fn refuse(context: &Context, request: &RefundRequest, state: RefundState, why: &str) -> JobResult {
    tracing::warn!(payment = %request.payment_id, refund = %request.id, why, "a refund is not made as asked");
    let mut connection = context.pool.acquire().await?;
    operations::not_made(&mut connection, context.clock.now(), request.id, state, why).await?;
    replied(&RefundReply::Settled)
}
