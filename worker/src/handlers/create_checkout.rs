//! Opens the provider's payment page for an order. Done twice it answers the same page.

use crate::providers::ProviderError;
use billing::catalog::operations::packs_by_id;
use billing::payments::{CheckoutReply, CreateCheckout};
use billing::payments::{Item, OpenedCheckout, Payment, Provider, ReturnUrls, ordering, store};
use billing::plans::operations::plan;
use identity::operations::user;
use kernel::crash;
use kernel::crash::Step;
use messaging::consumer::Outcome;

use super::{Done, JobError, Jobs};

impl Jobs {
    pub(super) async fn create_checkout(&self, job: &CreateCheckout) -> Done {
        let payment = self.payment(job.payment_id).await?;
        if let Some(reply) = known(&payment) {
            return answer(&reply);
        }
        let urls: &ReturnUrls = payment.return_urls.as_ref().unwrap_or(&self.return_urls);
        // No transaction is open while the provider is asked.
        let opened = match payment.provider {
            Provider::Stripe => self.open_at_stripe(&payment, urls).await,
            Provider::Creem => self.open_at_creem(&payment, urls).await,
            provider @ (Provider::Revenuecat | Provider::Manual) => {
                Err(JobError::Dead(format!("no page of {} can be opened", provider.as_str())))
            }
        };
        match opened {
            Ok(opened) => {
                crash::point(Step::Asked, "checkout");
                ordering::checkout_opened(&self.pool, payment.id, &opened).await?;
                // The first page that was recorded is the order's, whoever opened another at the same time.
                let payment = self.payment(job.payment_id).await?;
                answer(&known(&payment).unwrap_or(CheckoutReply::Opened {
                    session: opened.session,
                    url: opened.url,
                    payment_intent: opened.provider_payment,
                }))
            }
            Err(JobError::Provider(ProviderError::Refused { status, message })) => {
                tracing::warn!(payment = %payment.id, status, "the provider refuses an order");
                ordering::checkout_refused(&self.pool, payment.id, &message).await?;
                answer(&CheckoutReply::Refused { status, message })
            }
            Err(error) => Err(error),
        }
    }

    async fn payment(&self, id: kernel::ids::PaymentId) -> Result<Payment, JobError> {
        let mut connection = self.pool.acquire().await?;
        let payment = store::payment_by_id(&mut connection, id).await?;
        payment.ok_or_else(|| JobError::Dead("there is no such order".to_owned()))
    }

    async fn open_at_stripe(&self, payment: &Payment, urls: &ReturnUrls) -> Result<OpenedCheckout, JobError> {
        let (items, customer) = {
            let mut connection = self.pool.acquire().await?;
            let items = store::items(&mut connection, payment.id).await?;
            (items, store::customer(&mut connection, payment.provider, payment.wallet_id).await?)
        };
        let price = self.price_of_plan(payment).await?;
        let price = price.as_deref();
        let customer = match customer {
            Some(customer) => customer,
            None => self.create_customer(payment, None).await?,
        };
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
        crash::point(Step::Asked, "customer");
        let (now, provider) = (self.clock.now(), payment.provider);
        let mut connection = self.pool.acquire().await?;
        Ok(store::customer_keep(&mut connection, now, provider, wallet, &customer, gone).await?)
    }

    async fn open_at_creem(&self, payment: &Payment, urls: &ReturnUrls) -> Result<OpenedCheckout, JobError> {
        let creem = self.creem()?;
        let (items, buyer) = {
            let mut connection = self.pool.acquire().await?;
            let items = store::items(&mut connection, payment.id).await?;
            (items, user(&mut connection, &payment.user_id).await?)
        };
        let email = buyer.and_then(|buyer| buyer.email);
        let product = match payment.plan {
            Some(_) => self.price_of_plan(payment).await?,
            None => self.product_of_pack(&items).await?,
        };
        let (Some(product), [item]) = (product, items.as_slice()) else {
            let message = "This is not sold over Creem.".to_owned();
            return Err(ProviderError::Refused { status: 400, message }.into());
        };
        let units = item.quantity;
        let opened = self.ask(|| creem.open_checkout(payment, &product, units, email.as_deref(), urls)).await;
        match opened {
            // The product was configured here, and is not there.
            Err(ProviderError::NotFound) => {
                let message = "The product is not known at Creem.".to_owned();
                Err(ProviderError::Refused { status: 400, message }.into())
            }
            opened => Ok(opened?),
        }
    }

    /// The provider's price or product for the plan of an order, if the plan has one.
    async fn price_of_plan(&self, payment: &Payment) -> Result<Option<String>, JobError> {
        let Some(period) = &payment.plan else { return Ok(None) };
        let stored = plan(&mut *self.pool.acquire().await?, &period.plan_id).await?;
        let terms = stored.and_then(|stored| stored.plan.terms_at(payment.provider, period.interval));
        Ok(terms.and_then(|terms| terms.provider_price))
    }

    async fn product_of_pack(&self, items: &[Item]) -> Result<Option<String>, JobError> {
        let ids: Vec<String> = items.iter().filter_map(|item| item.pack_id.clone()).collect();
        let packs = packs_by_id(&mut *self.pool.acquire().await?, &ids).await?;
        Ok(packs.into_iter().find_map(|pack| pack.creem_product_id))
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
