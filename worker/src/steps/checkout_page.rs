//! The provider's payment page for an order. Opened twice it is the same page.

use std::time::Duration;

use billing::catalog::operations::packs_by_id;
use billing::payments::ordering::{checkout_opened, checkout_refused};
use billing::payments::{
    CheckoutReply, Item, OpenedCheckout, Payment, Provider, ReturnUrls, store, superseding,
};
use billing::plans::operations::plan;
use identity::operations::user;
use kernel::crash;
use kernel::crash::Step;
use kernel::ids::{PaymentId, UserId};

use super::orders::order;
use super::{facts, stripe_objects};
use crate::context::Context;
use crate::error::JobError;
use crate::providers::ProviderError;

const SUPERSEDED: &str = "A later order has taken the place of this one.";
const PAID_BEFORE: &str = "You have paid on the page that you opened before.";
/// Pages that one process opens for one user at a time; further ones come later, so that other buyers need not wait.
const PAGES_AT_ONCE: usize = 4;
/// How long one waits for those before it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens the page, unless it is open already or the order has ended.
pub(crate) async fn open(context: &Context, id: PaymentId) -> Result<CheckoutReply, JobError> {
    let payment = order(context, id).await?;
    if let Some(reply) = recorded(&payment) {
        return Ok(reply);
    }
    let lanes = &context.checkout_lanes;
    let Some(_place) = lanes.place(&payment.user_id, PAGES_AT_ONCE, PATIENCE).await else {
        return Err(ProviderError::Unavailable("the user has many orders on their way").into());
    };
    if let Some(refusal) = give_place(context, &payment).await? {
        return Ok(refusal);
    }
    let urls: &ReturnUrls = payment.return_urls.as_ref().unwrap_or(&context.return_urls);
    // No transaction is open while the provider is asked.
    let opened = match payment.provider {
        Provider::Stripe => open_at_stripe(context, &payment, urls).await,
        Provider::Creem => open_at_creem(context, &payment, urls).await,
        provider @ (Provider::Revenuecat | Provider::Manual) => {
            Err(JobError::Dead(format!("no page of {} can be opened", provider.as_str())))
        }
    };
    match opened {
        Ok(opened) => {
            crash::point(Step::Asked, "checkout");
            checkout_opened(&context.pool, payment.id, &opened).await?;
            if superseding::is_superseded(&context.pool, id).await? {
                // Nobody was told of the page, and the later order must not see it paid.
                close(context, &order(context, id).await?).await?;
                return Ok(refused(SUPERSEDED));
            }
            // Where two were opened at the same time, the first one that was recorded is the order's.
            let payment = order(context, id).await?;
            Ok(recorded(&payment).unwrap_or(CheckoutReply::Opened {
                session: opened.session,
                url: opened.url,
                payment_intent: opened.provider_payment,
            }))
        }
        Err(JobError::Provider(ProviderError::Refused { status, message })) => {
            tracing::warn!(payment = %payment.id, status, "the provider refuses an order");
            checkout_refused(&context.pool, context.clock.now(), payment.id, &message).await?;
            Ok(CheckoutReply::Refused { status, message })
        }
        Err(error) => Err(error),
    }
}

/// Closes the pages of the orders in whose place this one comes; says why it is not opened, if it is not.
async fn give_place(context: &Context, payment: &Payment) -> Result<Option<CheckoutReply>, JobError> {
    if superseding::is_superseded(&context.pool, payment.id).await? {
        checkout_refused(&context.pool, context.clock.now(), payment.id, SUPERSEDED).await?;
        return Ok(Some(refused(SUPERSEDED)));
    }
    for earlier in superseding::superseded(&context.pool, payment.id).await? {
        let is_paid =
            earlier.state.is_paid() || (earlier.state.is_open() && close(context, &earlier).await?);
        if is_paid {
            let now = context.clock.now();
            superseding::earlier_is_paid(&context.pool, now, payment.id, earlier.id, PAID_BEFORE).await?;
            return Ok(Some(refused(PAID_BEFORE)));
        }
    }
    Ok(None)
}

/// Closes the page of an order, where the provider can; says whether it was paid on before.
async fn close(context: &Context, payment: &Payment) -> Result<bool, JobError> {
    match (&payment.provider_session, payment.provider) {
        (Some(session), Provider::Stripe) => {
            let found = stripe_objects::closed(context, session).await?;
            let is_paid = found.status.as_deref() == Some("complete");
            facts::publish(context, vec![facts::payment(found.fact(false))]).await?;
            Ok(is_paid)
        }
        // Creem keeps its pages open. What is paid on two of them is shown to a person.
        (Some(_), Provider::Creem) => Ok(false),
        (None, _) | (Some(_), Provider::Revenuecat | Provider::Manual) => Ok(false),
    }
}

