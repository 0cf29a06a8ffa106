//! Servers in Docker, for machines that have no PostgreSQL or RabbitMQ installed.

use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::watchdog::Watchdog;

/// A container of ours. Its port is bound to loopback only.
pub struct Container {
    name: String,
    watchdog: Arc<Watchdog>,
}

/// What to run.
pub struct Image<'image> {
    /// Name and tag.
    pub name: &'image str,
    /// The port inside the container, and the port on this machine.
    pub ports: (u16, u16),
    /// Environment variables. They go through our own environment, so that no process list shows a password.
    pub environment: &'image [(&'image str, &'image str)],
    /// Arguments after the image's name.
    pub arguments: &'image [&'image str],
}

/// Whether a Docker engine answers.
pub fn is_available() -> bool {
    let mut command = Command::new("docker");
    command.arg("info").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Container {
    /// Creates the container, which fetches its image if need be; it does not run yet.
    pub fn create(purpose: &str, image: &Image<'_>, watchdog: Arc<Watchdog>) -> Result<Self> {
        let random: u32 = rand::random();
        let name = format!("purser-{}-{random:08x}-{purpose}", std::process::id());
        watchdog.guard_container(&name);
        let container = Self { name, watchdog };
        let mut command = Command::new("docker");
        let (inside, outside) = image.ports;
        command.args(["create", "--name", &container.name]);
        command.args(["--publish", &format!("127.0.0.1:{outside}:{inside}")]);
        for (key, value) in image.environment {
            command.args(["--env", key]).env(key, value);
        }
        command.arg(image.name).args(image.arguments);
        run(&mut command)?;
        Ok(container)
    }

    /// Starts it, or starts it again with its data.
    pub fn start(&self) -> Result<()> {
        run(Command::new("docker").args(["start", &self.name]))
    }

    /// Stops it in order, by the signal that its image names.
    pub fn stop(&self) -> Result<()> {
        run(Command::new("docker").args(["stop", "--time", "5", &self.name]))
    }

    /// Sends a signal to its first process.
    pub fn signal(&self, signal: &str) -> Result<()> {
        run(Command::new("docker").args(["kill", "--signal", signal, &self.name]))
    }

    /// Removes it with its data.
    pub fn remove(&self) {
        if run(Command::new("docker").args(["rm", "--force", "--volumes", &self.name])).is_ok() {
            self.watchdog.release_container(&self.name);
        }
    }

    /// The end of its output.
    pub fn log_tail(&self, lines: usize) -> String {
        let output = Command::new("docker").args(["logs", "--tail", &lines.to_string(), &self.name]).output();
        output.map_or_else(
            |error| error.to_string(),
            |output| {
                let (first, second) = (output.stdout, output.stderr);
                String::from_utf8_lossy(&[first, second].concat()).into_owned()
            },
        )
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().context("cannot run docker")?;
    if !output.status.success() {
        let action = command.get_args().next().unwrap_or_default().display().to_string();
        bail!("docker {action} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
