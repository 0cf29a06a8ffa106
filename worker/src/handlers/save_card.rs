//! Records the card that was given on the provider's page, and keeps it in step with the provider's.

use crate::providers::ProviderError;
use billing::auto_recharge::SaveRechargeCard;
use billing::auto_recharge::cards;
use billing::payments::ApplyPaymentFact;
use billing::payments::store;
use kernel::ids::WalletId;

use super::{DONE, Done, JobError, Jobs};

impl Jobs {
    pub(super) async fn save_card(&self, job: &SaveRechargeCard) -> Done {
        let order = {
            let mut connection = self.pool.acquire().await?;
            store::payment_by_id(&mut connection, job.payment_id).await?
        };
        let order = order.ok_or_else(|| JobError::Dead("there is no such order".to_owned()))?;
        let setup = order.provider_payment.as_deref();
        let setup = setup.ok_or_else(|| JobError::Dead("the order has saved no card".to_owned()))?;
        let card = self.ask(|| self.stripe.saved_card(setup)).await?;
        let (card, given_at) =
            card.ok_or_else(|| JobError::Dead("what was saved is no customer's card".to_owned()))?;
        let mut transaction = self.pool.begin().await?;
        let written = cards::saved(&mut transaction, self.clock.now(), &order, card, given_at).await?;
        transaction.commit().await?;
        self.publish_soon(written);
        self.close_page_of_last(order.wallet_id).await?;
        Ok(DONE)
    }

    /// Closes the page that the holder of the last card was sent to: the new card is charged instead.
    async fn close_page_of_last(&self, wallet: WalletId) -> Result<(), JobError> {
        let page = {
            let mut connection = self.pool.acquire().await?;
            cards::page_of_last(&mut connection, wallet).await?
        };
        let Some(page) = page else { return Ok(()) };
        match self.ask(|| self.stripe.expire_checkout(&page)).await {
            Ok(session) => {
                self.publisher.publish(&ApplyPaymentFact { fact: Box::new(session.fact(false)) }).await?;
                Ok(())
            }
            // It was paid, or expired, in between: an event says so.
            Err(ProviderError::Refused { .. } | ProviderError::NotFound | ProviderError::NoCustomer) => {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Asks the provider about a card, if a wallet is recharged from it.
    pub(super) async fn look_at_card(&self, payment_method: &str) -> Result<(), JobError> {
        let owner = {
            let mut connection = self.pool.acquire().await?;
            cards::owner(&mut connection, payment_method).await?
        };
        let Some((wallet, customer)) = owner else { return Ok(()) };
        let found = self.ask(|| self.stripe.card(&customer, payment_method)).await?;
        let mut transaction = self.pool.begin().await?;
        let written = cards::seen(&mut transaction, self.clock.now(), wallet, payment_method, found).await?;
        transaction.commit().await?;
        self.publish_soon(written);
        Ok(())
    }
}
