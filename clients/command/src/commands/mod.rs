//! The commands: each is its arguments, and the operation of the API that they stand for. Arguments that go into the
//! body are named as its fields are.

pub mod api;
pub mod auto_recharge;
pub mod catalog;
pub mod dead_letters;
pub mod events;
pub mod operators;
pub mod orders;
pub mod organizations;
pub mod parked;
pub mod rights;
pub mod users;
pub mod wallets;
pub mod webhooks;

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use crate::failure::Failure;

/// Why, for the audit log.
#[derive(Args, Debug, Serialize)]
pub struct Reason {
    /// Why, for the audit log
    #[arg(long)]
    reason: String,
}

/// As [`Reason`], where there need not be one.
#[derive(Args, Debug, Serialize)]
pub struct ReasonIfAny {
    /// Why, for the audit log
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Args, Debug, Serialize)]
pub struct Metadata {
    /// A text of yours; may be repeated
    #[arg(long, value_name = "NAME=TEXT", value_parser = pair)]
    #[serde(serialize_with = "as_object", skip_serializing_if = "Vec::is_empty")]
    metadata: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let pair = text.split_once('=').ok_or("metadata is NAME=TEXT")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

fn as_object<S: serde::Serializer>(pairs: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    pairs.iter().cloned().collect::<BTreeMap<_, _>>().serialize(serializer)
}

/// The text of a file, or of the standard input for `-`.
pub fn read(file: &str) -> Result<String, Failure> {
    let text =
        if file == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    text.map_err(|error| Failure::usage(format!("cannot read {file}: {error}")))
}
