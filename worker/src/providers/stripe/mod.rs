//! Stripe: the signatures of its webhooks, its events read tolerantly, its objects asked for, its payment pages
//! opened. The only user of the `stripe` crates.

pub mod client;
pub mod event;
pub mod listing;
pub mod objects;
pub mod off_session;
pub mod reversals;
pub mod subscriptions;

/// The API version whose objects this build reads. The webhook endpoint at Stripe must be created with it: events of
/// another version are not taken at their word, their object is asked for.
pub const API_VERSION: &str = "2026-09-30.endive";
