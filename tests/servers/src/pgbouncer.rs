//! A private PgBouncer in front of a database server: in transaction mode where its version passes on prepared
//! statements, which is from 1.21; else in session mode.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};

use super::directory::{Owner, create_data_directory};
use super::ports::free_ports;
use super::server::{Engine, ReadyCheck, Recipe, Server, Surroundings};
use super::{block_on, postgres, retry_port};

const NAME: &str = "PgBouncer";
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// The first version that passes on prepared statements in transaction mode.
const PREPARES: (u32, u32) = (1, 21);

/// A pooler. It is stopped when dropped.
pub struct Pooler {
    server: Server,
}

impl Pooler {
    /// The address of the database that it was started for.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// The address of a database of the server, by way of the pooler.
    pub fn url_of(&self, database_url: &str) -> Result<String> {
        let database: PgConnectOptions = database_url.parse().context("the database's URL cannot be read")?;
        let name = database.get_database().context("the database's URL names no database")?;
        postgres::with_database(self.server.url(), name)
    }
}

/// Starts one in front of the server at `database_url`.
pub(super) fn start(
    program: &Path,
    directory: &Path,
    database_url: &str,
    surroundings: &Surroundings,
) -> Result<Pooler> {
    let owner = Owner::for_postgres()?;
    let folder = create_data_directory(&directory.join("pgbouncer"), owner, &surroundings.watchdog)?;
    let is_by_transaction = version(program)? >= PREPARES;
    let mode = if is_by_transaction { "transaction" } else { "session" };
    surroundings.progress.say(format!("starting PgBouncer ({}) in {mode} mode", program.display()));
    let server = retry_port(|| {
        let [port] = free_ports()?;
        let configuration = configure(&folder, database_url, port, is_by_transaction, owner)?;
        let program = program.to_path_buf();
        let command = move || {
            let mut command = Command::new(&program);
            command.env_clear().arg(&configuration);
            if let Some(owner) = owner {
                command.uid(owner.uid).gid(owner.gid);
            }
            command
        };
        let log = folder.join("pgbouncer.log");
        let recipe = Recipe { command: Box::new(command), log, stop_signal: Signal::SIGTERM, folder: None };
        let url = postgres::with_address(database_url, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
        let ready = ready_check(&url)?;
        let server = Server::new(NAME, url, Engine::Process(recipe), ready, surroundings.clone());
        server.start()?;
        Ok(server)
    })?;
    Ok(Pooler { server })
}

fn configure(
    folder: &Path,
    database_url: &str,
    port: u16,
    is_by_transaction: bool,
    owner: Option<Owner>,
) -> Result<std::path::PathBuf> {
    let server: PgConnectOptions = database_url.parse().context("the database's URL cannot be read")?;
    let (user, password) = credentials(database_url)?;
    // Few enough that clients share them; in session mode each client has one of its own.
    let mode = if is_by_transaction {
        "transaction\ndefault_pool_size = 8\nmax_prepared_statements = 200"
    } else {
        "session\ndefault_pool_size = 100"
    };
    // After a failed login no other is tried for this long, which is 15 s unless it is set: longer than a failover.
    let configuration = format!(
        "[databases]\n* = host={} port={}\n\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = plain\nauth_file = {}\npool_mode = {mode}\n\
         server_login_retry = 1\n",
        server.get_host(),
        server.get_port(),
        folder.join("users").display()
    );
    for (name, text) in [("users", format!("\"{user}\" \"{password}\"\n")), ("pgbouncer.ini", configuration)]
    {
        let file = folder.join(name);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        if let Some(owner) = owner {
            chown(&file, Some(owner.uid), Some(owner.gid))?;
        }
    }
    Ok(folder.join("pgbouncer.ini"))
}

fn credentials(database_url: &str) -> Result<(String, String)> {
    let (_, rest) = database_url.split_once("://").context("the database's URL cannot be read")?;
    let (credentials, _) = rest.split_once('@').context("the database's URL names no user")?;
    let (user, password) = credentials.split_once(':').context("the database's URL has no password")?;
    Ok((user.to_owned(), password.to_owned()))
}

fn version(program: &Path) -> Result<(u32, u32)> {
    let output = Command::new(program).arg("--version").output().context("cannot start PgBouncer")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers =
        text.split(|character: char| !character.is_ascii_digit()).filter_map(|part| part.parse().ok());
    numbers.next().zip(numbers.next()).context("PgBouncer says no version")
}

/// The settings that `sqlx` sends with a connection must be ones that a pooler takes.
fn ready_check(url: &str) -> Result<ReadyCheck> {
    let options: PgConnectOptions = url.parse().context("the pooler's URL cannot be read")?;
    let options = options.extra_float_digits(None);
    Ok(Box::new(move || {
        let options = options.clone();
        block_on(async move {
            let ask = async {
                let mut connection = PgConnection::connect_with(&options).await?;
                connection.execute("SELECT 1").await?;
                connection.close().await
            };
            let answer = tokio::time::timeout(ANSWER_PATIENCE, ask).await;
            answer.context("no answer in time")?.context("the pooler refuses a query")
        })
    }))
}
