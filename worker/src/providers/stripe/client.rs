//! Asks Stripe, with a deadline on every request and an idempotency key on every one that changes something.

use std::collections::HashMap;
use std::time::Duration;

use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeError, StripeRequest};
use stripe_billing::billing_portal_session::CreateBillingPortalSession;
use stripe_billing::invoice::RetrieveInvoice;
use stripe_billing::invoice_line_item::ListInvoiceInvoiceLineItem;
use stripe_billing::invoice_payment::{
    ListInvoicePayment, ListInvoicePaymentPayment, ListInvoicePaymentPaymentType,
};
use stripe_billing::subscription::RetrieveSubscription;
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionAllowedPaymentMethodTypes, CreateCheckoutSessionDiscounts,
    CreateCheckoutSessionInvoiceCreation, CreateCheckoutSessionInvoiceCreationInvoiceData,
    CreateCheckoutSessionLineItems, CreateCheckoutSessionLineItemsPriceData,
    CreateCheckoutSessionLineItemsPriceDataRecurring,
    CreateCheckoutSessionLineItemsPriceDataRecurringInterval, CreateCheckoutSessionPaymentIntentData,
    CreateCheckoutSessionSetupIntentData, CreateCheckoutSessionSubscriptionData, ExpireCheckoutSession,
    ListCheckoutSession, ProductData, RetrieveCheckoutSession,
};
use stripe_core::customer::{CreateCustomer, RetrieveCustomer, RetrieveCustomerReturned, UpdateCustomer};
use stripe_core::dispute::RetrieveDispute;
use stripe_core::payment_intent::RetrievePaymentIntent;
use stripe_core::refund::{ListRefund, RetrieveRefund};
use stripe_product::coupon::{CreateCoupon, RetrieveCoupon};
use stripe_shared::{CheckoutSession, CheckoutSessionMode, CouponDuration, PaymentIntent};

use super::objects::{Intent, Metadata, PaymentError, Session, TotalDetails};
use super::reversals::{Dispute, Refund};
use super::subscriptions::{Invoice, Subscription};
use crate::providers::{INSTALLATION, PAYMENT_ID, ProviderError, Reference, USER_ID, asking};
use billing::payments::{Item, Mode, OpenedCheckout, Payment, Provider, ReturnUrls};
use billing::plans::Interval;
use kernel::clock::from_unix_seconds;
use kernel::config::Secret;
use kernel::ids::{InstallationId, UserId, WalletId};
use tracing::Instrument;

const TIMEOUT: Duration = Duration::from_secs(15);

/// A client of one Stripe account.
pub struct StripeClient {
    client: Client,
    /// Whether one-off purchases get an invoice.
    one_off_invoices: bool,
}

impl StripeClient {
    /// A client for the account of `secret_key`; `base` is another address than Stripe's own, for an emulator. One-off
    /// purchases get an invoice if that is asked for.
    ///
    /// # Errors
    /// When the key or the address cannot be used.
    pub fn new(secret_key: &Secret, base: Option<&str>, one_off_invoices: bool) -> anyhow::Result<Self> {
        let mut builder = ClientBuilder::new(secret_key.expose()).timeout(TIMEOUT);
        if let Some(base) = base {
            builder = builder.url(base);
        }
        let client = builder
            .build()
            .map_err(|_| anyhow::anyhow!("STRIPE_SECRET_KEY or STRIPE_API_BASE cannot be used"))?;
        Ok(Self { client, one_off_invoices })
    }

    /// Creates the customer of a wallet, in place of one that is gone, if there was one. Asked again for the same it
    /// answers the same customer.
    pub async fn create_customer(
        &self,
        wallet: WalletId,
        user: &UserId,
        email: Option<&str>,
        gone: Option<&str>,
    ) -> Result<String, ProviderError> {
        let mut request = CreateCustomer::new().metadata(HashMap::from([
            ("wallet_id".to_owned(), wallet.to_string()),
            (USER_ID.to_owned(), user.to_string()),
        ]));
        // Receipts of every charge go there, also of those that are made while nobody is at the page.
        if let Some(email) = email {
            request = request.email(email);
        }
        let key = format!("customer:{wallet}:{}", gone.unwrap_or("first"));
        let customer = self.send(&request, Some(key)).await?;
        Ok(customer.id.to_string())
    }

