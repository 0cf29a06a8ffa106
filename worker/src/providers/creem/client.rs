//! Asks Creem, with a deadline on every request. Creem has no idempotency keys for checkouts: one that was opened and
//! not recorded is never paid, because no buyer has its address.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::objects::{Checkout, ListedTransaction, Subscription, Transaction, Transactions};
use crate::providers::{INSTALLATION, PAYMENT_ID, ProviderError, USER_ID, asking};
use billing::payments::{OpenedCheckout, Payment, Provider, ReturnUrls};
use kernel::config::Secret;
use kernel::https::HttpsClient;
use kernel::ids::InstallationId;
use tracing::Instrument;

const TIMEOUT: Duration = Duration::from_secs(15);
const LIVE: &str = "https://api.creem.io";
const TEST: &str = "https://test-api.creem.io";

/// A client of one Creem store.
pub struct CreemClient {
    client: HttpsClient,
    base: Url,
    key: HeaderValue,
}

/// Far above any answer that is expected.
const ANSWER_BYTES: usize = 1024 * 1024;

/// Requests that were surely not carried out are told from those that may have been by these reasons.
pub(super) const TOO_MANY_REQUESTS: &str = "too many requests";
pub(super) const KEY_REFUSED: &str = "the API key is refused";

/// The most that Creem lists at once.
const TRANSACTIONS_PAGE: &str = "100";

#[derive(Deserialize)]
struct Portal {
    customer_portal_link: String,
}

