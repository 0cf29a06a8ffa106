//! What a run was made on, as the report says it.

use std::process::Command;
use std::{fs, thread};

use anyhow::{Context, Result};
use kernel::config::addresses;
use servers::{checkout, versions};
use time::OffsetDateTime;

use crate::system::System;

/// One line: day, machine, servers and code.
///
/// # Errors
/// When the database does not answer.
pub async fn described(system: &System) -> Result<String> {
    let postgres = versions::of_postgres(&system.pool).await?;
    let nodes = addresses::of_broker(&system.settings.addresses.amqp_url);
    let node = nodes.first().context("no address of a broker")?;
    let rabbitmq = tokio::task::block_in_place(|| versions::of_rabbitmq(node))?;
    let (postgres, rabbitmq) = match system.cluster() {
        None => (postgres, rabbitmq),
        Some(_) => (
            format!("{postgres} three times under {}", servers::patroni::VERSION),
            format!("{rabbitmq} three times"),
        ),
    };
    let cores = thread::available_parallelism()?;
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    Ok(format!(
        "{}, on {cores} cores{}{}, PostgreSQL {postgres}, RabbitMQ {rabbitmq}, commit {}, {build} build",
        OffsetDateTime::now_utc().date(),
        value("/proc/cpuinfo", "model name").map(|model| format!(" ({model})")).unwrap_or_default(),
        memory().unwrap_or_default(),
        commit().unwrap_or_else(|| "unknown".to_owned()),
    ))
}

/// The value of the first line of a file that begins with `name`.
fn value(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory() -> Option<String> {
    let kibibytes: u64 = value("/proc/meminfo", "MemTotal")?.split(' ').next()?.parse().ok()?;
    Some(format!(" with {} GiB", kibibytes.div_ceil(1024 * 1024)))
}

fn commit() -> Option<String> {
    let arguments = ["describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"];
    let output = Command::new("git").current_dir(checkout()).args(arguments).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|commit| !commit.is_empty())
}
