//! Facts that a provider has stated, on their way to the role *apply*.

use billing::payments::{ApplyPaymentFact, Fact};
use billing::reversals::{ApplyPaymentReversal, ReversalFact};
use billing::subscriptions::{ApplySubscriptionFact, SubscriptionFact};
use jobs::EncodedJob;
use kernel::crash;
use kernel::crash::Step;

use crate::context::Context;
use crate::error::JobError;

/// A fact about an order.
pub(crate) fn payment(fact: Fact) -> EncodedJob {
    EncodedJob::from(&ApplyPaymentFact { fact: Box::new(fact) })
}

/// A fact about a subscription.
pub(crate) fn subscription(fact: SubscriptionFact) -> EncodedJob {
    EncodedJob::from(&ApplySubscriptionFact { fact: Box::new(fact) })
}

/// A fact about money that goes back.
pub(crate) fn reversal(fact: ReversalFact) -> EncodedJob {
    EncodedJob::from(&ApplyPaymentReversal { fact: Box::new(fact) })
}

/// Publishes the jobs that apply facts, in their order.
pub(crate) async fn publish(context: &Context, facts: Vec<EncodedJob>) -> Result<(), JobError> {
    for fact in facts {
        context.publisher.publish(fact).await?;
        crash::point(Step::Published, "fact");
    }
    Ok(())
}
