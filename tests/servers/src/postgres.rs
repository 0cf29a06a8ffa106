//! A private PostgreSQL: a new cluster in a folder of its own, on loopback, with a random password.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

use super::container::{Container, Image};
use super::directory::{Owner, create_data_directory};
use super::discovery::{find_in_path, find_postgres};
use super::ports::free_ports;
use super::process;
use super::server::{Engine, ReadyCheck, Recipe, Server, Surroundings};
use super::{Durability, Places, block_on, random_password, retry_port};

const NAME: &str = "PostgreSQL";
const IMAGE: &str = "postgres:18";
const PORT_IN_CONTAINER: u16 = 5432;
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// Every test has its own pools of connections.
const CONNECTIONS_MAX: &str = "max_connections=500";
/// For a process of ours. In a container the addresses and sockets are the image's affair. Shared memory in
/// the data folder goes away with it, also when the server is killed.
const OWN_SETTINGS: [&str; 3] =
    ["listen_addresses=127.0.0.1", "unix_socket_directories=", "dynamic_shared_memory_type=mmap"];
const LOG_LINES: usize = 20;

/// A server that runs already, as `DATABASE_URL` names it.
pub fn external(url: String, surroundings: Surroundings) -> Result<Server> {
    let server = Server::new(NAME, url.clone(), Engine::External, ready_check(url), surroundings);
    server.start().context("DATABASE_URL names a server that does not answer")?;
    Ok(server)
}

/// Starts a new cluster with the programs in `programs`.
pub fn start_installed(
    programs: &Path,
    places: &Places,
    durability: Durability,
    surroundings: &Surroundings,
) -> Result<Server> {
    let owner = Owner::for_postgres()?;
    let directory = create_data_directory(&places.postgres, owner, &surroundings.watchdog)?;
    let password = random_password();
    let data = directory.join("data");
    initialize(programs, &directory, &data, &password, owner)?;
    let cluster = Cluster { programs, owner, data, log: places.logs.join("postgres.log"), durability };
    retry_port(|| {
        let [port] = free_ports()?;
        cluster.start(port, url(&password, port), surroundings)
    })
}

/// Starts a standby of a durable server of ours, from a copy of its data. Where its commits wait for a standby is the
/// primary's setting `synchronous_standby_names`.
pub fn start_standby(primary: &Server, directory: &Path, surroundings: &Surroundings) -> Result<Server> {
    let copy = DataCopy::prepare(&directory.join("standby"), surroundings)?;
    copy.take(primary, &["--write-recovery-conf"])?;
    copy.start(primary, surroundings)
}

/// A copy of the data of a durable server of ours, from which another is started.
struct DataCopy {
    folder: PathBuf,
    programs: PathBuf,
    owner: Option<Owner>,
}

impl DataCopy {
    /// Makes a folder for one.
    fn prepare(folder: &Path, surroundings: &Surroundings) -> Result<Self> {
        let programs = find_postgres().context("no program of PostgreSQL was found")?;
        let owner = Owner::for_postgres()?;
        let folder = create_data_directory(folder, owner, &surroundings.watchdog)?;
        Ok(Self { folder, programs, owner })
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn take(&self, server: &Server, options: &[&str]) -> Result<()> {
        let mut copy = as_owner(&beside(&self.programs, "pg_basebackup")?, self.owner);
        copy.args(["--checkpoint=fast", "--no-sync", "--dbname", server.url()]).args(options);
        copy.arg("--pgdata").arg(self.data()).current_dir(&self.folder);
        let log = self.folder.join("copy.log");
        let status = process::spawn(&mut copy, &log)?.wait().context("cannot wait for pg_basebackup")?;
        anyhow::ensure!(status.success(), "pg_basebackup failed:\n{}", process::tail(&log, LOG_LINES));
        Ok(())
    }

    /// Starts a server with it, on another port than the original's.
    fn start(&self, original: &Server, surroundings: &Surroundings) -> Result<Server> {
        let (data, log) = (self.data(), self.folder.join("postgres.log"));
        let durability = Durability::Durable;
        let cluster = Cluster { programs: &self.programs, owner: self.owner, data, log, durability };
        retry_port(|| {
            let [port] = free_ports()?;
            cluster.start(port, with_port(original.url(), port)?, surroundings)
        })
    }
}

/// A copy of a durable server of ours and the log that it has kept since: what it can be restored from.
pub struct Backup(DataCopy);

impl Backup {
    /// Has a server keep its log, which takes a restart, and copies its data.
    pub fn begin(server: &Server, directory: &Path, surroundings: &Surroundings) -> Result<Self> {
        let copy = DataCopy::prepare(&directory.join("backup"), surroundings)?;
        let kept = copy.folder.display();
        // A copy that is cut short is not taken for the whole.
        let keep = format!(
            "archive_command = 'test ! -f {kept}/%f && cp %p {kept}/part && mv {kept}/part {kept}/%f'"
        );
        for setting in ["archive_mode = on", &keep] {
            block_on(run(server.url(), &format!("alter system set {setting}")))?;
        }
        server.stop_fast()?;
        server.start()?;
        copy.take(server, &["--wal-method=stream"])?;
        Ok(Self(copy))
    }

