//! Asks Stripe, with a deadline on every request and our own idempotency key on every one that changes something.

use std::collections::HashMap;
use std::time::Duration;

use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeError, StripeRequest};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionLineItems, CreateCheckoutSessionLineItemsPriceData,
    CreateCheckoutSessionPaymentIntentData, ExpireCheckoutSession, ProductData, RetrieveCheckoutSession,
};
use stripe_core::customer::CreateCustomer;
use stripe_core::payment_intent::RetrievePaymentIntent;
use stripe_shared::{CheckoutSession, CheckoutSessionMode, PaymentIntent};

use super::objects::{Intent, Metadata, PAYMENT_ID, PaymentError, Reference, Session, USER_ID};
use crate::config::Secret;
use crate::domain::payments::operations::Opened;
use crate::domain::payments::{Item, Payment, ReturnUrls};
use crate::ids::{UserId, WalletId};

const TIMEOUT: Duration = Duration::from_secs(15);

/// A client of one Stripe account.
pub struct StripeClient {
    client: Client,
}

/// Why Stripe gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It refuses, and would again.
    #[error("Stripe refused with status {status}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its words, fit for the buyer.
        message: String,
    },
    /// There is no such object.
    #[error("Stripe has no such object")]
    NotFound,
    /// The customer it was asked for is gone.
    #[error("Stripe has no such customer")]
    NoCustomer,
    /// It did not answer, not readably, or asks to come back later. What was asked may have been done: ask again
    /// with the same key.
    #[error("Stripe gave no answer ({0})")]
    Unavailable(&'static str),
}

impl StripeClient {
    /// A client for the account of `secret_key`; `base` is another address than Stripe's own, for an emulator.
    ///
    /// # Errors
    /// When the key or the address cannot be used.
    pub fn new(secret_key: &Secret, base: Option<&str>) -> anyhow::Result<Self> {
        let mut builder = ClientBuilder::new(secret_key.expose()).timeout(TIMEOUT);
        if let Some(base) = base {
            builder = builder.url(base);
        }
        let client = builder
            .build()
            .map_err(|_| anyhow::anyhow!("STRIPE_SECRET_KEY or STRIPE_API_BASE cannot be used"))?;
        Ok(Self { client })
    }

