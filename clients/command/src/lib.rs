//! The command `purser`: what the own API can do, from a shell. It knows nothing but that API.
//!
//! A command is its arguments, the request that they make, and how the answer is shown (`operation`). Requests are
//! sent until their outcome is known, under one idempotency key (`client`).

mod cli;
mod client;
mod commands;
mod failure;
mod import;
mod json;
mod operation;
mod output;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use client::Client;
use failure::Failure;
use settings::Settings;

/// Does what the command line says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::Output(error).report(),
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let Cli { json, idempotency_key, command } = cli;
    match command {
        cli::Command::Completions { shell } => cli::completions(shell).map(|()| ExitCode::SUCCESS),
        cli::Command::Import(wanted) => {
            import::run(&Client::new(Settings::from_environment()?), &wanted, json).await
        }
        command => {
            let mut operation = command.operation()?;
            operation.idempotency_key = idempotency_key;
            let client = Client::new(Settings::from_environment()?);
            operation::carry_out(&client, operation, json).await.map(|()| ExitCode::SUCCESS)
        }
    }
}
