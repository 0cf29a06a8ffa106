//! What every provider's client has in common.

pub mod creem;
pub mod revenuecat;
pub mod stripe;

/// Why a provider gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It refuses, and would again.
    #[error("the provider refused with status {status}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its words, fit for the buyer.
        message: String,
    },
    /// There is no such object.
    #[error("the provider has no such object")]
    NotFound,
    /// The customer it was asked for is gone.
    #[error("the provider has no such customer")]
    NoCustomer,
    /// It did not answer, not readably, or asks to come back later. What was asked may have been done: ask again
    /// with the same key.
    #[error("the provider gave no answer ({0})")]
    Unavailable(&'static str),
}
