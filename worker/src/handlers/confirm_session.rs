//! Asks Stripe about a session that a caller says was paid. Any caller may say so. A session that is no order's, or
//! contradicts its order, goes no further: its event has been recorded, and repeating it here would only make noise.

use billing::payments::rules::{self, Decision};
use billing::payments::{ApplyPaymentFact, ConfirmReply, ConfirmSession, Fact, store};

use crate::context::Context;
use crate::error::{JobError, JobResult, replied};
use crate::providers::ProviderError;

pub(super) async fn handle(context: &Context, job: &ConfirmSession) -> JobResult {
    let reply = match context.ask(|| context.stripe.session(&job.session)).await {
        Ok(session) => confirm(context, session.fact(false)).await?,
        Err(ProviderError::Unavailable(reason)) => ConfirmReply::Unavailable { reason: reason.to_owned() },
        Err(error @ ProviderError::Unreadable(_)) => ConfirmReply::Unavailable { reason: error.to_string() },
        Err(ProviderError::NotFound | ProviderError::NoCustomer | ProviderError::Refused { .. }) => {
            ConfirmReply::NotPaid
        }
    };
    replied(&reply)
}

/// Publishes what the provider says, if it changes an order; says whether the order is paid by it.
async fn confirm(context: &Context, fact: Fact) -> Result<ConfirmReply, JobError> {
    let Some(id) = fact.payment_id else { return Ok(ConfirmReply::NotPaid) };
    let payment = {
        let mut connection = context.pool.acquire().await?;
        store::payment_by_id(&mut connection, id).await?
    };
    let Some(mut payment) = payment else { return Ok(ConfirmReply::NotPaid) };
    // Tried on a copy: *apply* decides.
    let decision = rules::decide(&mut payment, &fact, context.clock.now());
    match decision {
        Decision::Credit | Decision::Ended(_) | Decision::Noted => {
            context.publisher.publish(&ApplyPaymentFact { fact: Box::new(fact) }).await?;
        }
        Decision::Nothing => {}
        Decision::Quarantine(contradiction) => {
            tracing::warn!(payment = %id, reason = contradiction.as_str(), "a session is not its order's");
            return Ok(ConfirmReply::NotPaid);
        }
    }
    Ok(if payment.state.is_paid() { ConfirmReply::Paid } else { ConfirmReply::NotPaid })
}
