//! What the three processes share: the domain (ledger, payments, catalog, identity), the messages between
//! processes and how they travel, the clients of the payment providers, and the client of webhook endpoints.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod clock;
pub mod config;
pub mod crash;
pub mod creem;
pub mod database;
pub mod domain;
pub mod group;
pub mod ids;
pub mod jobs;
pub mod messaging;
pub mod money;
pub mod provider;
pub mod retry;
pub mod service;
pub mod standard_webhooks;
pub mod stripe;
pub mod telemetry;
mod text_enum;
