//! Creem: a tolerant reader of its events and objects, and a client. Creem is the merchant of record: what a buyer pays
//! includes sales tax, which Creem keeps. Sources: docs.creem.io and Creem's own SDK, November 2026.

pub mod client;
pub mod event;
pub mod instructions;
pub mod objects;
pub mod reversals;
