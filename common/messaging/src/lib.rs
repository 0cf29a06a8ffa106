//! Moves jobs between processes: durable queues on RabbitMQ, one publisher, one consumer runtime, dead letters, and
//! the publishing of the outbox. The only user of the crate `lapin`.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod collector;
mod connection;
pub mod consumer;
pub mod dead_letters;
pub mod inbox;
mod job_spans;
pub mod outbox;
pub mod publisher;
pub mod queues;
pub mod topology;
pub mod waits;

pub use publisher::{PublishError, Publisher};
