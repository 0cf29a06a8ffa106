//! What the clients and readers of all providers have in common.

pub mod creem;
pub mod revenuecat;
pub mod stripe;

use billing::payments::Provider;
use kernel::metrics::catalogue;
use kernel::span;
use serde::Deserialize;
use tracing::Span;

/// The key of the order's id in the metadata that providers keep for this installation.
const PAYMENT_ID: &str = "payment_id";
/// The key of the mark of the installation that an order is from: others may sell on the same account.
const INSTALLATION: &str = "purser_installation";
/// The key of the buyer's id.
const USER_ID: &str = "user_id";

/// Why a provider gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It refuses, and would again.
    #[error("the provider refused with status {status}: {message}")]
    Refused {
        status: u16,
        /// The provider's words, fit for the buyer.
        message: String,
    },
    #[error("the provider has no such object")]
    NotFound,
    #[error("the provider has no such customer")]
    NoCustomer,
    /// It answered, and the answer cannot be read: asking again would lead to the same. What was asked may have been
    /// done.
    #[error("the provider's answer to {0} cannot be read")]
    Unreadable(
        /// What was asked for, with the id of the object.
        String,
    ),
    /// It did not answer, or asks to come back later. What was asked may have been done: ask again
    /// with the same key.
    #[error("the provider gave no answer ({0})")]
    Unavailable(&'static str),
}

impl ProviderError {
    /// That an answer to `asked` cannot be read, and that it is counted.
    pub(crate) fn unreadable(provider: Provider, asked: String) -> Self {
        catalogue::UNREADABLE_ANSWERS.increment([provider.as_str()]);
        Self::Unreadable(asked)
    }
}

/// An object's id, alone or within the whole object.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Reference {
    Id(String),
    Object { id: String },
}

impl Reference {
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) | Self::Object { id } => id,
        }
    }
}

/// The span of a request to a provider.
pub(crate) fn asking(provider: Provider) -> Span {
    span!("provider", otel.name = provider.as_str(), otel.kind = "client")
}
