//! Selling credits: the catalog, orders and payments, what providers say about them, subscriptions, auto-recharge,
//! money that goes back, coupons, check-ins, app stores, reconciliation.
//!
//! Each folder has `rules` (pure), `operations` (the verbs that processes call) and `store` (the SQL). Nothing here
//! knows HTTP, the broker or a provider's client.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod app_stores;
pub mod auto_recharge;
pub mod catalog;
pub mod checkins;
pub mod coupons;
pub mod finding;
pub mod imports;
pub mod installation;
pub mod packages;
pub mod payments;
pub mod plans;
pub mod provider;
pub mod provider_events;
pub mod quarantine;
pub mod reconciliation;
pub mod refunds;
pub mod reversals;
pub mod sales;
pub mod settlement;
pub mod statistics;
pub mod subscriptions;
pub mod timeline;
