//! The command line of `cargo dev`.

use std::ffi::OsString;

use clap::{Parser, Subcommand, ValueEnum};

/// Runs all of Purser on this machine, with a payment provider that takes test cards.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev --", disable_version_flag = true)]
pub struct Arguments {
    /// Stop after the demonstration purchase.
    #[arg(long)]
    pub once: bool,
    /// `default`: 8080 for the API and 12111 for the emulator. `auto`: free ports.
    #[arg(long, value_enum, default_value_t = Ports::Default)]
    pub ports: Ports,
    /// Something else than running everything.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// How ports are chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Ports {
    /// The ones that the documentation names.
    Default,
    /// Free ones.
    Auto,
}

/// What else this program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a private PostgreSQL and RabbitMQ only, print where they are, and keep them until Ctrl-C.
    Servers,
}

impl Arguments {
    /// Reads the command line. `cargo dev -- --once` arrives with a separator in front, as the alias has one
    /// too.
    pub fn from_command_line() -> Self {
        Self::parse_from(without_separator(std::env::args_os()))
    }
}

fn without_separator(arguments: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    arguments
        .enumerate()
        .filter(|(index, argument)| *index != 1 || argument != "--")
        .map(|(_, argument)| argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leading_separator_is_ignored() {
        let line = ["dev", "--", "--once", "--ports", "auto"].map(OsString::from).into_iter();
        let arguments = Arguments::parse_from(without_separator(line));
        assert!(arguments.once);
        assert_eq!(arguments.ports, Ports::Auto);
    }
}
