//! Creem: signatures, events, and the client. Creem is the merchant of record: what a buyer pays has sales tax in it,
//! which is not ours. Facts: docs.creem.io and Creem's own SDK, November 2026.

pub mod client;
pub mod event;
pub mod objects;
pub mod reversals;