/// Why Creem refuses: a text, or several.
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
    /// When the key or the address cannot be used.
    pub fn new(key: &Secret, base: Option<&str>) -> anyhow::Result<Self> {
        let own = if key.expose().starts_with("creem_test_") { TEST } else { LIVE };
        let base = Url::parse(base.unwrap_or(own)).ok().filter(|url| !url.cannot_be_a_base());
        let base = base.ok_or_else(|| anyhow::anyhow!("CREEM_API_BASE cannot be used: it is no URL"))?;
        let mut key = HeaderValue::from_str(key.expose())
            .map_err(|_| anyhow::anyhow!("CREEM_API_KEY cannot be used: it is no text for a header"))?;
        key.set_sensitive(true);
        Ok(Self { client: HttpsClient::new(TIMEOUT, ANSWER_BYTES), base, key })
    }

    /// Opens the payment page of an order. Creem knows no address to return to without paying.
    pub async fn open_checkout(
        &self,
        payment: &Payment,
        product: &str,
        units: i64,
        email: Option<&str>,
        urls: &ReturnUrls,
        installation: InstallationId,
    ) -> Result<OpenedCheckout, ProviderError> {
        let mut body = json!({
            "request_id": format!("{}:{}", payment.id, payment.attempt),
            "product_id": product,
            "units": units,
            "success_url": urls.success.replace("{CHECKOUT_SESSION_ID}", &payment.id.to_string()),
            "metadata": { PAYMENT_ID: payment.id, USER_ID: payment.user_id, INSTALLATION: installation },
        });
        if payment.discount_minor > 0 {
            body["discount_code"] = self.discount(payment, product).await?.into();
        }
        if let Some(email) = email {
            body["customer"] = json!({ "email": email });
        }
        let checkout: Checkout = self.post("v1/checkouts", &body).await?;
        Ok(OpenedCheckout {
            session: checkout.id,
            url: checkout.checkout_url.ok_or(ProviderError::Unavailable("the checkout has no address"))?,
            provider_payment: None,
            customer: None,
            expires_at: payment.expires_at,
        })
    }

    /// Creates the discount of one order, exact to the cent, unless it exists already.
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
        match self.post::<Value>("v1/discounts", &body).await {
            Ok(_) => Ok(code),
            Err(refused @ ProviderError::Refused { .. }) => {
                match self.get::<Value>("v1/discounts", ("discount_code", &code)).await {
                    Ok(_) => Ok(code),
                    // It was refused for another reason.
                    Err(ProviderError::NotFound | ProviderError::Refused { .. }) => Err(refused),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// A checkout as it is now.
    pub async fn checkout(&self, id: &str) -> Result<Checkout, ProviderError> {
        self.get("v1/checkouts", ("checkout_id", id)).await
    }

    /// A subscription as it is now, with its last payment.
    pub async fn subscription(&self, id: &str) -> Result<Subscription, ProviderError> {
        #[derive(Deserialize)]
        struct Last {
            last_transaction_id: Option<String>,
        }
        let found: Value = self.get("v1/subscriptions", ("subscription_id", id)).await?;
        let last = Last::deserialize(&found).ok().and_then(|last| last.last_transaction_id);
        let mut subscription = Subscription::deserialize(&found).map_err(|_| {
            ProviderError::unreadable(Provider::Creem, format!("GET /v1/subscriptions?subscription_id={id}"))
        })?;
        if subscription.last_transaction.is_none()
            && let Some(id) = last
        {
            subscription.last_transaction = Some(self.transaction(&id).await?);
        }
        Ok(subscription)
    }

    /// A page of all payments of the store, the newest first; the first page is 1.
    pub async fn transactions(&self, page: u32) -> Result<Transactions, ProviderError> {
        let mut url = self.url("v1/transactions/search")?;
        url.query_pairs_mut()
            .append_pair("page_number", &page.to_string())
            .append_pair("page_size", TRANSACTIONS_PAGE);
        self.send(Method::GET, &url, Bytes::new()).await
    }

    /// A payment as it is listed.
    pub async fn listed_transaction(&self, id: &str) -> Result<ListedTransaction, ProviderError> {
        self.get("v1/transactions", ("transaction_id", id)).await
    }

    /// A payment as it is now.
    pub async fn transaction(&self, id: &str) -> Result<Transaction, ProviderError> {
        self.get("v1/transactions", ("transaction_id", id)).await
    }

    /// Opens the page on which a customer manages subscriptions, and returns its address.
    pub async fn open_portal(&self, customer: &str) -> Result<String, ProviderError> {
        let portal: Portal = self.post("v1/customers/billing", &json!({ "customer_id": customer })).await?;
        Ok(portal.customer_portal_link)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: (&str, &str)) -> Result<T, ProviderError> {
        let mut url = self.url(path)?;
        url.query_pairs_mut().append_pair(query.0, query.1);
        self.send(Method::GET, &url, Bytes::new()).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, ProviderError> {
        self.send(Method::POST, &self.url(path)?, body.to_string().into()).await
    }

    fn url(&self, path: &str) -> Result<Url, ProviderError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| ProviderError::Unavailable("configuration"))?
            .pop_if_empty()
            .extend(path.split('/'));
        Ok(url)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        url: &Url,
        body: Bytes,
    ) -> Result<T, ProviderError> {
        let request = Request::builder()
            .method(&method)
            .uri(url.as_str())
            .header("x-api-key", &self.key)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|_| ProviderError::Unavailable("configuration"))?;
        let sending = self.client.send(request).instrument(asking(Provider::Creem));
        let (status, body) = sending.await.map_err(ProviderError::Unavailable)?;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map_err(|_| ProviderError::unreadable(Provider::Creem, asked(&method, url)));
        }
        Err(match status {
            StatusCode::NOT_FOUND => ProviderError::NotFound,
            // The key is wrong for now: an operator will mend that, and the order is still good.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ProviderError::Unavailable(KEY_REFUSED),
            StatusCode::TOO_MANY_REQUESTS => ProviderError::Unavailable(TOO_MANY_REQUESTS),
            status if status.is_server_error() => ProviderError::Unavailable("server error"),
            status => ProviderError::Refused { status: status.as_u16(), message: words(&body) },
        })
    }
}

/// The request in words: what is asked for by id stands in its query.
fn asked(method: &Method, url: &Url) -> String {
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{method} {}{query}", url.path())
}

fn words(body: &[u8]) -> String {
    match serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.message) {
        Ok(Message::One(text)) => text,
        Ok(Message::Many(texts)) => texts.join("; "),
        Err(_) => "The payment provider refused the request.".to_owned(),
    }
}
