//! `cargo dev`: all of Purser on this machine. Starts what it needs, makes one purchase along the real path
//! and shows it step by step, then stays up until Ctrl-C and leaves nothing behind.

mod arguments;
mod demonstration;
mod directory;
mod entrance;
mod environment_file;
pub(crate) mod seed;
mod system;
mod timeline;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;

use self::arguments::{Arguments, Command};
use self::directory::DevDirectory;
use self::system::System;
use crate::system::Service;

/// The name under which this program is the command line of the API.
pub const COMMAND: &str = "purser";

pub use self::seed::link_packs;
pub(crate) use self::seed::text;
use servers::interruption::{EXIT_INTERRUPTED, cancel_on_signals};
use servers::progress::{Progress, Sink};
use servers::watchdog::Watchdog;
use servers::{Durability, Options, Servers, Surroundings};

/// Is one of our own processes when started under its name, or the command `purser`, else `cargo dev`.
pub fn main() -> ExitCode {
    if std::env::args_os().next().is_some_and(|name| name == COMMAND) {
        return command::main();
    }
    if let Some(service) = Service::from_program_name() {
        return service.main();
    }
    let arguments = Arguments::from_command_line();
    let progress = Progress::new(Sink::Output);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            progress.say(format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let interrupted = CancellationToken::new();
        let outcome = run(arguments, &progress, &interrupted).await;
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) if interrupted.is_cancelled() => ExitCode::from(EXIT_INTERRUPTED),
            Err(error) => {
                progress.say(format!("FAILED: {error:#}"));
                ExitCode::FAILURE
            }
        }
    })
}

async fn run(arguments: Arguments, progress: &Progress, interrupted: &CancellationToken) -> Result<()> {
    cancel_on_signals(interrupted.clone(), progress.clone())?;
    let watchdog = Arc::new(Watchdog::start()?);
    let surroundings = Surroundings { watchdog, progress: progress.clone(), cancelled: interrupted.clone() };
    match arguments.command {
        None => run_system(&arguments, surroundings).await,
        Some(Command::Servers) => run_servers(surroundings).await,
    }
}

async fn run_system(arguments: &Arguments, surroundings: Surroundings) -> Result<()> {
    let (progress, interrupted) = (surroundings.progress.clone(), surroundings.cancelled.clone());
    let system = System::start(arguments.ports, surroundings).await?;
    let outcome = tokio::select! {
        // A process that has died explains an error of the demonstration, so it is looked at first.
        biased;
        () = interrupted.cancelled() => Ok(()),
        died = system.wait_for_death() => Err(died),
        shown = show(arguments.once, &system, &progress) => shown,
    };
    // The reason comes before the lines about the stop, and the log of who died with it.
    let outcome = match outcome {
        Err(error) => Err(system.explain(error)),
        Ok(()) => Ok(()),
    };
    progress.say("stopping");
    tokio::task::spawn_blocking(move || system.stop()).await.context("the stop panicked")?;
    progress.say("stopped");
    if arguments.once && interrupted.is_cancelled() {
        anyhow::bail!("interrupted");
    }
    outcome
}

/// The demonstration, and after it, unless this is to be all, the balance whenever it changes.
async fn show(once: bool, system: &System, progress: &Progress) -> Result<()> {
    let demonstration = demonstration::run(system, progress).await?;
    if once {
        return Ok(());
    }
    demonstration::invite(system, demonstration, progress).await
}

async fn run_servers(surroundings: Surroundings) -> Result<()> {
    let interrupted = surroundings.cancelled.clone();
    let directory = DevDirectory::take(&surroundings.watchdog)?;
    let servers = start_servers(&directory, surroundings.clone()).await?;
    let progress = &surroundings.progress;
    progress.print(&format!("DATABASE_URL={}", servers.postgres().url()));
    progress.print(&format!("AMQP_URL={}", servers.rabbitmq().url()));
    for (name, server) in [("POSTGRES_PID", servers.postgres()), ("RABBITMQ_PID", servers.rabbitmq())] {
        if let Some(pid) = server.pid() {
            progress.print(&format!("{name}={pid}"));
        }
    }
    progress.say("Ctrl-C stops them");
    interrupted.cancelled().await;
    progress.say("stopping");
    tokio::task::spawn_blocking(move || drop(servers)).await.context("the stop panicked")?;
    Ok(())
}

async fn start_servers(directory: &DevDirectory, surroundings: Surroundings) -> Result<Servers> {
    let options = Options::from_environment(directory.path().to_path_buf(), Durability::Durable);
    let started = tokio::task::spawn_blocking(move || Servers::start(options, &surroundings));
    started.await.context("starting the servers panicked")?
}