fn refused(message: &str) -> CheckoutReply {
    CheckoutReply::Refused { status: 409, message: message.to_owned() }
}

async fn open_at_stripe(
    context: &Context,
    payment: &Payment,
    urls: &ReturnUrls,
) -> Result<OpenedCheckout, JobError> {
    let (items, customer) = {
        let mut connection = context.pool.acquire().await?;
        let items = store::items(&mut connection, payment.id).await?;
        (items, store::customer(&mut connection, payment.provider, payment.wallet_id).await?)
    };
    let price = price_of_plan(context, payment).await?;
    let price = price.as_deref();
    let customer = match customer {
        Some(customer) => customer,
        None => create_customer(context, payment, None).await?,
    };
    let mark = context.installation().await?;
    match context.ask(|| context.stripe.open_checkout(payment, &items, price, &customer, urls, mark)).await {
        // Deleted at Stripe, perhaps by hand.
        Err(ProviderError::NoCustomer) => {
            tracing::warn!(wallet = %payment.wallet_id, customer, "the customer is gone; creating another");
            let customer = create_customer(context, payment, Some(&customer)).await?;
            Ok(context
                .ask(|| context.stripe.open_checkout(payment, &items, price, &customer, urls, mark))
                .await?)
        }
        opened => Ok(opened?),
    }
}

async fn create_customer(
    context: &Context,
    payment: &Payment,
    gone: Option<&str>,
) -> Result<String, JobError> {
    let (wallet, id) = (payment.wallet_id, &payment.user_id);
    let email = email(context, id).await?;
    let customer = context.ask(|| context.stripe.create_customer(wallet, id, email.as_deref(), gone)).await?;
    crash::point(Step::Asked, "customer");
    let (now, provider) = (context.clock.now(), payment.provider);
    let kept = {
        let mut connection = context.pool.acquire().await?;
        store::customer_keep(&mut connection, now, provider, wallet, &customer, gone).await?
    };
    // Who corrected it meanwhile found no customer to correct.
    let newest = self::email(context, id).await?;
    if newest != email {
        context.ask(|| context.stripe.update_email(&kept, id, newest.as_deref())).await?;
    }
    Ok(kept)
}

async fn email(context: &Context, id: &UserId) -> Result<Option<String>, JobError> {
    Ok(user(&mut *context.pool.acquire().await?, id).await?.and_then(|user| user.email))
}

async fn open_at_creem(
    context: &Context,
    payment: &Payment,
    urls: &ReturnUrls,
) -> Result<OpenedCheckout, JobError> {
    let creem = context.creem()?;
    let (items, buyer) = {
        let mut connection = context.pool.acquire().await?;
        let items = store::items(&mut connection, payment.id).await?;
        (items, user(&mut connection, &payment.user_id).await?)
    };
    let email = buyer.and_then(|buyer| buyer.email);
    let product = match payment.plan {
        Some(_) => price_of_plan(context, payment).await?,
        None => product_of_pack(context, &items).await?,
    };
    let (Some(product), [item]) = (product, items.as_slice()) else {
        let message = "This is not sold over Creem.".to_owned();
        return Err(ProviderError::Refused { status: 400, message }.into());
    };
    let units = item.quantity;
    let mark = context.installation().await?;
    let opened =
        context.ask(|| creem.open_checkout(payment, &product, units, email.as_deref(), urls, mark)).await;
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
async fn price_of_plan(context: &Context, payment: &Payment) -> Result<Option<String>, JobError> {
    let Some(period) = &payment.plan else { return Ok(None) };
    let stored = plan(&mut *context.pool.acquire().await?, &period.plan_id).await?;
    let terms = stored.and_then(|stored| stored.plan.terms_at(payment.provider, period.interval));
    Ok(terms.and_then(|terms| terms.provider_price))
}

async fn product_of_pack(context: &Context, items: &[Item]) -> Result<Option<String>, JobError> {
    let ids: Vec<String> = items.iter().filter_map(|item| item.pack_id.clone()).collect();
    let packs = packs_by_id(&mut *context.pool.acquire().await?, &ids).await?;
    Ok(packs.into_iter().find_map(|pack| pack.creem_product_id))
}

/// The reply, where the order's row has it already.
fn recorded(payment: &Payment) -> Option<CheckoutReply> {
    if let (Some(session), Some(url)) = (&payment.provider_session, &payment.checkout_url) {
        let payment_intent = payment.provider_payment.clone();
        return Some(CheckoutReply::Opened { session: session.clone(), url: url.clone(), payment_intent });
    }
    (!payment.state.is_open()).then(|| CheckoutReply::Refused {
        status: 409,
        message: payment
            .progress
            .failure
            .clone()
            .unwrap_or_else(|| format!("The payment is {}.", payment.state.as_str())),
    })
}
