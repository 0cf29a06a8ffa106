//! The servers that all tests of one run share: started by the first test that needs them, ended by the
//! watchdog when the run ends, however it ends.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use servers::chromium;
use servers::progress::{Progress, Sink};
use servers::watchdog::Watchdog;
use servers::{Durability, Options, Pooler, Server, Servers, Surroundings, target_directory};

/// What belongs to the run as a whole.
struct Run {
    directory: PathBuf,
    surroundings: Surroundings,
}

static RUN: OnceLock<Run> = OnceLock::new();
static SERVERS: OnceLock<Servers> = OnceLock::new();
static CHROMIUM: OnceLock<String> = OnceLock::new();

/// The PostgreSQL and RabbitMQ of this test run. Blocks the first caller for some seconds.
///
/// # Panics
/// When they cannot be started; the text says why.
pub fn servers() -> &'static Servers {
    SERVERS.get_or_init(|| {
        let options = Options::from_environment(run().directory.join("shared"), Durability::Fast);
        start(options)
    })
}

/// Servers for one test alone, which may then stop and kill them. They end when dropped.
///
/// # Panics
/// When they cannot be started; the text says why.
pub fn private_servers(name: &str) -> Servers {
    // What is killed must find its data again.
    start(Options::private(run().directory.join(name), Durability::Durable))
}

/// A standby of a private server, which ends when dropped.
///
/// # Errors
/// When it cannot be started.
pub fn standby_of(primary: &Server, name: &str) -> Result<Server> {
    servers::postgres::start_standby(primary, &run().directory.join(name), &run().surroundings)
}

/// What a server can be restored from, from now on. The server is restarted.
///
/// # Errors
/// When it cannot be restarted or copied.
pub fn back_up(server: &Server, name: &str) -> Result<servers::postgres::Backup> {
    servers::postgres::Backup::begin(server, &run().directory.join(name), &run().surroundings)
}

/// A server with what was there at a moment, as PostgreSQL writes it.
///
/// # Errors
/// When it cannot be started.
pub fn restore(backup: servers::postgres::Backup, lost: &Server, moment: &str) -> Result<Server> {
    backup.restore(lost, moment, &run().surroundings)
}

/// A pooler in front of a server, which ends when dropped.
///
/// # Errors
/// When it cannot be started.
pub fn pooler_of(database: &Server, name: &str) -> Result<Pooler> {
    servers::start_pgbouncer(&run().directory.join(name), database, &run().surroundings)
}

/// A program that is no server of the system; see [`servers::tool`].
///
/// # Panics
/// When it is missing and cannot be installed; the text says why.
#[allow(clippy::panic)]
pub fn tool(program: &str, package: &str) -> PathBuf {
    match servers::tool(program, package, &run().surroundings) {
        Ok(found) => found,
        Err(error) => panic!("{error:#}"),
    }
}

/// The DevTools of the one Chromium of this test run. Blocks the first caller for some seconds.
///
/// # Panics
/// When it cannot be started; the text says what to do.
#[allow(clippy::panic)]
pub(crate) fn chromium() -> &'static str {
    CHROMIUM.get_or_init(|| match chromium::start(&directory(), &run().surroundings) {
        Ok(address) => address,
        Err(error) => panic!("no browser for the tests of pages: {error:#}"),
    })
}

/// The watchdog of this test run.
pub(crate) fn watchdog() -> Arc<Watchdog> {
    run().surroundings.watchdog.clone()
}

/// A folder for files of this test run; deleted when the run ends.
#[allow(clippy::panic)]
pub fn directory() -> PathBuf {
    let directory = run().directory.clone();
    // Servers make it too, but a test may need none of them.
    match std::fs::create_dir_all(&directory) {
        Ok(()) => directory,
        Err(error) => panic!("cannot create {}: {error}", directory.display()),
    }
}

#[allow(clippy::panic)]
fn start(options: Options) -> Servers {
    match Servers::start(options, &run().surroundings) {
        Ok(servers) => servers,
        Err(error) => panic!("the servers for the tests do not start: {error:#}"),
    }
}

#[allow(clippy::panic)]
fn run() -> &'static Run {
    RUN.get_or_init(|| {
        let watchdog = match Watchdog::start() {
            Ok(watchdog) => Arc::new(watchdog),
            Err(error) => panic!("{error:#}"),
        };
        let directory = target_directory().join("test").join(format!("run-{}", std::process::id()));
        watchdog.guard_path(&directory);
        let progress = Progress::new(Sink::Error);
        Run {
            directory,
            surroundings: Surroundings { watchdog, progress, cancelled: CancellationToken::new() },
        }
    })
}
