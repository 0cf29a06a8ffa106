//! The scheduler: emits jobs by the clock and publishes what the outbox still holds.
//!
//! Several replicas may run, and a lease elects one; when it dies, another takes over within seconds. Every scheduled
//! job may run twice without harm, so the moment of change is harmless.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod leader;
pub mod measure;
pub mod schedule;
pub mod ticker;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use kernel::clock::Clock;
use kernel::config::{Connections, Environment, Mode, Reported};
use kernel::metrics::{self, Process};
use kernel::service::{self, ServiceArguments};
use kernel::{database, test_clock};
use messaging::Publisher;
use tokio_util::sync::CancellationToken;

use measure::Meter;

/// Everything the scheduler needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Database and broker.
    pub connections: Connections,
    pub retention: Retention,
    /// `SEVERAL_SUBSCRIPTIONS`: `true` lets a wallet have more than one subscription, so none is counted as doubled;
    /// `false` unless set.
    pub several_subscriptions: bool,
}

/// How long the records of what is over are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// `KEEP_PROVIDER_EVENTS_DAYS`: of events that were dealt with; 90 unless set, at least 35: providers send an event
    /// again for up to a month. Quarantined ones stay until they are dealt with.
    pub provider_events: time::Duration,
    /// `KEEP_DEAD_LETTERS_DAYS`: of dead letters that were replayed or discarded; 90 unless set.
    pub dead_letters: time::Duration,
}

impl Retention {
    fn read(environment: &mut Environment) -> Self {
        let events: i64 = environment.at_least("KEEP_PROVIDER_EVENTS_DAYS", 35, 90);
        let letters: i64 = environment.at_least("KEEP_DEAD_LETTERS_DAYS", 1, 90);
        Self { provider_events: time::Duration::days(events), dead_letters: time::Duration::days(letters) }
    }
}

impl Config {
    /// Reads the variables named at the fields.
    ///
    /// # Errors
    /// When something that must be set is missing or wrong.
    pub fn read(environment: &mut Environment) -> Result<Self, Reported> {
        let retention = Retention::read(environment);
        let several_subscriptions =
            environment.parsed("SEVERAL_SUBSCRIPTIONS", false, "give `true` or `false`");
        Ok(Self { connections: Connections::read(environment)?, retention, several_subscriptions })
    }
}

/// Purser's scheduler: emits jobs by the clock. Settings come from the environment, see .env.example
#[derive(Debug, Parser)]
#[command(name = "scheduler", version)]
struct Arguments {
    #[command(flatten)]
    service: ServiceArguments,
}

/// Runs the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    service::main(Process::Scheduler, arguments.service, Config::read, |config, shutdown| {
        run(config, Clock::system(), shutdown)
    })
}

/// Leads, or waits to lead, until `shutdown`.
///
/// # Errors
/// When the configuration cannot be used. Servers that are away are waited for.
pub async fn run(config: Config, clock: Clock, shutdown: CancellationToken) -> anyhow::Result<()> {
    let primary = database::primary(&config.connections)?;
    let pool = database::pool_of(&primary, &config.connections)?;
    let (pools, following) = ([pool.clone()], shutdown.clone());
    let followed = Arc::clone(&primary);
    tokio::spawn(async move { followed.follow(&pools, following).await });
    // In live mode the clock is never moved.
    test_clock::start(&clock, &primary, &config.connections, Mode::Test, shutdown.clone()).await?;
    let publishing = CancellationToken::new();
    let publisher = Publisher::start(&config.connections, publishing.clone());
    let broker = publisher.clone();
    tokio::spawn(metrics::watch(
        Process::Scheduler,
        pool.clone(),
        move || broker.is_connected(),
        shutdown.clone(),
    ));
    let meter = Meter::new(&config.connections, pool.clone(), clock.clone(), config.several_subscriptions);
    let ticker = ticker::Ticker {
        pool: pool.clone(),
        publisher,
        clock,
        retention: config.retention,
        meter,
        leads: Arc::default(),
    };
    let leading = leader::lead_until(&pool, &shutdown, async |leadership| ticker.run(leadership).await);
    tokio::join!(leading, ticker.show_leadership(&shutdown));
    publishing.cancel();
    pool.close().await;
    Ok(())
}