    /// Gives a customer that was made for a user their address, or takes away the one that is gone. A customer of
    /// another user, or one that was deleted, stays as it is.
    pub async fn update_email(
        &self,
        customer: &str,
        user: &UserId,
        email: Option<&str>,
    ) -> Result<(), ProviderError> {
        let found = match self.send(&RetrieveCustomer::new(customer), None).await {
            Ok(RetrieveCustomerReturned::Customer(found)) => found,
            Ok(RetrieveCustomerReturned::DeletedCustomer(_))
            | Err(ProviderError::NotFound | ProviderError::NoCustomer) => return Ok(()),
            Err(error) => return Err(error),
        };
        let owner = found.metadata.as_ref().and_then(|metadata| metadata.get(USER_ID));
        let is_theirs = owner.is_some_and(|owner| owner == user.as_str());
        if is_theirs && found.email.as_deref() != email {
            // No key: asked again for an earlier address, Stripe would answer as it did then and change nothing.
            self.send(&UpdateCustomer::new(customer).email(email.unwrap_or_default()), None).await?;
        }
        Ok(())
    }

    /// Opens the payment page of an order; `price` is the plan's own at Stripe, if it has one. Asked again for the same
    /// order and attempt it answers the same page.
    pub async fn open_checkout(
        &self,
        payment: &Payment,
        items: &[Item],
        price: Option<&str>,
        customer: &str,
        urls: &ReturnUrls,
        installation: InstallationId,
    ) -> Result<OpenedCheckout, ProviderError> {
        let currency = currency_of(payment)?;
        let metadata = metadata(payment, installation);
        let mut request = CreateCheckoutSession::new()
            .customer(customer)
            .client_reference_id(payment.id.to_string())
            .metadata(metadata.clone())
            .success_url(success_url(payment, urls))
            .cancel_url(urls.cancel.clone());
        // The objects that the session creates get a copy of the metadata: without it their events could not be matched
        // to the order.
        let lines = lines(payment, items, price, &currency);
        request = match payment.mode {
            Mode::Payment => request
                .mode(CheckoutSessionMode::Payment)
                .line_items(lines)
                .payment_intent_data(CreateCheckoutSessionPaymentIntentData {
                    metadata: Some(metadata),
                    description: Some(payment.summary.clone()),
                    ..CreateCheckoutSessionPaymentIntentData::new()
                }),
            // Only a card says at once whether it was charged.
            Mode::Setup => request
                .mode(CheckoutSessionMode::Setup)
                .allowed_payment_method_types(vec![CreateCheckoutSessionAllowedPaymentMethodTypes::Card])
                .setup_intent_data(CreateCheckoutSessionSetupIntentData {
                    metadata: Some(metadata),
                    description: Some(payment.summary.clone()),
                    ..CreateCheckoutSessionSetupIntentData::new()
                }),
            Mode::Subscription => request
                .mode(CheckoutSessionMode::Subscription)
                .line_items(lines)
                .subscription_data(CreateCheckoutSessionSubscriptionData {
                    metadata: Some(metadata),
                    description: Some(payment.summary.clone()),
                    ..CreateCheckoutSessionSubscriptionData::new()
                }),
        };
        if self.one_off_invoices && payment.mode == Mode::Payment {
            request = request.invoice_creation(invoice_creation(payment, installation));
        }
        if payment.has_coupon() {
            // Its use is kept from others for as long as the page is open. Always the same time: asked for again, the
            // same page must be asked for.
            request = request.expires_at(payment.expires_at.unix_timestamp());
        }
        if payment.discount_minor > 0 {
            let coupon = self.discount(payment, &currency).await?;
            request = request.discounts(vec![CreateCheckoutSessionDiscounts {
                coupon: Some(coupon),
                ..CreateCheckoutSessionDiscounts::new()
            }]);
        }
        let session =
            self.send(&request, Some(format!("checkout:{}:{}", payment.id, payment.attempt))).await?;
        if session.amount_total.is_some_and(|total| total != payment.amount.minor) {
            // A page with another price than the order's would be paid and then not credited.
            let message = "The price at the payment provider differs from the plan's.".to_owned();
            self.expire_checkout(session.id.as_str()).await?;
            return Err(ProviderError::Refused { status: 409, message });
        }
        let expires_at = from_unix_seconds(session.expires_at).unwrap_or(payment.expires_at);
        Ok(OpenedCheckout {
            session: session.id.to_string(),
            url: session.url.ok_or(ProviderError::Unavailable("the session is no longer open"))?,
            provider_payment: session
                .payment_intent
                .map(|intent| intent.id().to_string())
                .or(session.setup_intent.map(|intent| intent.id().to_string())),
            customer: Some(customer.to_owned()),
            expires_at,
        })
    }

