//! The rules of the business and where their state is kept. Each folder has `rules` (pure), `operations` (the verbs
//! that processes call; they own the transactions) and `store` (the SQL). Nothing here knows HTTP, the broker or a
//! provider's client.

pub mod app_stores;
pub mod audit;
pub mod catalog;
pub mod checkins;
pub mod coupons;
pub mod dead_letters;
pub mod idempotency;
pub mod identity;
pub mod ledger;
pub mod packages;
pub mod payments;
pub mod plans;
pub mod recharge;
pub mod reconciliation;
pub mod reversals;
pub mod subscriptions;
pub mod webhooks;
