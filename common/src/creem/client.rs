//! Asks Creem, with a deadline on every request. Creem has no idempotency keys for checkouts: one that was opened and
//! forgotten is paid by nobody, because nobody has its address.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::objects::{Checkout, Subscription, Transaction};
use crate::config::Secret;
use crate::domain::payments::operations::Opened;
use crate::domain::payments::{Payment, ReturnUrls};
use crate::provider::ProviderError;
use crate::stripe::objects::{PAYMENT_ID, USER_ID};

const TIMEOUT: Duration = Duration::from_secs(15);
const LIVE: &str = "https://api.creem.io";
const TEST: &str = "https://test-api.creem.io";

/// A client of one Creem store.
pub struct CreemClient {
    client: Client,
    base: String,
    key: Secret,
}

#[derive(Deserialize)]
struct Portal {
    customer_portal_link: String,
}

/// Creem's words for what it refuses: a text, or several.
#[derive(Deserialize)]
struct Refusal {
    message: Message,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    One(String),
    Many(Vec<String>),
}

impl CreemClient {
    /// A client for the store of `key`; `base` is another address than Creem's own, for an emulator. Test keys go to
    /// Creem's test address.
    ///
    /// # Errors
    /// When no connection can be set up.
    pub fn new(key: Secret, base: Option<String>) -> anyhow::Result<Self> {
        // Another part of the process may have chosen the same before.
        let _chosen = rustls::crypto::ring::default_provider().install_default();
        let own = if key.expose().starts_with("creem_test_") { TEST } else { LIVE };
        let client =
            Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, base: base.unwrap_or_else(|| own.to_owned()), key })
    }

    /// Opens the payment page of an order. Creem has no page to return to after giving up.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn open_checkout(
        &self,
        payment: &Payment,
        product: &str,
        units: i64,
        email: Option<&str>,
        urls: &ReturnUrls,
    ) -> Result<Opened, ProviderError> {
        let mut body = json!({
            "request_id": format!("{}:{}", payment.id, payment.attempt),
            "product_id": product,
            "units": units,
            "success_url": urls.success.replace("{CHECKOUT_SESSION_ID}", &payment.id.to_string()),
            "metadata": { PAYMENT_ID: payment.id, USER_ID: payment.user_id },
        });
        if payment.discount_minor > 0 {
            body["discount_code"] = self.discount(payment, product).await?.into();
        }
        if let Some(email) = email {
            body["customer"] = json!({ "email": email });
        }
        let checkout: Checkout = self.send(self.request(Method::POST, "/v1/checkouts").json(&body)).await?;
        Ok(Opened {
            session: checkout.id,
            url: checkout.checkout_url.ok_or(ProviderError::Unavailable("the checkout has no address"))?,
            provider_payment: None,
            customer: None,
            expires_at: payment.expires_at,
        })
    }

    /// Makes the discount of one order, exact to the cent; once made it is found again by its code.
    async fn discount(&self, payment: &Payment, product: &str) -> Result<String, ProviderError> {
        let code = payment.id.0.simple().to_string().to_ascii_uppercase();
        let body = json!({
            "name": "Coupon",
            "code": code,
            "type": "fixed",
            "amount": payment.discount_minor,
            "currency": payment.amount.currency.upper(),
            "duration": "once",
            "max_redemptions": 1,
            "applies_to_products": [product],
        });
        let made = self.request(Method::POST, "/v1/discounts").json(&body);
        match self.send::<serde_json::Value>(made).await {
            Ok(_) => Ok(code),
            Err(refused @ ProviderError::Refused { .. }) => {
                let known = self.request(Method::GET, "/v1/discounts").query(&[("discount_code", &code)]);
                self.send::<serde_json::Value>(known).await.map(|_| code).map_err(|_| refused)
            }
            Err(error) => Err(error),
        }
    }

    /// How a checkout stands.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn checkout(&self, id: &str) -> Result<Checkout, ProviderError> {
        self.send(self.request(Method::GET, "/v1/checkouts").query(&[("checkout_id", id)])).await
    }

    /// How a subscription stands, with its last payment.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn subscription(&self, id: &str) -> Result<Subscription, ProviderError> {
        #[derive(Deserialize)]
        struct Last {
            last_transaction_id: Option<String>,
        }
        let path = "/v1/subscriptions";
        let found: serde_json::Value =
            self.send(self.request(Method::GET, path).query(&[("subscription_id", id)])).await?;
        let last = Last::deserialize(&found).ok().and_then(|last| last.last_transaction_id);
        let mut subscription =
            Subscription::deserialize(&found).map_err(|_| ProviderError::Unavailable("unreadable answer"))?;
        if subscription.last_transaction.is_none()
            && let Some(id) = last
        {
            subscription.last_transaction = Some(self.transaction(&id).await?);
        }
        Ok(subscription)
    }

    async fn transaction(&self, id: &str) -> Result<Transaction, ProviderError> {
        self.send(self.request(Method::GET, "/v1/transactions").query(&[("transaction_id", id)])).await
    }

    /// Opens the page on which a customer manages subscriptions, and returns its address.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn open_portal(&self, customer: &str) -> Result<String, ProviderError> {
        let request = self.request(Method::POST, "/v1/customers/billing");
        let portal: Portal = self.send(request.json(&json!({ "customer_id": customer }))).await?;
        Ok(portal.customer_portal_link)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).header("x-api-key", self.key.expose())
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ProviderError> {
        let answer = request.send().await.map_err(|error| {
            ProviderError::Unavailable(if error.is_timeout() { "timeout" } else { "connection failed" })
        })?;
        let status = answer.status();
        if status.is_success() {
            return answer.json().await.map_err(|_| ProviderError::Unavailable("unreadable answer"));
        }
        Err(match status {
            StatusCode::NOT_FOUND => ProviderError::NotFound,
            // The key is wrong for now: an operator mends that, and the order is still good.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                ProviderError::Unavailable("the API key is refused")
            }
            StatusCode::TOO_MANY_REQUESTS => ProviderError::Unavailable("too many requests"),
            status if status.is_server_error() => ProviderError::Unavailable("server error"),
            status => ProviderError::Refused { status: status.as_u16(), message: words(answer).await },
        })
    }
}

async fn words(answer: reqwest::Response) -> String {
    match answer.json::<Refusal>().await.map(|refusal| refusal.message) {
        Ok(Message::One(text)) => text,
        Ok(Message::Many(texts)) => texts.join("; "),
        Err(_) => "The payment provider refused the request.".to_owned(),
    }
}
