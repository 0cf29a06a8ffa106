//! The one test binary: every integration test is a module of it, so that all share one PostgreSQL and one RabbitMQ.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::too_many_lines)]

mod balance_alerts;
mod checkout;
mod commands;
mod conformance;
mod crash_points;
mod dead_letters;
mod dev;
mod dialects;
mod events;
mod every_job;
mod fuzz;
mod ledger;
mod live;
mod messaging;
mod native;
mod openapi;
mod organizations;
mod outages;
mod private_servers;
mod purchases;
mod quarter;
mod rate_limits;
mod recharge;
mod reconcile;
mod revenuecat;
mod reversals;
mod scheduler;
mod security;
mod settings;
mod subscriptions;
mod tidy;
mod tokens;
mod webhook_endpoints;
mod webhooks;
mod worlds;
