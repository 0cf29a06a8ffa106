//! Asks the provider what an event does not prove, or what no event has told. The answer goes back to *apply*, on
//! the same way as every other fact.

use common::domain::payments::{Fact, Payment, Provider, operations, store};
use common::jobs::{ApplyFact, VerifyObject, VerifyPayment};
use common::provider::ProviderError;

use super::{DONE, Done, JobError, Jobs};

impl Jobs {
    pub(super) async fn verify_payment(&self, job: &VerifyPayment) -> Done {
        let payment = {
            let mut connection = self.pool.acquire().await?;
            store::payment_by_id(&mut connection, job.payment_id).await?
        };
        let Some(payment) = payment else { return Err(JobError::Dead("there is no such order".to_owned())) };
        if !payment.state.is_open() {
            return Ok(DONE);
        }
        match self.fact_of(&payment).await? {
            Some(fact) => self.hand_on(fact).await,
            None => Ok(DONE),
        }
    }

    pub(super) async fn verify_object(&self, job: &VerifyObject) -> Done {
        if job.provider != Provider::Stripe {
            return Err(JobError::Dead(format!("{} cannot be asked", job.provider.as_str())));
        }
        let id = job.object_id.as_str();
        let fact = if id.starts_with("cs_") {
            self.ask(|| self.stripe.session(id)).await?.fact(false)
        } else if id.starts_with("pi_") {
            self.ask(|| self.stripe.intent(id)).await?.fact()
        } else {
            // Other objects only add details, which their payment's own answer has too.
            return Ok(DONE);
        };
        self.hand_on(fact).await
    }

    /// What the provider says of an order; nothing for one whose page is still to be opened.
    async fn fact_of(&self, payment: &Payment) -> Result<Option<Fact>, JobError> {
        let overdue = payment.expires_at <= self.clock.now();
        let Some(session) = payment.provider_session.as_deref() else {
            return Ok(overdue.then(|| operations::expired_unopened(payment)));
        };
        let mut found = self.ask(|| self.stripe.session(session)).await?;
        if overdue && found.status.as_deref() == Some("open") {
            // Closed at the provider first: from then on it cannot be paid.
            found = match self.ask(|| self.stripe.expire_checkout(session)).await {
                Ok(session) => session,
                // It was paid, or expired, in between.
                Err(ProviderError::Refused { .. }) => self.ask(|| self.stripe.session(session)).await?,
                Err(error) => return Err(error.into()),
            };
        }
        Ok(Some(found.fact(false)))
    }

    async fn hand_on(&self, fact: Fact) -> Done {
        self.publisher.publish(&ApplyFact { fact: Box::new(fact) }.into()).await?;
        Ok(DONE)
    }
}