    /// Creates the discount of one order, exact to the cent, unless it exists already.
    async fn discount(
        &self,
        payment: &Payment,
        currency: &stripe_types::Currency,
    ) -> Result<String, ProviderError> {
        let id = format!("order-{}", payment.id);
        let request = CreateCoupon::new()
            .id(id.clone())
            .name("Coupon")
            .amount_off(payment.discount_minor)
            .currency(currency.clone())
            .duration(CouponDuration::Once)
            .max_redemptions(1);
        match self.send(&request, Some(format!("coupon:{}", payment.id))).await {
            Ok(coupon) => Ok(coupon.id.to_string()),
            // Stripe forgets a key after a day, but not the coupon.
            Err(ProviderError::Refused { .. }) if self.has_coupon(&id).await? => Ok(id),
            Err(error) => Err(error),
        }
    }

    async fn has_coupon(&self, id: &str) -> Result<bool, ProviderError> {
        match self.send(&RetrieveCoupon::new(id), None).await {
            Ok(_) => Ok(true),
            Err(ProviderError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub async fn invoice(&self, id: &str) -> Result<Invoice, ProviderError> {
        let mut invoice = self.send(&RetrieveInvoice::new(id), None).await?;
        // An answer holds the first ten lines.
        while invoice.lines.has_more {
            let mut request = ListInvoiceInvoiceLineItem::new(id).limit(100);
            if let Some(last) = invoice.lines.data.last() {
                request = request.starting_after(last.id.to_string());
            }
            let page = self.send(&request, None).await?;
            if page.data.is_empty() {
                break;
            }
            invoice.lines.has_more = page.has_more;
            invoice.lines.data.extend(page.data);
        }
        Ok(Invoice::from(invoice))
    }

    /// A subscription as it is now.
    pub async fn subscription(&self, id: &str) -> Result<Subscription, ProviderError> {
        self.send(&RetrieveSubscription::new(id), None).await.map(Subscription::from)
    }

    /// Opens the page on which a customer manages subscriptions, and returns its address.
    pub async fn open_portal(&self, customer: &str, return_url: &str) -> Result<String, ProviderError> {
        let request = CreateBillingPortalSession::new().customer(customer).return_url(return_url);
        Ok(self.send(&request, None).await?.url)
    }

    /// Closes a payment page, so that an order whose time is up can no longer be paid.
    pub async fn expire_checkout(&self, id: &str) -> Result<Session, ProviderError> {
        let request = ExpireCheckoutSession::new(id);
        self.send(&request, Some(format!("expire:{id}"))).await.map(Session::from)
    }

    /// A session as it is now.
    pub async fn session(&self, id: &str) -> Result<Session, ProviderError> {
        self.send(&RetrieveCheckoutSession::new(id), None).await.map(Session::from)
    }

    /// A payment as it is now, with its receipt.
    pub async fn intent(&self, id: &str) -> Result<Intent, ProviderError> {
        let request = RetrievePaymentIntent::new(id).expand(vec!["latest_charge".to_owned()]);
        self.send(&request, None).await.map(Intent::from)
    }

    pub async fn refund(&self, id: &str) -> Result<Refund, ProviderError> {
        self.send(&RetrieveRefund::new(id), None).await.map(Refund::from)
    }

    /// The refunds of a charge: the newest hundred, more than anyone makes of one.
    pub async fn refunds_of(&self, charge: &str) -> Result<Vec<Refund>, ProviderError> {
        let found = self.send(&ListRefund::new().charge(charge).limit(100), None).await?;
        Ok(found.data.into_iter().map(Refund::from).collect())
    }

    pub async fn dispute(&self, id: &str) -> Result<Dispute, ProviderError> {
        self.send(&RetrieveDispute::new(id), None).await.map(Dispute::from)
    }

    /// The invoice that a payment was for, if there is one.
    pub async fn invoice_of(&self, intent: &str) -> Result<Option<Invoice>, ProviderError> {
        let by = ListInvoicePaymentPayment {
            payment_intent: Some(intent.to_owned()),
            ..ListInvoicePaymentPayment::new(ListInvoicePaymentPaymentType::PaymentIntent)
        };
        let found = self.send(&ListInvoicePayment::new().payment(by).limit(1), None).await?;
        match found.data.first().and_then(|paid| paid.invoice.id().as_ref().map(ToString::to_string)) {
            Some(id) => self.invoice(&id).await.map(Some),
            None => Ok(None),
        }
    }

    /// The session in which a payment was made, if it was made in one.
    pub async fn session_of(&self, intent: &str) -> Result<Option<Session>, ProviderError> {
        let found = self.send(&ListCheckoutSession::new().payment_intent(intent).limit(1), None).await?;
        Ok(found.data.into_iter().next().map(Session::from))
    }

    pub(super) async fn send<R>(&self, request: &R, key: Option<String>) -> Result<R::Output, ProviderError>
    where
        R: StripeRequest,
        R::Output: miniserde::Deserialize,
    {
        self.ask(request, key).await.map_err(|error| refusal(error, request))
    }

    /// Sends a request whose refusals the caller reads itself.
    pub(super) async fn ask<R>(&self, request: &R, key: Option<String>) -> Result<R::Output, StripeError>
    where
        R: StripeRequest,
        R::Output: miniserde::Deserialize,
    {
        let mut request = request.customize();
        if let Some(key) = key {
            let key =
                IdempotencyKey::new(key).map_err(|error| StripeError::ConfigError(error.to_string()))?;
            request = request.request_strategy(RequestStrategy::Idempotent(key));
        }
        request.send(&self.client).instrument(asking(Provider::Stripe)).await
    }
}

/// The wish for an invoice, which leads back to its order.
fn invoice_creation(payment: &Payment, installation: InstallationId) -> CreateCheckoutSessionInvoiceCreation {
    CreateCheckoutSessionInvoiceCreation {
        invoice_data: Some(CreateCheckoutSessionInvoiceCreationInvoiceData {
            metadata: Some(metadata(payment, installation)),
            description: Some(payment.summary.clone()),
            ..CreateCheckoutSessionInvoiceCreationInvoiceData::new()
        }),
        ..CreateCheckoutSessionInvoiceCreation::new(true)
    }
}

/// Where the buyer returns to. Where a card was saved nothing was paid, and the address says so.
fn success_url(payment: &Payment, urls: &ReturnUrls) -> String {
    let url = &urls.success;
    match payment.mode {
        Mode::Setup if url.contains('?') => format!("{url}&saved=card"),
        Mode::Setup => format!("{url}?saved=card"),
        Mode::Payment | Mode::Subscription => url.clone(),
    }
}

/// The lines of an order: the plan's own price, or prices made for this order.
fn lines(
    payment: &Payment,
    items: &[Item],
    price: Option<&str>,
    currency: &stripe_types::Currency,
) -> Vec<CreateCheckoutSessionLineItems> {
    let recurring = payment.plan.as_ref().map(|plan| {
        CreateCheckoutSessionLineItemsPriceDataRecurring::new(match plan.interval {
            Interval::Month => CreateCheckoutSessionLineItemsPriceDataRecurringInterval::Month,
            Interval::Year => CreateCheckoutSessionLineItemsPriceDataRecurringInterval::Year,
        })
    });
    let line = |item: &Item| {
        let mut line = CreateCheckoutSessionLineItems::new();
        line.quantity = u64::try_from(item.quantity).ok();
        match price {
            Some(price) => line.price = Some(price.to_owned()),
            None => {
                line.price_data = Some(CreateCheckoutSessionLineItemsPriceData {
                    unit_amount: Some(item.amount_minor),
                    product_data: Some(ProductData::new(item.name.clone())),
                    recurring: recurring.clone(),
                    ..CreateCheckoutSessionLineItemsPriceData::new(currency.clone())
                });
            }
        }
        line
    };
    items.iter().map(line).collect()
}

/// The currency of an order, as the client names it.
pub(super) fn currency_of(payment: &Payment) -> Result<stripe_types::Currency, ProviderError> {
    payment.amount.currency.as_str().parse().map_err(|_| ProviderError::Refused {
        status: 400,
        message: format!("Stripe does not know the currency {}", payment.amount.currency),
    })
}

/// The metadata by which Stripe's objects lead back to the order.
pub(super) fn metadata(payment: &Payment, installation: InstallationId) -> Metadata {
    HashMap::from([
        (INSTALLATION.to_owned(), installation.to_string()),
        (PAYMENT_ID.to_owned(), payment.id.to_string()),
        (USER_ID.to_owned(), payment.user_id.to_string()),
    ])
}

/// Why Stripe gave no answer to a request that can be used.
pub(super) fn refusal(error: StripeError, request: &impl StripeRequest) -> ProviderError {
    match error {
        StripeError::Stripe(error, 400 | 404) if is_customer_gone(&error) => ProviderError::NoCustomer,
        StripeError::Stripe(_, 404) => ProviderError::NotFound,
        // The key or the account is wrong for now: an operator will mend that, and the order is still good.
        StripeError::Stripe(_, 401 | 403) => ProviderError::Unavailable("the API key is refused"),
        StripeError::Stripe(_, 409) => ProviderError::Unavailable("the same request is under way"),
        StripeError::Stripe(_, 429) => ProviderError::Unavailable("too many requests"),
        StripeError::Stripe(_, 500..) => ProviderError::Unavailable("server error"),
        StripeError::Stripe(error, status) => ProviderError::Refused {
            status,
            message: error.message.unwrap_or_else(|| "The payment provider refused the request.".to_owned()),
        },
        // The request may have been carried out.
        StripeError::JSONDeserialize(_) => ProviderError::unreadable(Provider::Stripe, asked(request)),
        StripeError::ClientError(_) => ProviderError::Unavailable("connection failed"),
        StripeError::ConfigError(_) => ProviderError::Unavailable("configuration"),
        StripeError::Timeout => ProviderError::Unavailable("timeout"),
    }
}

/// The request in words, with the ids of what is asked for.
fn asked(request: &impl StripeRequest) -> String {
    let request = request.build();
    let query =
        request.query.filter(|query| !query.is_empty()).map(|query| format!("?{query}")).unwrap_or_default();
    let method = format!("{:?}", request.method).to_ascii_uppercase();
    format!("{method} /v1{}{query}", request.path)
}

fn is_customer_gone(error: &stripe_shared::ApiErrors) -> bool {
    error.param.as_deref() == Some("customer")
        && error.code.as_ref().is_some_and(|code| code.as_str() == "resource_missing")
}

impl From<CheckoutSession> for Session {
    fn from(session: CheckoutSession) -> Self {
        Self {
            id: session.id.to_string(),
            livemode: session.livemode,
            mode: Some(session.mode.as_str().to_owned()),
            status: session.status.map(|status| status.as_str().to_owned()),
            payment_status: Some(session.payment_status.as_str().to_owned()),
            amount_total: session.amount_total,
            amount_subtotal: session.amount_subtotal,
            total_details: session
                .total_details
                .map(|details| TotalDetails { amount_discount: details.amount_discount }),
            currency: session.currency.map(|currency| currency.to_string()),
            client_reference_id: session.client_reference_id,
            metadata: session.metadata.unwrap_or_default(),
            payment_intent: session.payment_intent.map(|intent| Reference::Id(intent.id().to_string())),
            setup_intent: session.setup_intent.map(|intent| Reference::Id(intent.id().to_string())),
            customer: session.customer.map(|customer| Reference::Id(customer.id().to_string())),
            payment_link: session.payment_link.map(|link| Reference::Id(link.id().to_string())),
            invoice: session
                .invoice
                .and_then(|invoice| invoice.id().as_ref().map(|id| Reference::Id(id.to_string()))),
        }
    }
}

impl From<PaymentIntent> for Intent {
    fn from(intent: PaymentIntent) -> Self {
        let charge = intent.latest_charge.as_ref().and_then(|charge| charge.as_object());
        Self {
            id: intent.id.to_string(),
            livemode: intent.livemode,
            status: intent.status.as_str().to_owned(),
            amount: intent.amount,
            amount_received: intent.amount_received,
            currency: intent.currency.to_string(),
            receipt_url: charge.and_then(|charge| charge.receipt_url.clone()),
            metadata: intent.metadata,
            customer: intent.customer.map(|customer| Reference::Id(customer.id().to_string())),
            last_payment_error: intent.last_payment_error.map(|error| PaymentError::from(*error)),
        }
    }
}
