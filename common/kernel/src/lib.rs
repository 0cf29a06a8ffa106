//! What everything else stands on: time, identifiers, money, configuration, the database, how a process starts and
//! stops. No rule of the business is here.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod clock;
pub mod config;
pub mod crash;
pub mod database;
pub mod deadline;
pub mod group_commit;
pub mod https;
pub mod ids;
pub mod installation;
pub mod lease;
pub mod metadata;
pub mod metrics;
pub mod money;
pub mod process;
pub mod redaction;
pub mod retry;
pub mod schedule_runs;
pub mod service;
pub mod telemetry;
pub mod test_clock;
mod text_enum;
pub mod traces;

/// A request takes and frees some kilobytes in pieces that the system's allocator is slow with: they were a sixth of
/// what a debit costs the API.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
