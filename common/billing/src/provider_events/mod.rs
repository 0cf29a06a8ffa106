//! Provider events: webhooks as received, what each says, and the record of what became of it.

use jobs::job;
use kernel::clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::payments::Provider;

/// A webhook whose signature was verified, word for word.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProviderEvent {
    /// Who sent it.
    pub provider: Provider,
    /// When it arrived.
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: Timestamp,
    /// Its text.
    pub body: Box<RawValue>,
}

/// Applies webhooks that the API has accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplyProviderEvents {
    /// One or more: webhooks that came together share a message.
    pub events: Vec<ProviderEvent>,
}
job!(ApplyProviderEvents: "provider.events" on Apply, 8 attempts);

/// Asks the provider about the object of an event that does not prove itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerifyObject {
    /// Who has it.
    pub provider: Provider,
    /// Its id there, such as `cs_…` or `pi_…`.
    pub object_id: String,
}
job!(VerifyObject: "object.verify" on Verify, 8 attempts);
