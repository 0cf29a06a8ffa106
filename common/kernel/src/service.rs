//! What `main` of every process does: settings, logs, metrics, migrations when asked for, and a graceful stop on
//! SIGTERM or SIGINT. And what it does for a command that an operator gives: settings, logs, and an exit code.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use sqlx::Connection;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Connections, Environment, Reported};
use crate::metrics::Process;
use crate::process;
use crate::telemetry::Telemetry;
use crate::{database, retry};

/// How long a migration waits for a database that is starting.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(10);

/// The arguments that every process takes.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct ServiceArguments {
    /// Bring the database's schema up to date before starting
    #[arg(long)]
    migrate: bool,
    /// Bring the database's schema up to date and exit
    #[arg(long)]
    migrate_only: bool,
}

/// Runs a process until it ends by itself or is asked to stop.
pub fn main<Config, Running>(
    process: Process,
    arguments: ServiceArguments,
    read: impl FnOnce(&mut Environment) -> Result<Config, Reported>,
    run: impl FnOnce(Config, CancellationToken) -> Running,
) -> ExitCode
where
    Running: Future<Output = anyhow::Result<()>>,
{
    process::set_service(process.as_str());
    let outcome = if arguments.migrate_only {
        configured(Connections::read).and_then(|(telemetry, connections)| {
            telemetry.start_logs();
            run_to_end(migrate(&connections))
        })
    } else {
        configured(read).and_then(|(telemetry, config)| {
            run_to_end(start(process, telemetry, arguments, |shutdown| run(config, shutdown)))
        })
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error:#}", process.as_str());
            ExitCode::FAILURE
        }
    }
}

/// How a command ends, as `diff` has it. A command that could not be carried out ends with 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well, or done: 0.
    Fine,
    /// There is something left for a person to do: 1.
    Remaining,
}

/// Carries out a command to its end.
pub fn command<Config, Work>(
    name: &'static str,
    read: impl FnOnce(&mut Environment) -> Result<Config, Reported>,
    work: impl FnOnce(Config) -> Work,
) -> ExitCode
where
    Work: Future<Output = anyhow::Result<Verdict>>,
{
    let outcome = configured(read).and_then(|(telemetry, config)| {
        telemetry.start_logs();
        run_to_end(work(config))
    });
    match outcome {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Remaining) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn configured<Config>(
    read: impl FnOnce(&mut Environment) -> Result<Config, Reported>,
) -> anyhow::Result<(Telemetry, Config)> {
    let configured = config::read(|environment| {
        let telemetry = Telemetry::read(environment);
        Ok((telemetry, read(environment)?))
    })?;
    Ok(configured)
}

fn run_to_end<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

async fn migrate(connections: &Connections) -> anyhow::Result<()> {
    let primary =
        database::direct_primary(connections).context("the address of the database cannot be used")?;
    let connect = || primary.connect();
    let mut connection = retry::with_patience(MIGRATION_PATIENCE, database::is_transient, connect).await?;
    database::migrate(&mut connection).await?;
    if connections.database_direct_url.is_some() {
        database::give_settings_to_role(&mut connection, connections).await?;
    }
    connection.close().await?;
    tracing::info!("the schema is up to date");
    Ok(())
}

async fn start<Running>(
    process: Process,
    telemetry: Telemetry,
    arguments: ServiceArguments,
    run: impl FnOnce(CancellationToken) -> Running,
) -> anyhow::Result<()>
where
    Running: Future<Output = anyhow::Result<()>>,
{
    let name = process.as_str();
    let traces = telemetry.start(process)?;
    if arguments.migrate {
        migrate(&config::read(Connections::read)?).await?;
    }
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping: finishing what is under way");
        stop.cancel();
    });
    tracing::info!("{name} starts");
    let ended = run(shutdown).await;
    if let Some(traces) = traces {
        traces.finish().await;
    }
    ended?;
    tracing::info!("{name} has stopped");
    Ok(())
}
