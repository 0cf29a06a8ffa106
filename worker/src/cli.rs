//! The command line.

use clap::Parser;
use jobs::Role;
use kernel::service::ServiceArguments;

use crate::commands::Command;

/// Purser's worker. Settings come from the environment, see .env.example
#[derive(Debug, Parser)]
#[command(name = "worker", version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(flatten)]
    pub service: ServiceArguments,
    /// Which queues to consume, separated by commas, instead of those of WORKER_ROLES: apply, checkout, notify,
    /// recharge, verify
    #[arg(long, value_delimiter = ',')]
    pub roles: Vec<Role>,
    #[command(subcommand)]
    pub command: Option<Command>,
}
