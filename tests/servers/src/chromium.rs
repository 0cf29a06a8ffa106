//! Chromium for the tests of pages: the installed one, else installed from the distribution.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;

use super::discovery::find_in_path;
use super::install;
use super::process;
use super::server::Surroundings;
use super::watchdog::Rank;

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const START_PATIENCE: Duration = Duration::from_secs(60);
const LOG_LINES: usize = 20;
const LOOK_INTERVAL: Duration = Duration::from_millis(25);

/// Asks nobody for anything, and keeps nothing but what is in its folder. A root user has no sandbox.
const ARGUMENTS: [&str; 13] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--force-color-profile=srgb",
    "--remote-debugging-port=0",
];

/// Starts Chromium with an empty profile below `directory`; returns the address of its DevTools. It ends with this
/// process.
///
/// # Errors
/// When there is none, with what to do, or when it does not start.
pub fn start(directory: &Path, surroundings: &Surroundings) -> Result<String> {
    let program = find_or_install(surroundings)?;
    let profile = directory.join("chromium");
    std::fs::create_dir_all(&profile)?;
    let log = directory.join("chromium.log");
    let mut command = Command::new(&program);
    command.args(ARGUMENTS).arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
    let mut child = process::spawn(&mut command, &log)?;
    surroundings.watchdog.guard_process(Rank::Service, child.id(), Signal::SIGTERM);
    // It writes this file once it listens: the port, and the path of its own target.
    let port_file = profile.join("DevToolsActivePort");
    let started = Instant::now();
    loop {
        if let Ok(text) = std::fs::read_to_string(&port_file)
            && let Some((port, path)) = text.split_once('\n')
            && !path.trim().is_empty()
        {
            return Ok(format!("ws://127.0.0.1:{}{}", port.trim(), path.trim()));
        }
        if let Some(status) = child.try_wait()? {
            bail!("{} ended with {status}:\n{}", program.display(), process::tail(&log, LOG_LINES));
        }
        ensure!(
            started.elapsed() < START_PATIENCE,
            "{} does not listen: see {}",
            program.display(),
            log.display()
        );
        std::thread::sleep(LOOK_INTERVAL);
    }
}

fn find() -> Option<PathBuf> {
    NAMES.iter().find_map(|name| find_in_path(name))
}

fn find_or_install(surroundings: &Surroundings) -> Result<PathBuf> {
    if let Some(found) = find() {
        return Ok(found);
    }
    if install::is_possible() {
        let _one_at_a_time = install::lock(surroundings)?;
        if find().is_none() {
            install::install(&["chromium"], surroundings)?;
        }
    }
    find().context("Chromium was not found: install it (on Debian, `apt-get install chromium`)")
}
