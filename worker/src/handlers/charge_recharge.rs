//! Charges the card of a recharge that is decided. Killed at any step, it goes on from where the run is: the same
//! charge is asked for under the same key, or looked up. What the provider says of a charge goes the way of every fact.

use crate::providers::ProviderError;
use crate::providers::stripe::off_session::Charged;
use billing::auto_recharge::ChargeRecharge;
use billing::auto_recharge::charging;
use billing::auto_recharge::charging::Next;
use billing::auto_recharge::rules::{Class, classify};
use billing::auto_recharge::{Decline, PauseReason, Run, announcements};
use billing::payments::Payment;
use billing::payments::{ApplyPaymentFact, CheckoutReply, CreateCheckout};
use kernel::crash;
use kernel::crash::Step;
use kernel::ids::OutboxId;
use messaging::consumer::Outcome;
use notices::{Notice, SendNotices};

use super::{DONE, Done, JobError, Jobs};

impl Jobs {
    pub(super) async fn charge_recharge(&self, job: &ChargeRecharge) -> Done {
        let mut transaction = self.pool.begin().await?;
        let next = charging::begin(&mut transaction, self.clock.now(), job.run_id).await?;
        transaction.commit().await?;
        crash::point(Step::Committed, "recharge");
        // No transaction is open while the provider is asked.
        match next {
            Next::Nothing => {}
            Next::Page(run) => self.open_page(&run).await?,
            Next::Charge(payment, run) => Box::pin(self.charge(&payment, &run)).await?,
            Next::LookUpOrCharge(payment, run) => match self.look_up(&run).await? {
                Some(charged) => self.record(&run, charged).await?,
                None => Box::pin(self.charge(&payment, &run)).await?,
            },
            Next::LookUp(run) => match self.look_up(&run).await? {
                Some(charged) => self.record(&run, charged).await?,
                None => self.lost(&run).await?,
            },
        }
        Ok(DONE)
    }

    async fn charge(&self, payment: &Payment, run: &Run) -> Result<(), JobError> {
        let charged = self.ask(|| self.stripe.charge(payment, run)).await;
        crash::point(Step::Asked, "recharge");
        match charged {
            Ok(charged) => self.record(run, charged).await,
            Err(error @ ProviderError::Unavailable(_)) => {
                let mut connection = self.pool.acquire().await?;
                charging::unknown(&mut connection, self.clock.now(), run.id).await?;
                Err(error.into())
            }
            Err(ProviderError::NotFound | ProviderError::NoCustomer) => {
                self.record(run, Charged::NoCard).await
            }
            Err(ProviderError::Refused { status, message }) => {
                tracing::error!(run = %run.id, status, message, "the provider refuses a recharge");
                self.refuse(run, PauseReason::ChargeRefused, &message).await
            }
        }
    }

    async fn look_up(&self, run: &Run) -> Result<Option<Charged>, JobError> {
        let found = match self.ask(|| self.stripe.find_charge(run)).await {
            // Without its customer there are no charges to look through.
            Err(ProviderError::NoCustomer | ProviderError::NotFound | ProviderError::Refused { .. }) => None,
            found => found?,
        };
        // One that is neither paid nor declined nor over is asked for again under its key, which settles it.
        Ok(found.and_then(|intent| match (intent.decline(), intent.status.as_str()) {
            (Some(decline), _) => Some(Charged::Declined(decline)),
            (None, "succeeded" | "canceled" | "processing") => Some(Charged::Told(Box::new(intent))),
            (None, _) => None,
        }))
    }

    async fn record(&self, run: &Run, charged: Charged) -> Result<(), JobError> {
        match charged {
            Charged::Told(intent) => {
                self.publisher.publish(&ApplyPaymentFact { fact: Box::new(intent.fact()) }).await?;
                crash::point(Step::Published, "recharge");
                Ok(())
            }
            Charged::Declined(decline) => Box::pin(self.decline(run, &decline)).await,
            Charged::NoCard => {
                self.refuse(run, PauseReason::CardRemoved, "the card is not the customer's any more").await
            }
        }
    }

    async fn decline(&self, run: &Run, decline: &Decline) -> Result<(), JobError> {
        let reason = announcements::reason(decline);
        tracing::info!(run = %run.id, reason, "the card of a recharge was declined");
        let mut transaction = self.pool.begin().await?;
        let written = charging::declined(&mut transaction, self.clock.now(), run.id, decline).await?;
        crash::point(Step::Written, "decline");
        transaction.commit().await?;
        crash::point(Step::Committed, "decline");
        self.publish_soon(written);
        if classify(decline) == Class::Authenticate {
            Box::pin(self.open_page(run)).await?;
        }
        Ok(())
    }

    async fn refuse(&self, run: &Run, why: PauseReason, words: &str) -> Result<(), JobError> {
        let mut transaction = self.pool.begin().await?;
        let written = charging::refused(&mut transaction, self.clock.now(), run.id, why, words).await?;
        transaction.commit().await?;
        self.publish_soon(written);
        Ok(())
    }

    async fn lost(&self, run: &Run) -> Result<(), JobError> {
        tracing::warn!(run = %run.id, "the provider does not know the charge of a recharge");
        let mut transaction = self.pool.begin().await?;
        charging::lost(&mut transaction, self.clock.now(), run.id).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Opens the page on which the card's holder can pay the same order, and tells where it is.
    async fn open_page(&self, run: &Run) -> Result<(), JobError> {
        let opened = Box::pin(self.create_checkout(&CreateCheckout { payment_id: run.payment_id })).await?;
        let reply = match opened {
            Outcome::Done(Some(reply)) => serde_json::from_value(reply).ok(),
            _ => None,
        };
        match reply {
            Some(CheckoutReply::Opened { url, .. }) => {
                let body = announcements::action_required(run, &url);
                let notice = Notice::new(self.clock.now(), run.wallet_id, body);
                self.publisher.publish(&SendNotices { notices: vec![notice] }).await?;
            }
            Some(CheckoutReply::Refused { .. }) | None => {
                let mut transaction = self.pool.begin().await?;
                let written: Vec<OutboxId> =
                    charging::page_refused(&mut transaction, self.clock.now(), run.id).await?;
                transaction.commit().await?;
                self.publish_soon(written);
            }
        }
        Ok(())
    }
}
