//! What the three processes share: the domain (ledger, payments, catalog, identity), the messages between
#![deny(clippy::as_conversions, clippy::float_arithmetic)]
//! processes and how they travel, and the clients of the payment providers.

pub mod clock;
pub mod config;
pub mod database;
pub mod domain;
pub mod group;
pub mod ids;
pub mod jobs;
pub mod messaging;
pub mod money;
pub mod retry;
pub mod service;
pub mod stripe;
pub mod telemetry;
mod text_enum;
