//! The one test binary: every integration test is a module of it, so that all share one PostgreSQL and one RabbitMQ.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::too_many_lines)]

mod checkout;
mod dev;
mod dialects;
mod events;
mod every_job;
mod ledger;
mod messaging;
mod native;
mod openapi;
mod organizations;
mod outages;
mod private_servers;
mod purchases;
mod reversals;
mod scheduler;
mod settings;
mod tidy;
mod webhooks;
mod worlds;
