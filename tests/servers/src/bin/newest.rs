//! `cargo newest`: runs a command with the newest servers that are supported in place of this machine's.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::env;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use servers::newest::{self, Newest};
use servers::progress::{Progress, Sink};
use servers::watchdog::Watchdog;
use servers::{Surroundings, target_directory, versions};
use tokio_util::sync::CancellationToken;

/// Works with PostgreSQL 18 and RabbitMQ 4, whatever this machine has.
#[derive(Parser)]
#[command(name = "cargo newest", bin_name = "cargo newest", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Fetch them, as root on Debian, into `target/newest`
    Install,
    /// Fetch them, start them to ask which versions they are, and run a command that finds them first in `PATH`
    Run {
        /// The command with its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    run(&Arguments::parse().action).unwrap_or_else(|error| {
        eprintln!("FAILED: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(action: &Action) -> Result<ExitCode> {
    let surroundings = Surroundings {
        watchdog: Arc::new(Watchdog::start()?),
        progress: Progress::new(Sink::Error),
        cancelled: CancellationToken::new(),
    };
    let newest = Newest::install(&surroundings)?;
    let Action::Run { command } = action else {
        let [postgres, rabbitmq] = newest.folders();
        println!("the newest servers are in {} and {}", postgres.display(), rabbitmq.display());
        return Ok(ExitCode::SUCCESS);
    };
    require_versions(&newest, &surroundings)?;
    let before = env::var_os("PATH").unwrap_or_default();
    let folders = newest.folders().map(ToOwned::to_owned).into_iter().chain(env::split_paths(&before));
    let (program, arguments) = command.split_first().context("there is no command")?;
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", env::join_paths(folders)?);
    // They would name others.
    command.env_remove("DATABASE_URL").env_remove("AMQP_URL");
    let status = command.status().with_context(|| format!("cannot start {program}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts both to ask them.
fn require_versions(newest: &Newest, surroundings: &Surroundings) -> Result<()> {
    let directory = target_directory().join(format!("newest-{}", std::process::id()));
    surroundings.watchdog.guard_path(&directory);
    let [postgres, rabbitmq] = newest.start(directory, surroundings)?;
    let postgres = versions::of_postgres_at(postgres.url())?;
    let rabbitmq = versions::of_rabbitmq(rabbitmq.url())?;
    println!("PostgreSQL {postgres} and RabbitMQ {rabbitmq} run");
    for (version, wanted) in [(&postgres, newest::POSTGRES), (&rabbitmq, newest::RABBITMQ)] {
        let is_wanted = version.split('.').next() == Some(wanted);
        ensure!(is_wanted, "{version} is not a version {wanted}");
    }
    Ok(())
}
