//! Stripe: a tolerant reader of its events and objects, and a client that asks for objects, opens payment pages and
//! charges saved cards. The only user of the `stripe` crates.

pub mod client;
pub mod event;
pub mod instructions;
pub mod listing;
pub mod objects;
pub mod off_session;
pub mod reversals;
pub mod subscriptions;

/// The API version whose objects this build reads. The webhook endpoint at Stripe must be created with it: Stripe
/// is asked about the object of every event of another version.
pub const API_VERSION: &str = "2026-09-30.endive";