    /// Whether a part of the log is kept, by its name.
    pub fn has(&self, part: &str) -> bool {
        self.0.folder.join(part).is_file()
    }

    /// Starts a server with what was committed at a moment, as PostgreSQL writes it, and not later.
    pub fn restore(self, lost: &Server, moment: &str, surroundings: &Surroundings) -> Result<Server> {
        let data = self.0.data();
        let settings = format!(
            "archive_mode = off\nrestore_command = 'cp {}/%f %p'\nrecovery_target_time = '{moment}'\n\
             recovery_target_action = 'promote'\n",
            self.0.folder.display()
        );
        OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.auto.conf"))?
            .write_all(settings.as_bytes())?;
        fs::write(data.join("recovery.signal"), "")?;
        self.0.start(lost, surroundings)
    }
}

async fn run(url: &str, statement: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(sqlx::AssertSqlSafe(statement.to_owned())).await?;
    Ok(connection.close().await?)
}

/// Has a stopped server of ours come back as a standby that follows nobody: it answers, and cannot write.
pub fn demote(data: &Path) -> Result<()> {
    fs::write(data.join("standby.signal"), "").context("cannot write into the server's folder")
}

/// The same server's URL with another port.
pub fn with_port(server_url: &str, port: u16) -> Result<String> {
    let options: PgConnectOptions = server_url.parse().context("the database's URL cannot be read")?;
    Ok(options.port(port).to_url_lossy().into())
}

/// The same database's URL at another address.
pub fn with_address(server_url: &str, address: std::net::SocketAddrV4) -> Result<String> {
    let options: PgConnectOptions = server_url.parse().context("the database's URL cannot be read")?;
    Ok(options.host(&address.ip().to_string()).port(address.port()).to_url_lossy().into())
}

/// A program that came with others, which may be links to it.
fn beside(programs: &Path, name: &str) -> Result<PathBuf> {
    let real = programs.join("postgres").canonicalize()?.with_file_name(name);
    let linked = [real, programs.join(name)].into_iter().find(|program| program.is_file());
    linked.or_else(|| find_in_path(name)).with_context(|| format!("{name} was not found"))
}

/// The data of a server, and how it is run.
struct Cluster<'a> {
    programs: &'a Path,
    owner: Option<Owner>,
    data: PathBuf,
    log: PathBuf,
    durability: Durability,
}

impl Cluster<'_> {
    fn start(&self, port: u16, url: String, surroundings: &Surroundings) -> Result<Server> {
        let (program, owner) = (self.programs.join("postgres"), self.owner);
        let (data, durability) = (self.data.clone(), self.durability);
        let command = move || {
            let mut command = as_owner(&program, owner);
            command.arg("-D").arg(&data).args(["-p", &port.to_string()]).current_dir(&data);
            for setting in settings(durability).into_iter().chain(OWN_SETTINGS) {
                command.args(["-c", setting]);
            }
            command
        };
        let recipe = Recipe {
            command: Box::new(command),
            log: self.log.clone(),
            stop_signal: Signal::SIGINT,
            folder: None,
        };
        let ready = ready_check(url.clone());
        let server = Server::new(NAME, url, Engine::Process(recipe), ready, surroundings.clone());
        server.start()?;
        Ok(server)
    }
}

