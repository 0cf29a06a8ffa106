//! `cargo queries`: keeps `.sqlx` in step, the descriptions of all queries with which the code is built where
//! there is no database. It depends on none of that code, which may not build before this has done its work.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};
use servers::interruption::{EXIT_INTERRUPTED, cancel_on_signals};
use servers::progress::{Progress, Sink};
use servers::watchdog::Watchdog;
use servers::{Durability, Options, Server, Surroundings, checkout, postgres, target_directory};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;
use tokio_util::sync::CancellationToken;

const DATABASE: &str = "queries";
/// The crates whose queries the compiler checks.
const PACKAGES: [&str; 11] = [
    "api",
    "audit",
    "billing",
    "identity",
    "jobs",
    "kernel",
    "ledger",
    "messaging",
    "notices",
    "outgoing_webhooks",
    "scheduler",
];

/// Describes the queries in the code for builds without a database.
#[derive(Parser)]
#[command(name = "cargo queries", bin_name = "cargo queries", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Check that `.sqlx` describes the queries in the code
    Check,
    /// Describe the queries in the code anew, in `.sqlx`
    Prepare,
}

/// The descriptions by the names of their files.
type Descriptions = BTreeMap<String, String>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let progress = Progress::new(Sink::Output);
    let interrupted = CancellationToken::new();
    match run(&arguments.action, &progress, &interrupted).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if interrupted.is_cancelled() => ExitCode::from(EXIT_INTERRUPTED),
        Err(error) => {
            progress.say(format!("FAILED: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(action: &Action, progress: &Progress, interrupted: &CancellationToken) -> Result<()> {
    cancel_on_signals(interrupted.clone(), progress.clone())?;
    let watchdog = Arc::new(Watchdog::start()?);
    let scratch = target_directory().join(format!("queries-{}", std::process::id()));
    watchdog.guard_path(&scratch);
    let surroundings = Surroundings { watchdog, progress: progress.clone(), cancelled: interrupted.clone() };
    let needed = describe(&scratch, surroundings).await?;
    match action {
        Action::Check => check(&needed, progress),
        Action::Prepare => prepare(&needed, progress),
    }
}

/// An error unless the committed descriptions are exactly those that the code needs now.
fn check(needed: &Descriptions, progress: &Progress) -> Result<()> {
    let committed = read(&committed_directory())?;
    let missing: Vec<&String> = needed.keys().filter(|name| !committed.contains_key(*name)).collect();
    let stale: Vec<&String> = committed.keys().filter(|name| !needed.contains_key(*name)).collect();
    let is_changed = |(name, text): &(&String, &String)| committed.get(*name).is_some_and(|had| had != *text);
    let changed: Vec<&String> = needed.iter().filter(is_changed).map(|(name, _)| name).collect();
    if missing.is_empty() && stale.is_empty() && changed.is_empty() {
        progress.say(format!(".sqlx is in step with the code ({} queries)", needed.len()));
        return Ok(());
    }
    bail!(
        ".sqlx is not in step with the code: run `cargo queries prepare`\n\
         missing: {missing:?}\nstale: {stale:?}\nchanged: {changed:?}"
    )
}

/// Makes the committed descriptions those that the code needs now.
fn prepare(needed: &Descriptions, progress: &Progress) -> Result<()> {
    let directory = committed_directory();
    fs::create_dir_all(&directory).context("cannot create .sqlx")?;
    let before = read(&directory)?;
    for name in before.keys().filter(|name| !needed.contains_key(*name)) {
        fs::remove_file(directory.join(name))?;
    }
    // A file that is written without need has everything compiled again.
    for (name, text) in needed.iter().filter(|(name, text)| before.get(*name) != Some(*text)) {
        fs::write(directory.join(name), text)?;
    }
    progress.say(format!("{} queries are described in {}", needed.len(), directory.display()));
    Ok(())
}

/// Has the compiler ask a migrated database about every query in the code.
async fn describe(scratch: &Path, surroundings: Surroundings) -> Result<Descriptions> {
    let progress = surroundings.progress.clone();
    let options = Options::private(scratch.to_path_buf(), Durability::Fast);
    let server = blocking(move || servers::start_postgres(options, &surroundings)).await?;
    let described = describe_with(&server, scratch, &progress).await;
    blocking(move || {
        drop(server);
        Ok(())
    })
    .await?;
    let _watchdog_does_it_then = fs::remove_dir_all(scratch);
    described
}

async fn describe_with(server: &Server, scratch: &Path, progress: &Progress) -> Result<Descriptions> {
    let url = postgres::create_database(server.url(), DATABASE, None).await?;
    let pool = PgPoolOptions::new().max_connections(1).connect(&url).await.context("cannot connect")?;
    let migrations = Migrator::new(checkout().join("migrations")).await.context("cannot read migrations")?;
    migrations.run(&pool).await.context("cannot migrate")?;
    pool.close().await;
    progress.say("the compiler asks the database about every query");
    let output = scratch.join("descriptions");
    fs::create_dir_all(&output).context("cannot create the folder for the descriptions")?;
    let folder = output.clone();
    blocking(move || build(&url, &folder)).await?;
    read(&output)
}

fn build(database_url: &str, output: &Path) -> Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The whole workspace, as everywhere else: a part of it would choose other features of what it depends
    // on, and have all that built once more.
    command.args(["check", "--quiet", "--workspace"]);
    // A setting that was never used before makes cargo compile these crates, and none that they depend on,
    // anew, without touching what was built with the usual settings.
    let never_used: u16 = rand::random_range(1_000..u16::MAX);
    for package in PACKAGES {
        command.args(["--config", &format!("profile.dev.package.{package}.codegen-units={never_used}")]);
    }
    // Cargo told us about this very package; crates that look for it would be built anew for everyone after
    // us.
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_") {
            command.env_remove(&key);
        }
    }
    command.env("SQLX_OFFLINE", "false").env("SQLX_OFFLINE_DIR", output).env("DATABASE_URL", database_url);
    command.current_dir(checkout()).stdin(Stdio::null());
    let status = command.status().context("cannot start cargo")?;
    ensure!(status.success(), "the crates do not build against the migrated database");
    Ok(())
}

fn committed_directory() -> PathBuf {
    checkout().join(".sqlx")
}

fn read(directory: &Path) -> Result<Descriptions> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("query-") {
            files.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(files)
}

async fn blocking<Output: Send + 'static>(
    work: impl FnOnce() -> Result<Output> + Send + 'static,
) -> Result<Output> {
    tokio::task::spawn_blocking(work).await.context("a task panicked")?
}
