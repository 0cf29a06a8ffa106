//! Jobs: the messages that travel between processes.
//!
//! [`job!`] declares a job beside the code that emits it: its stable kind on the wire, the role that runs it, and how
//! many unexpected failures make it a dead letter. (An outage of the database, the broker or a provider never
//! counts.) A renamed struct keeps its kind. The worker lists every job in one
//! [`job_set!`] and matches on it exhaustively, so a job without a handler does not compile.
//!
//! On the wire a job is `{"kind": …, "payload": …}`: an [`EncodedJob`]. [`outbox`] writes it in the transaction that
//! emits it.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod outbox;
mod role;
mod set;
mod wire;

pub use role::Role;
pub use set::JobSet;
pub use wire::{EncodedJob, Envelope, UnreadableJob};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A message that a worker acts on. Running a job twice has the same effect as running it once.
pub trait Job: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The stable name on the wire.
    const KIND: &'static str;
    const ROLE: Role;
    /// How many failed attempts make it a dead letter.
    const ATTEMPTS: u32;
}

/// Declares a job: `job!(ApplyPaymentFact: "payment.fact" on Apply, 8 attempts);`
#[macro_export]
macro_rules! job {
    ($name:ident: $kind:literal on $role:ident, $attempts:literal attempts) => {
        impl $crate::Job for $name {
            const KIND: &'static str = $kind;
            const ROLE: $crate::Role = $crate::Role::$role;
            const ATTEMPTS: u32 = $attempts;
        }
    };
}
