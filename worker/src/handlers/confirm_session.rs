//! Asks Stripe about a session that somebody says was paid. Anyone may say so, so what is not ours, or contradicts its
//! order, goes no further: its event has been recorded, and repeating it here would only make noise.

use crate::providers::ProviderError;
use billing::payments::rules;
use billing::payments::rules::Decision;
use billing::payments::{ApplyPaymentFact, ConfirmReply, ConfirmSession};
use billing::payments::{Fact, store};
use messaging::consumer::Outcome;

use super::{Done, JobError, Jobs};

impl Jobs {
    pub(super) async fn confirm_session(&self, job: &ConfirmSession) -> Done {
        let reply = match self.ask(|| self.stripe.session(&job.session)).await {
            Ok(session) => self.confirm(session.fact(false)).await?,
            Err(ProviderError::Unavailable(reason)) => {
                ConfirmReply::Unavailable { reason: reason.to_owned() }
            }
            Err(ProviderError::NotFound | ProviderError::NoCustomer | ProviderError::Refused { .. }) => {
                ConfirmReply::NotPaid
            }
        };
        Ok(Outcome::Done(serde_json::to_value(&reply).ok()))
    }

    /// Hands on what the provider says, if it changes an order of ours; says whether the order is paid by it.
    async fn confirm(&self, fact: Fact) -> Result<ConfirmReply, JobError> {
        let Some(id) = fact.payment_id else { return Ok(ConfirmReply::NotPaid) };
        let payment = {
            let mut connection = self.pool.acquire().await?;
            store::payment_by_id(&mut connection, id).await?
        };
        let Some(mut payment) = payment else { return Ok(ConfirmReply::NotPaid) };
        // Tried on a copy: *apply* decides.
        let decision = rules::decide(&mut payment, &fact, self.clock.now());
        match decision {
            Decision::Credit | Decision::Ended(_) | Decision::Noted => {
                self.publisher.publish(&ApplyPaymentFact { fact: Box::new(fact) }).await?;
            }
            Decision::Nothing => {}
            Decision::Quarantine(contradiction) => {
                tracing::warn!(payment = %id, reason = contradiction.as_str(), "a session is not its order's");
                return Ok(ConfirmReply::NotPaid);
            }
        }
        Ok(if payment.state.is_paid() { ConfirmReply::Paid } else { ConfirmReply::NotPaid })
    }
}