/// Starts a new cluster in a container.
pub fn start_container(durability: Durability, surroundings: &Surroundings) -> Result<Server> {
    let password = random_password();
    retry_port(|| {
        let [port] = free_ports()?;
        let mut arguments = vec!["postgres"];
        for setting in settings(durability) {
            arguments.extend(["-c", setting]);
        }
        let image = Image {
            name: IMAGE,
            ports: (PORT_IN_CONTAINER, port),
            environment: &[("POSTGRES_PASSWORD", password.as_str())],
            arguments: &arguments,
        };
        let watchdog = surroundings.watchdog.clone();
        let container = Container::create("postgres", &image, watchdog)?;
        let url = url(&password, port);
        let ready = ready_check(url.clone());
        let server = Server::new(NAME, url, Engine::Container(container), ready, surroundings.clone());
        server.start()?;
        Ok(server)
    })
}

/// Creates a database beside the one that `server_url` names, and returns its URL.
pub async fn create_database(server_url: &str, name: &str, template: Option<&str>) -> Result<String> {
    let mut connection = PgConnection::connect(server_url).await.context("cannot connect to PostgreSQL")?;
    let source = template.map(|template| format!(" TEMPLATE {}", quoted(template))).unwrap_or_default();
    let statement = format!("CREATE DATABASE {}{source}", quoted(name));
    let created = connection.execute(sqlx::AssertSqlSafe(statement)).await;
    created.with_context(|| format!("cannot create the database {name}"))?;
    connection.close().await?;
    with_database(server_url, name)
}

/// Removes a database, also from under those who are still connected to it.
pub async fn drop_database(server_url: &str, name: &str) -> Result<()> {
    let mut connection = PgConnection::connect(server_url).await.context("cannot connect to PostgreSQL")?;
    let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name));
    connection.execute(sqlx::AssertSqlSafe(statement)).await?;
    connection.close().await?;
    Ok(())
}

/// The same server's URL with another database's name.
pub fn with_database(server_url: &str, name: &str) -> Result<String> {
    let options: PgConnectOptions = server_url.parse().context("the database's URL cannot be read")?;
    Ok(options.database(name).to_url_lossy().into())
}

fn initialize(
    programs: &Path,
    directory: &Path,
    data: &Path,
    password: &str,
    owner: Option<Owner>,
) -> Result<()> {
    let password_file = directory.join("password");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&password_file)?;
    file.write_all(password.as_bytes())?;
    if let Some(owner) = owner {
        chown(&password_file, Some(owner.uid), Some(owner.gid))?;
    }
    // A fixed locale sorts alike on every machine; only Linux has this one under this name.
    let locale = if cfg!(target_os = "linux") { "C.UTF-8" } else { "C" };
    let mut command = as_owner(&programs.join("initdb"), owner);
    command.arg("-D").arg(data).args(["-U", "postgres", "-E", "UTF8", "--locale", locale, "--no-sync"]);
    // Passwords in the clear on loopback: the usual exchange costs each client many milliseconds of
    // unoptimized hashing, for every connection of every test.
    command.args(["-A", "password"]).arg("--pwfile").arg(&password_file).current_dir(directory);
    let log = directory.join("initdb.log");
    let mut child = process::spawn(&mut command, &log)?;
    let status = child.wait().context("cannot wait for initdb")?;
    anyhow::ensure!(status.success(), "initdb failed:\n{}", process::tail(&log, LOG_LINES));
    fs::remove_file(&password_file)?;
    Ok(())
}

/// A command with a clean environment (no `PGDATA`, no `PGPORT`) that runs as the cluster's owner.
fn as_owner(program: &Path, owner: Option<Owner>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    if let Some(owner) = owner {
        command.uid(owner.uid).gid(owner.gid);
    }
    command
}

fn settings(durability: Durability) -> Vec<&'static str> {
    let mut settings = vec![CONNECTIONS_MAX];
    if durability == Durability::Fast {
        settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
    }
    settings
}

fn url(password: &str, port: u16) -> String {
    format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres")
}

fn ready_check(url: String) -> ReadyCheck {
    Box::new(move || {
        block_on(async {
            let ask = async {
                let mut connection = PgConnection::connect(&url).await?;
                connection.execute("SELECT 1").await?;
                connection.close().await
            };
            let answer = tokio::time::timeout(ANSWER_PATIENCE, ask).await;
            answer.context("no answer in time")?.context("the database refuses a query")
        })
    })
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
