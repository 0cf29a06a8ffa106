//! Tests of the emulator as its callers see it: over HTTP, with official SDKs, and as a webhook receiver.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod clock;
mod coupons;
mod creem;
mod disputes;
mod foreign;
mod harness;
mod idempotency;
mod invoices;
mod pages;
mod processing;
mod python_sdk;
mod renewals;
mod revenuecat;
mod rust_sdk;
mod webhooks;
