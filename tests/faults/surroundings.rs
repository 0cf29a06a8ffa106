//! What a run was made on, as the report says it.

use std::net::TcpStream;
use std::process::Command;
use std::{fs, io, thread};

use anyhow::{Context, Result};
use kernel::config::addresses;
use servers::checkout;
use time::OffsetDateTime;
use url::Url;

use crate::system::System;

/// One line: day, machine, servers and code.
///
/// # Errors
/// When the database does not answer.
pub async fn described(system: &System) -> Result<String> {
    let postgres: String = sqlx::query_scalar("show server_version").fetch_one(&system.pool).await?;
    let postgres = postgres.split(' ').next().unwrap_or_default();
    let nodes = addresses::of_broker(&system.settings.addresses.amqp_url);
    let node = Url::parse(nodes.first().context("no address of a broker")?)?;
    let address = node.host_str().zip(node.port()).context("an address without a port")?;
    let rabbitmq = tokio::task::block_in_place(|| broker_version(address))?;
    let (postgres, rabbitmq) = match system.cluster() {
        None => (postgres.to_owned(), rabbitmq),
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

/// As the broker says it in its first frame, before anyone has said who they are.
fn broker_version(address: (&str, u16)) -> Result<String> {
    use io::{Read, Write};

    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"AMQP\x00\x00\x09\x01")?;
    let mut head = [0; 7];
    stream.read_exact(&mut head)?;
    let [.., a, b, c, d] = head;
    let mut frame = vec![0; usize::try_from(u32::from_be_bytes([a, b, c, d]))?];
    stream.read_exact(&mut frame)?;
    // A long text: its name, `S`, its length in four bytes.
    let name = b"\x07versionS";
    let at =
        frame.windows(name.len()).position(|window| window == name).context("a broker without a version")?;
    let text = frame.get(at + name.len() + 3..).and_then(|rest| rest.split_first());
    let (length, text) = text.context("a version that breaks off")?;
    Ok(String::from_utf8_lossy(text.get(..usize::from(*length)).context("a version that breaks off")?).into())
}
