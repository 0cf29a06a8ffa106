//! The command line.

use std::io;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::{
    api, auto_recharge, catalog, dead_letters, events, operators, orders, organizations, parked, rights,
    users, wallets, webhooks,
};
use crate::failure::Failure;
use crate::import::Import;
use crate::operation::Operation;

/// Sell, give, spend and look after prepaid credits, over Purser's API.
#[derive(Debug, Parser)]
#[command(
    name = "purser",
    version,
    after_help = "Environment:\n  \
        PURSER_URL      Where the API is, such as https://purser.example.com\n  \
        PURSER_API_KEY  A key with the scopes that the command needs\n\n\
        A WALLET is user:ID, org:ID or a wallet's own id.\n\n\
        Exit codes: 0 done, 1 refused by the API, 2 wrong usage, 3 the API cannot be reached."
)]
pub struct Cli {
    /// Print the API's own JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Do it once, however often it is run with this key; a new one unless given
    #[arg(long, global = true, value_name = "KEY")]
    pub idempotency_key: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at a wallet
    #[command(subcommand)]
    Wallet(wallets::Wallet),
    /// Give credits, or take back what is left of them
    Grant(wallets::GrantCommand),
    /// Spend credits, or give them back
    Debit(wallets::DebitCommand),
    /// Reserve credits, and look after what is reserved
    #[command(subcommand)]
    Hold(wallets::Hold),
    /// Move credits from one wallet to another
    Transfer(wallets::Transfer),
    /// Orders and refunds
    #[command(subcommand)]
    Order(orders::Order),
    /// Users
    #[command(subcommand)]
    User(users::User),
    /// Organizations and their members
    #[command(subcommand)]
    Org(organizations::Org),
    /// Cards that are charged when a balance runs low
    #[command(subcommand)]
    AutoRecharge(auto_recharge::AutoRecharge),
    /// Events of payment providers, and those that contradict their orders
    #[command(subcommand)]
    Events(events::Events),
    /// Jobs that could not be done
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLetters),
    /// Purchases in app stores by users who are not known
    #[command(subcommand)]
    Parked(parked::Parked),
    /// Those who run the installation, in the console and over the API
    #[command(subcommand)]
    Operators(operators::Operators),
    /// API keys
    #[command(subcommand)]
    Keys(rights::Keys),
    /// Sessions of users in browsers
    #[command(subcommand)]
    Sessions(rights::Sessions),
    /// Endpoints that get webhooks
    #[command(subcommand)]
    Webhooks(webhooks::Webhooks),
    /// What is for sale
    #[command(subcommand)]
    Catalog(catalog::Catalog),
    /// What was made, changed, revoked and refused, and by whom
    AuditLog(rights::AuditLog),
    /// Bring users and their balances from another system
    Import(Import),
    /// The time of a system in test mode: see it, or move it
    Clock(api::Clock),
    /// Any other request to the API
    Api(api::Api),
    /// A script with which a shell completes commands
    Completions { shell: Shell },
}

impl Command {
    pub fn operation(self) -> Result<Operation, Failure> {
        match self {
            Self::Wallet(wanted) => Ok(wanted.operation()),
            Self::Grant(wanted) => wanted.operation(),
            Self::Debit(wanted) => wanted.operation(),
            Self::Hold(wanted) => wanted.operation(),
            Self::Transfer(wanted) => wanted.operation(),
            Self::Order(wanted) => wanted.operation(),
            Self::User(wanted) => wanted.operation(),
            Self::Org(wanted) => wanted.operation(),
            Self::AutoRecharge(wanted) => wanted.operation(),
            Self::Events(wanted) => wanted.operation(),
            Self::DeadLetters(wanted) => wanted.operation(),
            Self::Parked(wanted) => wanted.operation(),
            Self::Operators(wanted) => wanted.operation(),
            Self::Keys(wanted) => wanted.operation(),
            Self::Sessions(wanted) => wanted.operation(),
            Self::Webhooks(wanted) => wanted.operation(),
            Self::Catalog(wanted) => wanted.operation(),
            Self::AuditLog(wanted) => Ok(wanted.operation()),
            Self::Clock(wanted) => wanted.operation(),
            Self::Api(wanted) => wanted.operation(),
            Self::Import(_) | Self::Completions { .. } => Err(Failure::usage("this is no single request")),
        }
    }
}

/// Writes a script for a shell.
pub fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "purser", &mut script);
    io::Write::write_all(&mut io::stdout().lock(), &script)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// What a path of the description answers to GET; X stands for an id.
    fn items<'a>(api: &'a Value, path: &str) -> &'a Value {
        let is_path = |template: &str| {
            let (template, path) = (template.split('/'), path.split('/'));
            template.clone().count() == path.clone().count()
                && template
                    .zip(path)
                    .all(|(known, given)| known == given || (known.starts_with('{') && given == "X"))
        };
        let paths = api["paths"].as_object().unwrap();
        let (_, found) =
            paths.iter().find(|(template, _)| is_path(template)).unwrap_or_else(|| panic!("no {path}"));
        let schema = &found["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let data = field(api, schema, "data").unwrap_or_else(|| panic!("{path} is no list"));
        &data["items"]
    }

    fn field<'a>(api: &'a Value, schema: &'a Value, name: &str) -> Option<&'a Value> {
        if let Some(reference) = schema["$ref"].as_str() {
            return field(api, api.pointer(reference.trim_start_matches('#'))?, name);
        }
        let parts = ["allOf", "oneOf"].into_iter().filter_map(|word| schema[word].as_array()).flatten();
        schema["properties"].get(name).or_else(|| parts.filter_map(|part| field(api, part, name)).next())
    }

    #[test]
    fn the_columns_of_every_list_are_fields_that_the_api_answers() {
        let api: Value = serde_json::from_str(include_str!("../../../api/openapi.json")).unwrap();
        for line in [
            "wallet entries X",
            "wallet grants X",
            "wallet holds X",
            "order list",
            "user list",
            "org list",
            "auto-recharge list",
            "events list",
            "dead-letters list",
            "parked list",
            "operators list",
            "keys list",
            "keys list --user X",
            "sessions list X",
            "webhooks list",
            "webhooks deliveries X",
            "catalog packs list",
            "catalog plans list",
            "catalog coupons list",
            "catalog prices list",
            "audit-log",
        ] {
            let cli = Cli::try_parse_from(["purser"].into_iter().chain(line.split(' '))).unwrap();
            let operation = cli.command.operation().unwrap();
            let (path, columns) = operation.table().unwrap_or_else(|| panic!("{line} shows no table"));
            let item = items(&api, path);
            for column in columns {
                let found = column.split('.').try_fold(item, |schema, name| field(&api, schema, name));
                assert!(found.is_some(), "{line}: there is no {column}");
            }
        }
    }
}
