//! The settings of a process. [`read`] collects everything that is wrong with them, so that an operator sees all of it
//! at once, each problem with its variable and what to do about it.

pub mod addresses;
mod environment;
mod secret;

pub use environment::{ConfigError, Environment, Reported, read};
pub use secret::Secret;

use std::str::FromStr;
use std::time::Duration;

/// Which world of the providers this installation lives in. Events of the other one are never credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Test keys and test events (`livemode: false`).
    Test,
    Live,
}

impl Mode {
    /// Reads `PURSER_MODE`; `test` unless set.
    pub fn read(environment: &mut Environment) -> Self {
        environment.parsed("PURSER_MODE", Self::Test, "give `test` or `live`")
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }

    /// As providers say it.
    pub fn is_live(self) -> bool {
        self == Self::Live
    }
}

impl FromStr for Mode {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "test" => Ok(Self::Test),
            "live" => Ok(Self::Live),
            _ => Err("it is `test` or `live`"),
        }
    }
}

/// Where every process finds the database and the broker.
#[derive(Clone, Debug)]
pub struct Connections {
    /// `DATABASE_URL`: PostgreSQL, for example `postgres://purser@localhost/purser`. It may name several servers, see
    /// [`addresses::of_database`].
    pub database_url: Secret,
    /// `DATABASE_DIRECT_URL`: PostgreSQL itself, if `DATABASE_URL` leads to a pooler. Not set otherwise.
    pub database_direct_url: Option<Secret>,
    /// `DATABASE_READ_URL`: a copy of the database, such as a standby, for what the API reads that may be some seconds
    /// old, or several. Not set otherwise.
    pub database_read_url: Option<Secret>,
    /// `AMQP_URL`: RabbitMQ, for example `amqp://purser:…@localhost/%2f`. It may name several nodes, see
    /// [`addresses::of_broker`].
    pub amqp_url: Secret,
    /// `AMQP_PREFIX`: starts the name of every exchange and queue; `purser` unless set.
    pub amqp_prefix: String,
    /// `DATABASE_MAX_CONNECTIONS`: for this process; 10 unless set.
    pub database_max_connections: u32,
    /// `DATABASE_LOCK_TIMEOUT_MS`: how long a statement waits for a row that another transaction has locked; 500 unless
    /// set. What could not wait any longer is answered with 503, or tried again by the worker.
    pub database_lock_timeout: Duration,
    /// `DATABASE_STATEMENT_TIMEOUT_MS`: how long a statement may take; 10000 unless set.
    pub database_statement_timeout: Duration,
    /// `DATABASE_DEADLINE_MS`: how long a request waits for the database in all; 5000 unless set. Then it is answered
    /// with 503, and its connection is given up.
    pub database_deadline: Duration,
}

impl Connections {
    /// Reads the variables named at the fields.
    ///
    /// # Errors
    /// When the address of a server is missing or wrong.
    pub fn read(environment: &mut Environment) -> Result<Self, Reported> {
        let database_url = environment.servers(
            "DATABASE_URL",
            &addresses::DATABASE,
            "give the address of PostgreSQL, for example postgres://purser@localhost/purser",
        );
        let database_direct_url = environment.optional_servers(
            "DATABASE_DIRECT_URL",
            &addresses::DATABASE,
            "give the address of PostgreSQL itself, for example postgres://purser@localhost/purser",
        );
        let database_read_url = environment.optional_servers(
            "DATABASE_READ_URL",
            &addresses::DATABASE,
            "give the address of a standby, for example postgres://purser@standby/purser",
        );
        let amqp_url = environment.servers(
            "AMQP_URL",
            &addresses::BROKER,
            "give the address of RabbitMQ, for example amqp://guest:guest@localhost:5672/%2f",
        );
        Ok(Self {
            amqp_prefix: environment.optional("AMQP_PREFIX").unwrap_or_else(|| "purser".to_owned()),
            database_max_connections: environment.at_least("DATABASE_MAX_CONNECTIONS", 1, 10),
            database_lock_timeout: milliseconds(environment, "DATABASE_LOCK_TIMEOUT_MS", 10, 500),
            database_statement_timeout: milliseconds(
                environment,
                "DATABASE_STATEMENT_TIMEOUT_MS",
                1_000,
                10_000,
            ),
            database_deadline: milliseconds(environment, "DATABASE_DEADLINE_MS", 1_000, 5_000),
            database_direct_url,
            database_read_url,
            database_url: database_url?,
            amqp_url: amqp_url?,
        })
    }
}

fn milliseconds(environment: &mut Environment, name: &'static str, least: u32, usual: u32) -> Duration {
    Duration::from_millis(u64::from(environment.at_least(name, least, usual)))
}
