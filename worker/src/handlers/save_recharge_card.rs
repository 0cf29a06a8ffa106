//! Records the card that was given on the provider's page.

use billing::auto_recharge::{SaveRechargeCard, cards};
use billing::payments::ApplyPaymentFact;
use kernel::ids::WalletId;

use crate::context::Context;
use crate::error::{DONE, JobError, JobResult};
use crate::providers::ProviderError;
use crate::steps::orders::order;

pub(super) async fn handle(context: &Context, job: &SaveRechargeCard) -> JobResult {
    let order = order(context, job.payment_id).await?;
    let setup = order.provider_payment.as_deref();
    let setup = setup.ok_or_else(|| JobError::Dead("the order has saved no card".to_owned()))?;
    let card = context.ask(|| context.stripe.saved_card(setup)).await?;
    let (card, given_at) =
        card.ok_or_else(|| JobError::Dead("what was saved is no customer's card".to_owned()))?;
    let mut transaction = context.pool.begin().await?;
    let written = cards::saved(&mut transaction, context.clock.now(), &order, card, given_at).await?;
    transaction.commit().await?;
    context.publish_soon(written);
    close_page_of_last(context, order.wallet_id).await?;
    DONE
}

/// Closes the page on which the holder of the last card was to pay: the new card is charged instead.
async fn close_page_of_last(context: &Context, wallet: WalletId) -> Result<(), JobError> {
    let page = {
        let mut connection = context.pool.acquire().await?;
        cards::page_of_last(&mut connection, wallet).await?
    };
    let Some(page) = page else { return Ok(()) };
    match context.ask(|| context.stripe.expire_checkout(&page)).await {
        Ok(session) => {
            let fact = Box::new(session.fact(false));
            context.publisher.publish(&ApplyPaymentFact { fact }).await?;
            Ok(())
        }
        // It was paid, or expired, in between: an event says so.
        Err(ProviderError::Refused { .. } | ProviderError::NotFound | ProviderError::NoCustomer) => Ok(()),
        Err(error @ (ProviderError::Unavailable(_) | ProviderError::Unreadable(_))) => Err(error.into()),
    }
}
