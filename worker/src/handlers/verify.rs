//! Asks the provider what an event does not prove, or what no event has told. The answer goes back to *apply*, on
//! the same way as every other fact.

use crate::handlers::catalogue::AnyJob;
use crate::providers::ProviderError;
use crate::providers::creem::client::CreemClient;
use billing::payments::{ApplyPaymentFact, VerifyPayment};
use billing::payments::{Fact, Kind, Mode, Payment, Provider, facts, store};
use billing::provider_events::VerifyObject;
use billing::reversals::ApplyPaymentReversal;
use billing::reversals::ReversalFact;
use billing::subscriptions::ApplySubscriptionFact;
use billing::subscriptions::SubscriptionFact;
use kernel::crash;
use kernel::crash::Step;
use kernel::ids::PaymentId;

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
        let overdue = payment.expires_at <= self.clock.now();
        let told = match (payment.provider_session.as_deref(), payment.provider) {
            // It has no page of its own accord: what became of its charge is found out by its run.
            (None, _) if is_charge(&payment) => Vec::new(),
            // Its page is still to be opened.
            (None, _) => overdue.then(|| fact(facts::expired_unopened(&payment))).into_iter().collect(),
            (Some(session), Provider::Stripe) => self.stripe_session(&payment, session, overdue).await?,
            (Some(checkout), Provider::Creem) => self.creem_checkout(checkout, &payment, overdue).await?,
            (Some(_), Provider::Revenuecat | Provider::Manual) => Vec::new(),
        };
        self.hand_on(told).await
    }

    pub(super) async fn verify_object(&self, job: &VerifyObject) -> Done {
        let id = job.object_id.as_str();
        let told = match job.provider {
            Provider::Stripe => self.stripe_object(id).await?,
            Provider::Creem => self.creem_object(id).await?,
            provider @ (Provider::Revenuecat | Provider::Manual) => {
                return Err(JobError::Dead(format!("{} cannot be asked", provider.as_str())));
            }
        };
        self.hand_on(told).await
    }

    async fn stripe_object(&self, id: &str) -> Result<Vec<AnyJob>, JobError> {
        let now = self.clock.now();
        Ok(if id.starts_with("cs_") {
            vec![fact(self.ask(|| self.stripe.session(id)).await?.fact(false))]
        } else if id.starts_with("pi_") {
            vec![fact(self.ask(|| self.stripe.intent(id)).await?.fact())]
        } else if id.starts_with("seti_") {
            vec![fact(self.ask(|| self.stripe.setup_intent(id)).await?.fact())]
        } else if id.starts_with("pm_") {
            self.look_at_card(id).await?;
            Vec::new()
        } else if id.starts_with("in_") {
            let invoice = self.ask(|| self.stripe.invoice(id)).await?;
            if !invoice.is_whole() {
                return Err(JobError::Dead(format!(
                    "the lines of invoice {id} do not add up to its subtotal"
                )));
            }
            invoice.fact(now).map(subscription).into_iter().collect()
        } else if id.starts_with("sub_") {
            vec![subscription(self.ask(|| self.stripe.subscription(id)).await?.fact(now))]
        } else if let Some(facts) = self.stripe_reversals(id).await? {
            facts.into_iter().map(reversal).collect()
        } else {
            // Other objects only add details, which their payment's own answer has too.
            Vec::new()
        })
    }

    /// What Stripe says of an order; of a plan's, also what it says of its first invoice.
    async fn stripe_session(
        &self,
        payment: &Payment,
        session: &str,
        overdue: bool,
    ) -> Result<Vec<AnyJob>, JobError> {
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
        let invoice = found.invoice.clone().filter(|_| payment.mode == Mode::Subscription);
        let mut told = vec![fact(found.fact(false))];
        if let Some(invoice) = invoice {
            told.extend(self.stripe_object(invoice.id()).await?);
        }
        Ok(told)
    }

    async fn creem_object(&self, id: &str) -> Result<Vec<AnyJob>, JobError> {
        let creem = self.creem()?;
        Ok(if id.starts_with("ch_") {
            let found = self.ask(|| creem.checkout(id)).await?;
            let (order, paid_by) = (found.payment_id(), found.transaction_id().map(str::to_owned));
            let mut told = vec![fact(found.fact())];
            if let Some(id) = paid_by {
                told.extend(self.creem_reversal(&id, order).await?);
            }
            told
        } else if id.starts_with("tran_") {
            self.creem_payment(creem, id).await?
        } else if id.starts_with("ref_") || id.starts_with("disp_") {
            // It cannot be asked for, and something has to be done about it: a person sees it.
            return Err(JobError::Dead(format!("{id} names no payment that Creem could be asked about")));
        } else if id.starts_with("sub_") {
            let (now, found) = (self.clock.now(), self.ask(|| creem.subscription(id)).await?);
            let said = found.paid(now).into_iter().chain([found.standing(now)]).map(subscription);
            let total = found.last_transaction.clone().and_then(|payment| payment.total(None));
            said.chain(total.map(reversal)).collect()
        } else {
            Vec::new()
        })
    }

    /// What Creem says of a payment, which may be one for a period that is not the last one, and what has gone back
    /// of it.
    async fn creem_payment(&self, creem: &CreemClient, id: &str) -> Result<Vec<AnyJob>, JobError> {
        let (now, payment) = (self.clock.now(), self.ask(|| creem.transaction(id)).await?);
        let total = payment.clone().total(None).map(reversal);
        let Some(paid_for) = payment.subscription_id().map(str::to_owned) else {
            return Ok(total.into_iter().collect());
        };
        let mut found = self.ask(|| creem.subscription(&paid_for)).await?;
        let standing = found.standing(now);
        found.last_transaction = Some(payment);
        let told = found.paid(now).into_iter().chain([standing]).map(subscription);
        Ok(told.chain(total).collect())
    }

    /// What has gone back of the payment of an order at Creem, if anything has.
    async fn creem_reversal(&self, id: &str, order: Option<PaymentId>) -> Result<Vec<AnyJob>, JobError> {
        let creem = self.creem()?;
        let total = self.ask(|| creem.transaction(id)).await?.total(order);
        Ok(total.map(reversal).into_iter().collect())
    }

    /// What Creem says of an order. A checkout cannot be closed there: one that is overdue is over for us once Creem
    /// says that nothing was paid, and a later payment is shown to a person.
    async fn creem_checkout(
        &self,
        checkout: &str,
        payment: &Payment,
        overdue: bool,
    ) -> Result<Vec<AnyJob>, JobError> {
        let creem = self.creem()?;
        let found = self.ask(|| creem.checkout(checkout)).await?;
        let begun = found.subscription_id().map(str::to_owned);
        let unpaid = found.status.as_deref() != Some("completed");
        if overdue && unpaid {
            return Ok(vec![fact(facts::expired_unopened(payment))]);
        }
        let mut told = vec![fact(found.fact())];
        if let Some(id) = begun {
            told.extend(self.creem_object(&id).await?);
        }
        Ok(told)
    }

    async fn hand_on(&self, told: Vec<AnyJob>) -> Done {
        for job in &told {
            self.publisher.publish(job).await?;
            crash::point(Step::Published, "fact");
        }
        Ok(DONE)
    }
}

/// Whether it is for charging a saved card.
fn is_charge(payment: &Payment) -> bool {
    payment.kind == Kind::AutoRecharge && payment.mode == Mode::Payment
}

fn fact(fact: Fact) -> AnyJob {
    ApplyPaymentFact { fact: Box::new(fact) }.into()
}

fn subscription(fact: SubscriptionFact) -> AnyJob {
    ApplySubscriptionFact { fact: Box::new(fact) }.into()
}

fn reversal(fact: ReversalFact) -> AnyJob {
    ApplyPaymentReversal { fact: Box::new(fact) }.into()
}
