//! Which versions of the servers run, as they say themselves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use lapin::uri::AMQPUri;
use sqlx::{Connection, PgConnection, PgExecutor};

use super::block_on;

const PATIENCE: Duration = Duration::from_secs(10);

/// The version of a database server, `15.18`.
///
/// # Errors
/// When it does not answer.
pub async fn of_postgres(executor: impl PgExecutor<'_>) -> Result<String> {
    let version: String = sqlx::query_scalar("show server_version").fetch_one(executor).await?;
    // Distributions add their own after it.
    Ok(version.split(' ').next().unwrap_or_default().to_owned())
}

/// As [`of_postgres`], of the server at an address.
///
/// # Errors
/// When it does not answer.
pub fn of_postgres_at(url: &str) -> Result<String> {
    block_on(async { of_postgres(&mut PgConnection::connect(url).await?).await })
}

/// The version of a broker, `3.10.8`, as it says it in its first frame, before anyone has said who they are.
///
/// # Errors
/// When it does not answer, or not so.
pub fn of_rabbitmq(url: &str) -> Result<String> {
    let uri: AMQPUri = url.parse().map_err(|error| anyhow!("not an address of a broker: {error}"))?;
    let mut stream = TcpStream::connect((uri.authority.host.as_str(), uri.authority.port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
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
