//! Opens the provider's payment page for an order. Done twice it answers the same page.

use common::domain::payments::{Payment, Provider, ReturnUrls, operations, store};
use common::jobs::{CheckoutReply, CreateCheckout};
use common::messaging::consumer::Outcome;
use common::provider::ProviderError;

use super::{Done, JobError, Jobs};

impl Jobs {
    pub(super) async fn create_checkout(&self, job: &CreateCheckout) -> Done {
        let payment = {
            let mut connection = self.pool.acquire().await?;
            store::payment_by_id(&mut connection, job.payment_id).await?
        };
        let Some(payment) = payment else { return Err(JobError::Dead("there is no such order".to_owned())) };
        if let Some(reply) = known(&payment) {
            return answer(&reply);
        }
        if payment.provider != Provider::Stripe {
            return Err(JobError::Dead(format!("no page of {} can be opened", payment.provider.as_str())));
        }
        // No transaction is open while the provider is asked.
        match self.open(&payment).await {
            Ok(opened) => {
                operations::checkout_opened(&self.pool, payment.id, &opened).await?;
                let payment_intent = opened.provider_payment;
                answer(&CheckoutReply::Opened { session: opened.session, url: opened.url, payment_intent })
            }
            Err(JobError::Provider(ProviderError::Refused { status, message })) => {
                tracing::warn!(payment = %payment.id, status, "the provider refuses an order");
                operations::checkout_refused(&self.pool, payment.id, &message).await?;
                answer(&CheckoutReply::Refused { status, message })
            }
            Err(error) => Err(error),
        }
    }

    async fn open(&self, payment: &Payment) -> Result<operations::Opened, JobError> {
        let (items, customer) = {
            let mut connection = self.pool.acquire().await?;
            let items = store::items(&mut connection, payment.id).await?;
            (items, store::customer(&mut connection, payment.provider, payment.wallet_id).await?)
        };
        let customer = match customer {
            Some(customer) => customer,
            None => self.create_customer(payment, None).await?,
        };
        let price = None;
        let urls: &ReturnUrls = payment.return_urls.as_ref().unwrap_or(&self.return_urls);
        match self.ask(|| self.stripe.open_checkout(payment, &items, price, &customer, urls)).await {
            // Deleted at the provider, perhaps by hand.
            Err(ProviderError::NoCustomer) => {
                tracing::warn!(wallet = %payment.wallet_id, customer, "the customer is gone; creating another");
                let customer = self.create_customer(payment, Some(&customer)).await?;
                Ok(self.ask(|| self.stripe.open_checkout(payment, &items, price, &customer, urls)).await?)
            }
            opened => Ok(opened?),
        }
    }

    async fn create_customer(&self, payment: &Payment, gone: Option<&str>) -> Result<String, JobError> {
        let (wallet, user) = (payment.wallet_id, &payment.user_id);
        let customer = self.ask(|| self.stripe.create_customer(wallet, user, gone)).await?;
        let (now, provider) = (self.clock.now(), payment.provider);
        let mut connection = self.pool.acquire().await?;
        Ok(store::customer_keep(&mut connection, now, provider, wallet, &customer, gone).await?)
    }
}

/// The answer, where the order's row has it already.
fn known(payment: &Payment) -> Option<CheckoutReply> {
    if let (Some(session), Some(url)) = (&payment.provider_session, &payment.checkout_url) {
        let payment_intent = payment.provider_payment.clone();
        return Some(CheckoutReply::Opened { session: session.clone(), url: url.clone(), payment_intent });
    }
    (!payment.state.is_open()).then(|| CheckoutReply::Refused {
        status: 409,
        message: payment
            .failure
            .clone()
            .unwrap_or_else(|| format!("The payment is {}.", payment.state.as_str())),
    })
}

fn answer(reply: &CheckoutReply) -> Done {
    Ok(Outcome::Done(serde_json::to_value(reply).ok()))
}
