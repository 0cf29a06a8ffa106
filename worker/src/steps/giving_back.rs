//! Giving a payment back at Creem, which knows no idempotency keys, gives back all that is left, and tells no id of the
//! refund: it is asked once, and that is noted before.

use billing::refunds::operations as refunds;
use billing::subscriptions::instructions::operations as instructions;
use kernel::crash;
use kernel::crash::Step;
use kernel::ids::{RefundRequestId, SubscriptionId};

use super::{creem_objects, facts};
use crate::context::Context;
use crate::error::JobError;
use crate::providers::ProviderError;
use crate::providers::creem::instructions::RefundAnswer;

/// What is told where Creem did not say what became of a request.
pub(crate) const UNCLEAR: &str = "Creem was asked for the refund and did not say what became of it, so it is not \
                                  asked again. Look at the payment in Creem's dashboard: a refund that is made there \
                                  is found here as well.";

/// How giving money back ended.
pub(crate) enum GivenBack {
    Done,
    Refused(String),
    Unclear,
}

/// Where it is noted that Creem was asked.
#[derive(Clone, Copy)]
pub(crate) enum AskedFor {
    Subscription(SubscriptionId),
    Refund(RefundRequestId),
}

impl AskedFor {
    /// Notes that Creem is asked from now on; says whether it never was.
    async fn note(self, context: &Context) -> Result<bool, sqlx::Error> {
        let (mut connection, now) = (context.pool.acquire().await?, context.clock.now());
        match self {
            Self::Subscription(id) => instructions::refund_asked(&mut connection, now, id).await,
            Self::Refund(id) => refunds::asked(&mut connection, now, id).await,
        }
    }

    /// Notes that Creem has surely not taken it.
    async fn forget(self, context: &Context) -> Result<(), sqlx::Error> {
        let mut connection = context.pool.acquire().await?;
        match self {
            Self::Subscription(id) => instructions::refund_not_taken(&mut connection, id).await,
            Self::Refund(id) => refunds::not_taken(&mut connection, id).await,
        }
    }
}

/// Gives back all that is left of a payment at Creem, or finds that nothing is left.
pub(crate) async fn at_creem(
    context: &Context,
    transaction: &str,
    asked_for: AskedFor,
) -> Result<GivenBack, JobError> {
    let creem = context.creem()?;
    let is_back = context.ask(|| creem.transaction(transaction)).await?.is_given_back();
    if !is_back {
        if !asked_for.note(context).await? {
            return Ok(GivenBack::Unclear);
        }
        // Not asked again within this delivery: it might be done by the second request as well.
        let answer = creem.give_back(transaction).await;
        crash::point(Step::Asked, "refund");
        match answer {
            RefundAnswer::Taken => {}
            RefundAnswer::Unknown => return Ok(GivenBack::Unclear),
            RefundAnswer::NotTaken(error) => {
                asked_for.forget(context).await?;
                return Err(error.into());
            }
        }
    }
    let told = creem_objects::facts(context, transaction, None).await?;
    facts::publish(context, told).await?;
    Ok(GivenBack::Done)
}

/// Why the provider refuses; an error of another kind stays one.
pub(crate) fn refusal(error: JobError) -> Result<String, JobError> {
    match error {
        JobError::Provider(ProviderError::Refused { message, .. }) => Ok(message),
        JobError::Provider(error @ (ProviderError::NotFound | ProviderError::NoCustomer)) => {
            Ok(error.to_string())
        }
        error => Err(error),
    }
}