    /// Creates the customer of a wallet, in place of one that is gone, if there was one. Asked again for the same it
    /// answers the same customer.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn create_customer(
        &self,
        wallet: WalletId,
        user: &UserId,
        gone: Option<&str>,
    ) -> Result<String, ProviderError> {
        let request = CreateCustomer::new().metadata(HashMap::from([
            ("wallet_id".to_owned(), wallet.to_string()),
            (USER_ID.to_owned(), user.to_string()),
        ]));
        let key = format!("customer:{wallet}:{}", gone.unwrap_or("first"));
        let customer = self.send(&request, Some(key)).await?;
        Ok(customer.id.to_string())
    }

    /// Opens the payment page of an order. Asked again for the same order and attempt it answers the same page.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn open_checkout(
        &self,
        payment: &Payment,
        items: &[Item],
        customer: &str,
        urls: &ReturnUrls,
    ) -> Result<Opened, ProviderError> {
        let currency = payment.amount.currency.as_str().parse().map_err(|_| ProviderError::Refused {
            status: 400,
            message: format!("Stripe does not know the currency {}", payment.amount.currency),
        })?;
        let lines: Vec<CreateCheckoutSessionLineItems> = items
            .iter()
            .map(|item| CreateCheckoutSessionLineItems {
                quantity: u64::try_from(item.quantity).ok(),
                price_data: Some(CreateCheckoutSessionLineItemsPriceData {
                    unit_amount: Some(item.amount_minor),
                    product_data: Some(ProductData::new(item.name.clone())),
                    ..CreateCheckoutSessionLineItemsPriceData::new(stripe_types::Currency::clone(&currency))
                }),
                ..CreateCheckoutSessionLineItems::new()
            })
            .collect();
        let metadata = metadata(payment);
        let request = CreateCheckoutSession::new()
            .mode(CheckoutSessionMode::Payment)
            .customer(customer)
            .client_reference_id(payment.id.to_string())
            .line_items(lines)
            .metadata(metadata.clone())
            // A payment's events carry their own copy: without it they could not be matched to the order.
            .payment_intent_data(CreateCheckoutSessionPaymentIntentData {
                metadata: Some(metadata),
                description: Some(payment.summary.clone()),
                ..CreateCheckoutSessionPaymentIntentData::new()
            })
            .success_url(urls.success.clone())
            .cancel_url(urls.cancel.clone());
        let session =
            self.send(&request, Some(format!("checkout:{}:{}", payment.id, payment.attempt))).await?;
        let expires_at =
            time::OffsetDateTime::from_unix_timestamp(session.expires_at).unwrap_or(payment.expires_at);
        Ok(Opened {
            session: session.id.to_string(),
            url: session.url.ok_or(ProviderError::Unavailable("the session is not open any more"))?,
            provider_payment: session.payment_intent.map(|intent| intent.id().to_string()),
            customer: customer.to_owned(),
            expires_at,
        })
    }

    /// Closes a payment page, so that an order whose time is up cannot be paid any more.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn expire_checkout(&self, id: &str) -> Result<Session, ProviderError> {
        let request = ExpireCheckoutSession::new(id);
        self.send(&request, Some(format!("expire:{id}"))).await.map(Session::from)
    }

    /// How a session stands.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn session(&self, id: &str) -> Result<Session, ProviderError> {
        self.send(&RetrieveCheckoutSession::new(id), None).await.map(Session::from)
    }

    /// How a payment stands, with its receipt.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn intent(&self, id: &str) -> Result<Intent, ProviderError> {
        let request = RetrievePaymentIntent::new(id).expand(vec!["latest_charge".to_owned()]);
        self.send(&request, None).await.map(Intent::from)
    }

    async fn send<R>(&self, request: &R, key: Option<String>) -> Result<R::Output, ProviderError>
    where
        R: StripeRequest,
        R::Output: miniserde::Deserialize,
    {
        let mut request = request.customize();
        if let Some(key) = key {
            let key =
                IdempotencyKey::new(key).map_err(|_| ProviderError::Unavailable("the key cannot be used"))?;
            request = request.request_strategy(RequestStrategy::Idempotent(key));
        }
        request.send(&self.client).await.map_err(ProviderError::from)
    }
}

fn metadata(payment: &Payment) -> Metadata {
    HashMap::from([
        (PAYMENT_ID.to_owned(), payment.id.to_string()),
        (USER_ID.to_owned(), payment.user_id.to_string()),
    ])
}

impl From<StripeError> for ProviderError {
    fn from(error: StripeError) -> Self {
        match error {
            StripeError::Stripe(error, 400 | 404) if is_customer_gone(&error) => Self::NoCustomer,
            StripeError::Stripe(_, 404) => Self::NotFound,
            // The key or the account is wrong for now: an operator mends that, and the order is still good.
            StripeError::Stripe(_, 401 | 403) => Self::Unavailable("the API key is refused"),
            StripeError::Stripe(_, 409) => Self::Unavailable("the same request is under way"),
            StripeError::Stripe(_, 429) => Self::Unavailable("too many requests"),
            StripeError::Stripe(_, 500..) => Self::Unavailable("server error"),
            StripeError::Stripe(error, status) => Self::Refused {
                status,
                message: error
                    .message
                    .unwrap_or_else(|| "The payment provider refused the request.".to_owned()),
            },
            // The answer may be that of a request that was carried out.
            StripeError::JSONDeserialize(_) => Self::Unavailable("unreadable answer"),
            StripeError::ClientError(_) => Self::Unavailable("connection failed"),
            StripeError::ConfigError(_) => Self::Unavailable("configuration"),
            StripeError::Timeout => Self::Unavailable("timeout"),
        }
    }
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
            currency: session.currency.map(|currency| currency.to_string()),
            client_reference_id: session.client_reference_id,
            metadata: session.metadata.unwrap_or_default(),
            payment_intent: session.payment_intent.map(|intent| Reference::Id(intent.id().to_string())),
            customer: session.customer.map(|customer| Reference::Id(customer.id().to_string())),
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
            last_payment_error: intent.last_payment_error.map(|error| PaymentError {
                code: error.code.map(|code| code.as_str().to_owned()),
                decline_code: error.decline_code,
            }),
        }
    }
}
