//! What operators can have done from a shell, instead of starting a worker. A command ends with 0 when all is well,
//! with 1 when something is left for a person to do, and with 2 when it could not be carried out. What is asked for
//! goes to standard output, all else to standard error.

mod dead_letters;
mod reconcile;

use clap::Subcommand;
use kernel::clock::Clock;
use kernel::service::Verdict;

use crate::config::{Arguments, Config};

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at jobs that nobody could do, have them done again, or give them up
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
    /// Compare the providers' payments with ours and the ledger; ends with 1 if anything is left to do
    Reconcile(reconcile::Command),
}

impl Command {
    /// Carries it out.
    ///
    /// # Errors
    /// When it cannot be.
    pub async fn run(self, arguments: Arguments, clock: Clock) -> anyhow::Result<Verdict> {
        match self {
            Self::DeadLetters(command) => command.run(clock).await,
            Self::Reconcile(command) => command.run(Config::read(arguments)?, clock).await,
        }
    }
}
