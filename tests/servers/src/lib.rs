//! Finds or starts PostgreSQL and RabbitMQ: those that `DATABASE_URL` and `AMQP_URL` name; else the installed
//! programs, started privately; else installed from the distribution first; else in Docker. Both start at the
//! same time, and both end with this process, however it ends. Nothing of Purser itself is needed here: this
//! must build while the descriptions of its queries are out of step.

pub mod chromium;
pub mod cluster;
mod container;
mod directory;
mod discovery;
mod etcd;
mod haproxy;
pub mod hosts;
mod http;
mod install;
pub mod interruption;
pub mod newest;
pub mod node;
mod node_names;
pub mod patroni;
pub mod pgbouncer;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod progress;
pub mod python;
mod rabbitmq;
pub mod rabbitmq_cluster;
mod server;
pub mod versions;
pub mod watchdog;

use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow, bail, ensure};

pub use pgbouncer::Pooler;
pub use server::{Server, Surroundings};

/// Ports are chosen before they are used, so somebody may be faster.
const PORT_ATTEMPTS: u32 = 4;

/// Whether what is committed survives a power cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// As in production.
    Durable,
    /// Nothing waits for the disk: for tests, whose data is thrown away.
    Fast,
}

/// Which servers to use, and where their data goes.
#[derive(Clone, Debug)]
pub struct Options {
    /// A folder for data and logs; the servers create what they need in it.
    pub directory: PathBuf,
    /// Whether commits reach the disk.
    pub durability: Durability,
    /// A PostgreSQL that runs already.
    pub database_url: Option<String>,
    /// A RabbitMQ that runs already.
    pub amqp_url: Option<String>,
}

impl Options {
    /// Uses no server but its own.
    pub fn private(directory: PathBuf, durability: Durability) -> Self {
        Self { directory, durability, database_url: None, amqp_url: None }
    }

    /// Takes the servers that the environment variables `DATABASE_URL` and `AMQP_URL` name, if any.
    pub fn from_environment(directory: PathBuf, durability: Durability) -> Self {
        let read = |key| std::env::var(key).ok().filter(|value| !value.is_empty());
        Self { directory, durability, database_url: read("DATABASE_URL"), amqp_url: read("AMQP_URL") }
    }
}

/// Where the servers keep their files.
#[derive(Debug)]
pub struct Places {
    postgres: PathBuf,
    rabbitmq: PathBuf,
    logs: PathBuf,
}

impl Places {
    fn create(options: &Options) -> Result<Self> {
        let places = Self {
            postgres: options.directory.join("postgres"),
            rabbitmq: options.directory.join("rabbitmq"),
            logs: options.directory.join("logs"),
        };
        std::fs::create_dir_all(&places.logs)
            .with_context(|| format!("cannot create {}", places.logs.display()))?;
        Ok(places)
    }
}

/// A running PostgreSQL and a running RabbitMQ. Those that we started end when this is dropped.
pub struct Servers {
    postgres: Server,
    rabbitmq: Server,
}

impl Servers {
    /// Finds or starts both.
    pub fn start(options: Options, surroundings: &Surroundings) -> Result<Self> {
        let places = Places::create(&options)?;
        install_missing(&options, &[Program::Postgres, Program::RabbitMq], surroundings)?;
        thread::scope(|scope| {
            let postgres = scope.spawn(|| find_or_start_postgres(&options, &places, surroundings));
            let rabbitmq = find_or_start_rabbitmq(&options, &places, surroundings);
            let postgres = postgres.join().map_err(|_| anyhow!("starting PostgreSQL panicked"))?;
            Ok(Self { postgres: postgres?, rabbitmq: rabbitmq? })
        })
    }

    /// The database server.
    pub fn postgres(&self) -> &Server {
        &self.postgres
    }

    /// The broker.
    pub fn rabbitmq(&self) -> &Server {
        &self.rabbitmq
    }
}

/// Finds or starts the database server alone.
pub fn start_postgres(options: Options, surroundings: &Surroundings) -> Result<Server> {
    let places = Places::create(&options)?;
    install_missing(&options, &[Program::Postgres], surroundings)?;
    find_or_start_postgres(&options, &places, surroundings)
}

/// Starts a pooler in front of a database server of ours.
pub fn start_pgbouncer(directory: &Path, database: &Server, surroundings: &Surroundings) -> Result<Pooler> {
    let options = Options::private(directory.to_path_buf(), Durability::Fast);
    install_missing(&options, &[Program::PgBouncer], surroundings)?;
    let program = discovery::find_program("pgbouncer")
        .ok_or_else(|| anyhow!("PgBouncer was not found: install the package pgbouncer"))?;
    pgbouncer::start(&program, directory, database.url(), surroundings)
}

#[derive(Clone, Copy)]
enum Program {
    Postgres,
    RabbitMq,
    PgBouncer,
    Etcd,
    HaProxy,
}

impl Program {
    fn is_there(self, options: &Options) -> bool {
        match self {
            Self::Postgres => options.database_url.is_some() || discovery::find_postgres().is_some(),
            Self::RabbitMq => options.amqp_url.is_some() || discovery::find_rabbitmq().is_some(),
            Self::PgBouncer => discovery::find_program("pgbouncer").is_some(),
            Self::Etcd => discovery::find_program("etcd").is_some(),
            Self::HaProxy => discovery::find_program("haproxy").is_some(),
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::RabbitMq => "rabbitmq-server",
            Self::PgBouncer => "pgbouncer",
            Self::Etcd => "etcd-server",
            Self::HaProxy => "haproxy",
        }
    }
}

