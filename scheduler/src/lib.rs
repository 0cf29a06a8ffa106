//! The scheduler: emits jobs by the clock and publishes what the outbox still holds.
//!
//! Several replicas may run. A Postgres advisory lock elects one; when it dies, its connection does, and another
//! takes over within a second. Every scheduled job may run twice without harm, so the moment of change is harmless.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod leader;
pub mod schedule;
pub mod ticker;

use std::process::ExitCode;

use kernel::clock::Clock;
use kernel::config::{ConfigError, Connections};
use kernel::{database, service};
use messaging::Publisher;
use tokio_util::sync::CancellationToken;

/// Everything the scheduler needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Database and broker.
    pub connections: Connections,
}

impl Config {
    /// Reads the variables named at the fields.
    ///
    /// # Errors
    /// The first one that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self { connections: Connections::from_env()? })
    }
}

/// Runs the process.
pub fn main() -> ExitCode {
    service::main("scheduler", async |shutdown| run(Config::from_env()?, Clock::system(), shutdown).await)
}

/// Leads, or waits to lead, until `shutdown`.
///
/// # Errors
/// When the configuration cannot be used. Servers that are away are waited for.
pub async fn run(config: Config, clock: Clock, shutdown: CancellationToken) -> anyhow::Result<()> {
    let pool = database::pool(&config.connections)?;
    let publishing = CancellationToken::new();
    let publisher = Publisher::start(&config.connections, publishing.clone());
    let ticker = ticker::Ticker { pool: pool.clone(), publisher, clock };
    leader::lead_until(&pool, &shutdown, async |leadership| ticker.run(leadership).await).await;
    publishing.cancel();
    pool.close().await;
    Ok(())
}
