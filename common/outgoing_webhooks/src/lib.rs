//! Telling the host application what happened: its webhook endpoints, and what is delivered to each of them.
//!
//! Delivery is at least once, in no order: a message is sent until the endpoint answers 2xx, with the same id every
//! time, in growing distances for about a day. A delivery is written in the transaction that decides it, together with
//! its job; the rows are what is swept, so that nothing depends on a message of the broker.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod operations;
pub mod rules;
pub mod standard_webhooks;
mod store;

use jobs::job;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use kernel::clock::Timestamp;
use kernel::config::Secret;
use kernel::ids::{MessageId, WalletId, WebhookDeliveryId, WebhookEndpointId};
use kernel::text_enum;

/// An endpoint as an administrator writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSettings {
    /// Where it is; checked by [`Reach::check`](crate::standard_webhooks::address::Reach::check).
    pub url: String,
    /// The types that it is told of; none named: all.
    pub event_types: Vec<String>,
    /// Whether it is told.
    pub is_enabled: bool,
}

/// An endpoint as stored, without its secrets: these are shown when they are made, and sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Which.
    pub id: WebhookEndpointId,
    /// Where it is.
    pub url: String,
    /// The types that it is told of; none named: all.
    pub event_types: Vec<String>,
    /// Why it is not told; none if it is.
    pub disabled_reason: Option<String>,
    /// Its first failure since its last success.
    pub failing_since: Option<Timestamp>,
    /// How many failures since then.
    pub consecutive_failures: i64,
    /// Until when the secret before the present one signs too, if one was replaced.
    pub previous_secret_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When an administrator changed it.
    pub updated_at: Timestamp,
}

text_enum! {
    /// How a delivery stands.
    DeliveryState {
        /// Under way, or to be tried again.
        Pending => "pending",
        /// The endpoint has taken it.
        Delivered => "delivered",
        /// Given up: only a person has it tried again.
        Failed => "failed",
    }
}

/// A message to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which.
    pub id: WebhookDeliveryId,
    /// To whom.
    pub endpoint_id: WebhookEndpointId,
    /// The `webhook-id`.
    pub message_id: MessageId,
    /// The type of what happened.
    pub event_type: String,
    /// How it stands.
    pub state: DeliveryState,
    /// When it is tried again.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When the endpoint took it.
    pub delivered_at: Option<Timestamp>,
    /// What was tried, oldest first.
    pub attempts: Vec<Attempt>,
}

/// One time that a message was sent, or could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: i32,
    /// What the endpoint answered, if it did.
    pub response_status: Option<i16>,
    /// What went wrong, if anything.
    pub failure: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// Something that happened to a wallet, to be told.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The same however often it is told.
    pub id: MessageId,
    /// When it happened.
    pub happened_at: Timestamp,
    /// The wallet.
    pub wallet_id: WalletId,
    /// An object whose `type` says what happened.
    pub body: &'a Value,
}

/// A delivery that is to be sent now.
#[derive(Clone, Debug)]
pub struct Due {
    /// Which.
    pub id: WebhookDeliveryId,
    /// How many attempts there were.
    pub attempts: i32,
    /// To whom.
    pub endpoint_id: WebhookEndpointId,
    /// Where the endpoint is.
    pub url: String,
    /// The `webhook-id`.
    pub message_id: MessageId,
    /// The body.
    pub payload: String,
    /// What signs it, the present one first.
    pub secrets: Vec<Secret>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the endpoint answered, if it did.
    pub response_status: Option<u16>,
    /// What went wrong; none if the message was taken.
    pub failure: Option<&'static str>,
}

/// What followed from an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The message was taken.
    Delivered,
    /// It will be tried again.
    Retried,
    /// It was the last attempt.
    Failed,
    /// It failed, and its endpoint is not told any more, for this reason.
    Disabled(&'static str),
    /// Another attempt of the same number was recorded first, or the endpoint was deleted meanwhile.
    Superseded,
}

/// Why something about webhook endpoints cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There is no such endpoint.
    #[error("There is no such webhook endpoint.")]
    NoEndpoint,
    /// There is no such delivery.
    #[error("There is no such delivery.")]
    NoDelivery,
    /// The endpoint is not told anything.
    #[error("The webhook endpoint is disabled: enable it first.")]
    Disabled,
    /// There are as many as there may be.
    #[error("There are {0} webhook endpoints, which is the limit.")]
    TooMany(i64),
    /// A field cannot be accepted; the text says which and why.
    #[error("{0}")]
    Invalid(&'static str),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Tells one webhook endpoint of the host application.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliverWebhook {
    /// What is delivered to whom.
    pub delivery_id: WebhookDeliveryId,
    /// How many attempts there were before: a message that comes again after its attempt was recorded does nothing.
    pub attempts: i32,
}
job!(DeliverWebhook: "webhook.deliver" on Notify, 8 attempts);

/// Looks for deliveries that are to be tried again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RetryWebhooks {}
job!(RetryWebhooks: "webhooks.retry" on Notify, 3 attempts);
