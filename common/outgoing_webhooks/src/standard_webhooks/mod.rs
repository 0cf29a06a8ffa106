//! Telling other systems over HTTP, as Standard Webhooks has it: how messages are signed, which addresses they may go
//! to, and the client that sends them. <https://github.com/standard-webhooks/standard-webhooks>, version 1.0.0.

pub mod address;
pub mod client;
pub mod signature;
