//! The command `purser`, run as a person or a script runs it.

mod every_command;
mod import;
mod trouble;

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use harness::dev::COMMAND;
use harness::world::World;
use serde_json::Value;

use crate::commands::Output;

/// The program that holds all processes, and this command.
const DEV: &str = env!("CARGO_BIN_EXE_dev");

/// The command with these variables and no others.
fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(DEV);
    command.arg0(COMMAND).args(arguments).env_clear().envs(variables.iter().copied());
    command.stdin(Stdio::null());
    command
}

/// The command of somebody who may do everything.
fn purser(world: &World, arguments: &[&str]) -> tokio::process::Command {
    let (url, key) = (world.settings().api_url(), &world.settings().secrets.admin_api_key);
    command(arguments, &[("PURSER_URL", &url), ("PURSER_API_KEY", key)]).into()
}

async fn run(world: &World, arguments: &[&str]) -> Output {
    let output: Output = purser(world, arguments).output().await.unwrap().into();
    let key = &world.settings().secrets.admin_api_key;
    assert!(!output.stdout.contains(key) && !output.stderr.contains(key), "{arguments:?} shows the key");
    output
}

/// What a command prints that is done.
async fn done(world: &World, arguments: &[&str]) -> String {
    let output = run(world, arguments).await;
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{arguments:?}: {output:?}");
    output.stdout
}

/// The JSON that a command prints.
async fn json(world: &World, arguments: &[&str]) -> Value {
    let text = done(world, &[arguments, &["--json"]].concat()).await;
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
}

async fn refused(world: &World, arguments: &[&str]) -> String {
    let output = run(world, arguments).await;
    assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{arguments:?}: {output:?}");
    output.stderr
}