fn install_missing(options: &Options, programs: &[Program], surroundings: &Surroundings) -> Result<()> {
    let missing = || -> Vec<&str> {
        programs
            .iter()
            .filter(|program| !program.is_there(options))
            .map(|program| program.package())
            .collect()
    };
    if missing().is_empty() || !install::is_possible() {
        return Ok(());
    }
    // Tests start several of us at once: one installs, and the others find what it has installed.
    let _one_at_a_time = install::lock(surroundings)?;
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    let installed = install::install(&packages, surroundings);
    if let Err(error) = &installed
        && container::is_available()
    {
        surroundings.progress.say(format!("{error:#}; using Docker instead"));
        return Ok(());
    }
    installed
}

/// A program that a test wants besides the servers, from the distribution's package if it is not there.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn tool(program: &str, package: &str, surroundings: &Surroundings) -> Result<PathBuf> {
    if let Some(found) = discovery::find_program(program) {
        return Ok(found);
    }
    ensure!(install::is_possible(), "{program} was not found: install the package {package}");
    let _one_at_a_time = install::lock(surroundings)?;
    if discovery::find_program(program).is_none() {
        install::install(&[package], surroundings)?;
    }
    discovery::find_program(program).with_context(|| format!("the package {package} has no {program}"))
}

fn find_or_start_postgres(options: &Options, places: &Places, surroundings: &Surroundings) -> Result<Server> {
    let progress = &surroundings.progress;
    let server = if let Some(url) = options.database_url.clone() {
        progress.say("using the PostgreSQL that DATABASE_URL names");
        postgres::external(url, surroundings.clone())?
    } else if let Some(programs) = discovery::find_postgres() {
        progress.say(format!("starting PostgreSQL ({})", programs.display()));
        postgres::start_installed(&programs, places, options.durability, surroundings)?
    } else if container::is_available() {
        progress.say("starting PostgreSQL in Docker");
        postgres::start_container(options.durability, surroundings)?
    } else {
        bail!(missing("PostgreSQL", Program::Postgres.package(), "DATABASE_URL"));
    };
    progress.say(format!("PostgreSQL {} answers", versions::of_postgres_at(server.url())?));
    Ok(server)
}

fn find_or_start_rabbitmq(options: &Options, places: &Places, surroundings: &Surroundings) -> Result<Server> {
    let progress = &surroundings.progress;
    let server = if let Some(url) = options.amqp_url.clone() {
        progress.say("using the RabbitMQ that AMQP_URL names");
        rabbitmq::external(url, surroundings.clone())?
    } else if let Some(program) = discovery::find_rabbitmq() {
        progress.say(format!("starting RabbitMQ ({})", program.display()));
        rabbitmq::start_installed(&program, places, surroundings)?
    } else if container::is_available() {
        progress.say("starting RabbitMQ in Docker");
        rabbitmq::start_container(surroundings)?
    } else {
        bail!(missing("RabbitMQ", Program::RabbitMq.package(), "AMQP_URL"));
    };
    progress.say(format!("RabbitMQ {} answers", versions::of_rabbitmq(server.url())?));
    Ok(server)
}

fn missing(name: &str, package: &str, variable: &str) -> String {
    format!(
        "{name} was not found: install the package {package} (`apt-get install {package}`, on macOS \
         `brew install {}`), or start Docker, or set {variable}",
        package.trim_end_matches("-server"),
    )
}

/// Repeats a start whose ports were taken by somebody else in the meantime.
fn retry_port(mut start: impl FnMut() -> Result<Server>) -> Result<Server> {
    let mut attempt = 1;
    loop {
        match start() {
            Err(error) if attempt < PORT_ATTEMPTS && is_busy_port(&error) => attempt += 1,
            outcome => return outcome,
        }
    }
}

fn is_busy_port(error: &anyhow::Error) -> bool {
    let text = format!("{error:#}").to_lowercase();
    [
        "address already in use",
        "eaddrinuse",
        "port is already allocated",
        "_port_in_use",
        "dist_port_already_used",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

/// A password of 128 random bits, which needs no quoting anywhere.
fn random_password() -> String {
    let random: u128 = rand::random();
    format!("{random:032x}")
}

/// Runs a future to its end on a thread and a runtime of its own: callers may be in a runtime already.
fn block_on<Output: Send>(future: impl Future<Output = Result<Output>> + Send) -> Result<Output> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(future)
        });
        thread.join().map_err(|_| anyhow!("a check panicked"))?
    })
}

/// The top folder of the checkout.
pub fn checkout() -> PathBuf {
    // Cargo sets the variable for what it runs; the value at build time serves a program started by hand.
    let folders = [std::env::var_os("CARGO_MANIFEST_DIR"), Some(env!("CARGO_MANIFEST_DIR").into())];
    let mut packages = folders.into_iter().flatten().map(PathBuf::from);
    let top = packages.find_map(|package| {
        package.ancestors().find(|folder| folder.join("Cargo.lock").is_file()).map(Path::to_path_buf)
    });
    top.unwrap_or_else(|| PathBuf::from("."))
}

/// The checkout's folder `target`, wherever cargo itself was told to build.
pub fn target_directory() -> PathBuf {
    checkout().join("target")
}
