//! What operators run from a shell instead of starting a worker. A command ends with 0 when all is well, with 1 when
//! something is left for a person to do, and with 2 when it could not be carried out. Its results go to standard
//! output, all else to standard error.

mod dead_letters;
mod mode;
mod reconcile;

use std::process::ExitCode;

use clap::Subcommand;
use kernel::clock::Clock;
use kernel::config::Connections;
use kernel::service;

use crate::config::Config;

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List jobs that failed for good, replay them, or discard them
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
    /// Show whether the installation is in test or live mode, or change it while nothing was ordered yet
    Mode(mode::Command),
    /// Compare the providers' payments with the orders and the ledger; ends with 1 if anything is left to do
    Reconcile(reconcile::Command),
}

impl Command {
    /// Carries it out, and says how it ended.
    pub fn main(self, clock: Clock) -> ExitCode {
        match self {
            Self::DeadLetters(command) => {
                service::command("worker", Connections::read, |connections| command.run(connections, clock))
            }
            Self::Mode(command) => {
                service::command("worker", Connections::read, |connections| command.run(connections))
            }
            Self::Reconcile(command) => service::command(
                "worker",
                |environment| Config::read(environment, Vec::new()),
                |config| command.run(config, clock),
            ),
        }
    }
}
