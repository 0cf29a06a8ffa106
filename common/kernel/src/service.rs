//! What `main` of every process does: logs, metrics, migrations when asked for, and a graceful stop on SIGTERM or
//! SIGINT. And what it does for a command that an operator gives: logs, and an exit code.

use std::future::Future;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Connections;
use crate::database;

/// Runs a process until it ends by itself or is told to stop. With `--migrate` among the arguments the schema is
/// brought up to date first; with `--migrate-only` that is all that happens.
pub fn main<Run, Running>(name: &'static str, run: Run) -> ExitCode
where
    Run: FnOnce(CancellationToken) -> Running,
    Running: Future<Output = anyhow::Result<()>>,
{
    match run_to_end(start(name, run)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error:#}");
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
pub fn command(name: &'static str, work: impl Future<Output = anyhow::Result<Verdict>>) -> ExitCode {
    let outcome = crate::telemetry::start_logs().and_then(|()| run_to_end(work));
    match outcome {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Remaining) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run_to_end<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

async fn start<Run, Running>(name: &'static str, run: Run) -> anyhow::Result<()>
where
    Run: FnOnce(CancellationToken) -> Running,
    Running: Future<Output = anyhow::Result<()>>,
{
    crate::telemetry::start_logs()?;
    let arguments: Vec<String> = std::env::args().collect();
    let only = arguments.iter().any(|argument| argument == "--migrate-only");
    if only || arguments.iter().any(|argument| argument == "--migrate") {
        let pool = database::pool(&Connections::from_env()?)?;
        database::migrate(&pool).await?;
        pool.close().await;
        tracing::info!("the schema is up to date");
        if only {
            return Ok(());
        }
    }
    crate::telemetry::start_metrics()?;
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
    run(shutdown).await?;
    tracing::info!("{name} has stopped");
    Ok(())
}
