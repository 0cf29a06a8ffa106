//! Standard Webhooks 1.0.0 (<https://github.com/standard-webhooks/standard-webhooks>): how messages are signed, which
//! addresses they may go to, and the client that sends them.

pub mod address;
pub mod client;
pub mod signature;
