//! What Creem is asked to do to a subscription: end it, move it to another product, give its last payment back.

use serde::Deserialize;
use serde_json::json;

use super::client::{CreemClient, KEY_REFUSED, TOO_MANY_REQUESTS};
use super::objects::Subscription;
use crate::providers::ProviderError;

/// What came of asking for a refund.
#[derive(Debug)]
pub enum RefundAnswer {
    /// It is made, or on its way.
    Taken,
    /// It is surely not made.
    NotTaken(ProviderError),
    /// It may be made or not.
    Unknown,
}

#[derive(Deserialize)]
struct Made {
    #[serde(default)]
    status: Option<String>,
}

impl CreemClient {
    /// Ends a subscription, at once or with its period, or finds that it is so.
    pub async fn end_subscription(&self, id: &str, is_later: bool) -> Result<Subscription, ProviderError> {
        let mode = if is_later { "scheduled" } else { "immediate" };
        let path = format!("v1/subscriptions/{id}/cancel");
        let ended: Result<Subscription, _> =
            self.post(&path, &json!({ "mode": mode, "onExecute": "cancel" })).await;
        let is_so = |status: &str| status == "canceled" || (is_later && status == "scheduled_cancel");
        match ended {
            Err(error @ ProviderError::Refused { .. }) => {
                let found = self.subscription(id).await?;
                if is_so(&found.status) { Ok(found) } else { Err(error) }
            }
            ended => ended,
        }
    }

    /// Moves a subscription to another product, and charges the difference at once. One that is on the product already
    /// stays as it is, so asking again is harmless.
    pub async fn change_subscription(&self, id: &str, product: &str) -> Result<Subscription, ProviderError> {
        let is_on = |found: &Subscription| found.product.as_ref().is_some_and(|own| own.id == product);
        let found = self.subscription(id).await?;
        if is_on(&found) {
            return Ok(found);
        }
        let path = format!("v1/subscriptions/{id}/upgrade");
        let body = json!({ "product_id": product, "update_behavior": "proration-charge-immediately" });
        match self.post::<Subscription>(&path, &body).await {
            // An earlier request was carried out, whose answer was lost.
            Err(error @ ProviderError::Refused { .. }) => {
                let found = self.subscription(id).await?;
                if is_on(&found) { Ok(found) } else { Err(error) }
            }
            changed => changed,
        }
    }

    /// Gives back all that is left of a payment. Creem knows no idempotency keys: to be asked once.
    pub async fn give_back(&self, transaction: &str) -> RefundAnswer {
        let made = self.post::<Made>("v1/refunds", &json!({ "transaction_id": transaction })).await;
        match made {
            Ok(Made { status: Some(status) }) if matches!(status.as_str(), "failed" | "canceled") => {
                let message = format!("the refund is {status} at Creem");
                RefundAnswer::NotTaken(ProviderError::Refused { status: 409, message })
            }
            Ok(_) => RefundAnswer::Taken,
            Err(ProviderError::Unavailable(TOO_MANY_REQUESTS)) => {
                RefundAnswer::NotTaken(ProviderError::Unavailable(TOO_MANY_REQUESTS))
            }
            Err(ProviderError::Unavailable(KEY_REFUSED)) => {
                RefundAnswer::NotTaken(ProviderError::Unavailable(KEY_REFUSED))
            }
            Err(
                error @ (ProviderError::Refused { .. } | ProviderError::NotFound | ProviderError::NoCustomer),
            ) => RefundAnswer::NotTaken(error),
            Err(ProviderError::Unavailable(_) | ProviderError::Unreadable(_)) => RefundAnswer::Unknown,
        }
    }
}
