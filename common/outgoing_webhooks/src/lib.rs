//! Webhooks to the host application: its endpoints, and the deliveries to each of them.
//!
//! Delivery is at least once, in no order: a message is sent with the same id at growing intervals, for about a day,
//! until the endpoint answers 2xx. A delivery is written in the transaction that decides it, together with its job. The
//! sweep reads these rows, so no delivery depends on the broker.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

mod history;
pub mod operations;
pub mod rules;
pub mod standard_webhooks;
mod store;

use jobs::job;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use kernel::clock::Timestamp;
use kernel::config::Secret;
use kernel::ids::{MessageId, WalletId, WebhookDeliveryId, WebhookEndpointId};
use kernel::text_enum;

/// The settings of an endpoint that an administrator chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSettings {
    /// Checked by [`Reach::check`](crate::standard_webhooks::address::Reach::check).
    pub url: String,
    /// The event types that it receives; empty means all.
    pub event_types: Vec<String>,
    pub is_enabled: bool,
}

/// An endpoint as stored, without its secrets, which are shown only once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub id: WebhookEndpointId,
    pub url: String,
    /// The event types that it receives; empty means all.
    pub event_types: Vec<String>,
    /// None if it is enabled.
    pub disabled_reason: Option<String>,
    /// The first failure since the last success.
    pub failing_since: Option<Timestamp>,
    /// Failures since the last success.
    pub consecutive_failures: i64,
    /// Until when the previous secret signs too, if there is one.
    pub previous_secret_until: Option<Timestamp>,
    pub created_at: Timestamp,
    /// The last change by an administrator.
    pub updated_at: Timestamp,
}

text_enum! {
    /// The progress of a delivery.
    DeliveryState {
        /// An attempt is running or still to come.
        Pending => "pending",
        /// The endpoint answered 2xx.
        Delivered => "delivered",
        /// Given up: only an administrator can replay it.
        Failed => "failed",
    }
}

/// A message to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: WebhookDeliveryId,
    pub endpoint_id: WebhookEndpointId,
    /// The `webhook-id`.
    pub message_id: MessageId,
    pub event_type: String,
    pub state: DeliveryState,
    /// None unless it is pending.
    pub next_attempt_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub delivered_at: Option<Timestamp>,
    /// Oldest first.
    pub attempts: Vec<Attempt>,
}

/// One attempt to send a message, whether or not it could be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: i32,
    /// None if the endpoint did not answer.
    pub response_status: Option<i16>,
    /// None if the endpoint answered 2xx.
    pub failure: Option<String>,
    pub duration_ms: i64,
    pub ended_at: Timestamp,
}

/// An event of a wallet, for the endpoints.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The same for every endpoint and attempt.
    pub id: MessageId,
    pub happened_at: Timestamp,
    pub wallet_id: WalletId,
    /// An object whose `type` says what happened.
    pub body: &'a RawValue,
    /// Its place among the wallet's messages. None of those of older versions.
    pub sequence: Option<i64>,
}

/// A delivery to attempt now.
#[derive(Clone, Debug)]
pub struct Due {
    pub id: WebhookDeliveryId,
    /// Attempts so far.
    pub attempts: i32,
    pub endpoint_id: WebhookEndpointId,
    pub url: String,
    /// The `webhook-id`.
    pub message_id: MessageId,
    pub payload: String,
    /// The secrets that sign it, the current one first.
    pub secrets: Vec<Secret>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// None if the endpoint did not answer.
    pub response_status: Option<u16>,
    /// None if the endpoint answered 2xx.
    pub failure: Option<&'static str>,
}

/// The consequence of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    Delivered,
    /// The attempt failed; another will follow.
    Retried,
    /// The last attempt failed.
    Failed,
    /// The attempt failed, and the endpoint is disabled for this reason.
    Disabled(&'static str),
    /// Another attempt with the same number was recorded first, or the endpoint was deleted meanwhile.
    Superseded,
}

#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error("There is no such webhook endpoint.")]
    NoEndpoint,
    #[error("There is no such delivery.")]
    NoDelivery,
    #[error("The webhook endpoint is disabled: enable it first.")]
    Disabled,
    #[error("There are {0} webhook endpoints, which is the limit.")]
    TooMany(i64),
    /// A field is invalid; the text says which and why.
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Attempts one delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliverWebhook {
    pub delivery_id: WebhookDeliveryId,
    /// Attempts so far: a job that is redelivered after its attempt was recorded does nothing.
    pub attempts: i32,
}
job!(DeliverWebhook: "webhook.deliver" on Notify, 8 attempts);

/// Finds deliveries that are due for another attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RetryWebhooks {}
job!(RetryWebhooks: "webhooks.retry" on Notify, 3 attempts);
