//! The worker: does everything that talks to a provider and everything that adds or takes back credits.
//!
//! Each role consumes a queue of its own; `--roles apply,verify` runs only some of them, so that each can be scaled on
//! its own. [`handlers`] has a file for each job, `steps` what several of them need, and `commands` what operators
//! run from a shell.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

mod cli;
mod commands;
pub mod config;
mod context;
mod error;
pub mod handlers;
mod lanes;
pub mod providers;
mod steps;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use jobs::Role;
use kernel::clock::Clock;
use kernel::metrics::{self, Process, catalogue};
use kernel::{database, installation, service, test_clock};
use messaging::Publisher;
use messaging::collector::Collector;
use messaging::consumer::{Consumer, Limits};
use messaging::waits::Waits;
use tokio_util::sync::CancellationToken;

pub use config::Config;

use cli::Arguments;
use context::Context;
use handlers::catalogue::AnyJob;

/// Runs the process, or carries out a command.
pub fn main() -> ExitCode {
    let Arguments { service, roles, command } = Arguments::parse();
    let clock = Clock::system();
    match command {
        Some(command) => command.main(clock),
        None => service::main(
            Process::Worker,
            service,
            |environment| Config::read(environment, roles),
            |config, shutdown| run(config, clock, shutdown),
        ),
    }
}

/// Consumes until `shutdown`, then finishes what is under way.
///
/// # Errors
/// When the configuration cannot be used. Servers that are away are waited for.
pub async fn run(config: Config, clock: Clock, shutdown: CancellationToken) -> anyhow::Result<()> {
    let primary = database::primary(&config.connections)?;
    let pool = installation::pool(&primary, &config.connections, config.mode)?;
    let (pools, following) = ([pool.clone()], shutdown.clone());
    let followed = Arc::clone(&primary);
    tokio::spawn(async move { followed.follow(&pools, following).await });
    installation::check_at_start(&config.connections, config.mode).await?;
    test_clock::start(&clock, &primary, &config.connections, config.mode, shutdown.clone()).await?;
    // Jobs that are under way at the end still publish: the publisher stops after the consumers.
    let publishing = CancellationToken::new();
    let publisher = Publisher::start(&config.connections, publishing.clone());
    let broker = publisher.clone();
    tokio::spawn(metrics::watch(
        Process::Worker,
        pool.clone(),
        move || broker.is_connected(),
        shutdown.clone(),
    ));
    count_from_zero();
    let mut contexts = Vec::new();
    for role in &config.roles {
        let context = Context::new(&config, *role, pool.clone(), publisher.clone(), clock.clone())?;
        contexts.push((role, Arc::new(context)));
    }
    let waits = Waits::default();
    tokio::spawn(waits.clone().keep(pool.clone(), clock.clone(), shutdown.clone()));
    let collector = Collector { connections: config.connections.clone(), pool: pool.clone(), clock };
    let collecting = tokio::spawn(collector.run(shutdown.clone()));
    let consumers = contexts.iter().map(|(role, context)| {
        let consumer = Consumer {
            connections: config.connections.clone(),
            publisher: publisher.clone(),
            role: **role,
            limits: limits(**role),
            waits: waits.clone(),
            handler: Arc::clone(context),
        };
        tokio::spawn(consumer.run(shutdown.clone()))
    });
    let consumers = futures::future::join_all(consumers);
    let disagreement = installation::disagreement(&config.connections, &pool, config.mode);
    let all_ended = tokio::select! {
        all_ended = consumers => all_ended,
        error = disagreement => return Err(error.into()),
    };
    for ended in all_ended {
        ended?;
    }
    collecting.await?;
    for (_, context) in &contexts {
        context.finish().await;
    }
    publishing.cancel();
    pool.close().await;
    Ok(())
}

/// Shows the jobs that have not happened yet.
fn count_from_zero() {
    for kind in AnyJob::KINDS {
        for outcome in ["done", "unavailable", "failed", "dead"] {
            catalogue::JOBS.add([*kind, outcome], 0_u64);
        }
    }
}

/// How many jobs each role takes at once.
fn limits(role: Role) -> Limits {
    let alone = |concurrency| Limits { batch: 1, concurrency, linger: Duration::ZERO };
    match role {
        // Large batches share a commit; a second one is read and decided while the first is written.
        Role::Apply => Limits { batch: 64, concurrency: 2, linger: Duration::from_millis(4) },
        // These wait for the provider most of the time.
        Role::Recharge => alone(16),
        // Those of a user who has many on their way are put off at once.
        Role::Checkout => alone(32),
        Role::Verify => alone(8),
        // These wait for the host application's endpoints; slow ones must not delay the rest.
        Role::Notify => alone(128),
    }
}
