//! Installs PostgreSQL, RabbitMQ and PgBouncer from the distribution, on Debian and its relatives, as root. Only the
//! programs are wanted: no service may start by itself, now or at the next boot.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use super::discovery::find_in_path;
use super::process;
use super::server::Surroundings;

/// Package scripts ask this program before they start a service; 101 means "no".
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";
const SERVICE_POLICY_DENIES: &str = "#!/bin/sh\nexit 101\n";
const CLUSTER_SETTINGS: &str = "/etc/postgresql-common/createcluster.d/purser.conf";
/// There on every such machine: its lock keeps installations of ours from each other and leaves nothing behind.
const LOCKED_FILE: &str = "/etc/debian_version";
const LOCK_INTERVAL: Duration = Duration::from_millis(250);
const SERVICES: [&str; 7] = [
    "etcd.service",
    "haproxy.service",
    "postgresql.service",
    "rabbitmq-server.service",
    "epmd.socket",
    "pgbouncer.service",
    "prometheus.service",
];

/// Whether this machine lets us install packages.
pub fn is_possible() -> bool {
    geteuid().is_root() && Path::new(LOCKED_FILE).exists() && find_in_path("apt-get").is_some()
}

/// Waits until no other process of ours installs anything; none begins before the file is dropped.
pub fn lock(surroundings: &Surroundings) -> Result<File> {
    let file = File::open(LOCKED_FILE)?;
    let mut waits = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error).context("cannot lock the installation"),
        }
        if !waits {
            surroundings.progress.say("waiting for another installation of the same packages");
            waits = true;
        }
        ensure!(!surroundings.cancelled.is_cancelled(), "interrupted");
        std::thread::sleep(LOCK_INTERVAL);
    }
}

/// Installs packages, showing what is done.
pub fn install(packages: &[&str], surroundings: &Surroundings) -> Result<()> {
    let progress = &surroundings.progress;
    progress.say(format!("installing {} from the distribution (apt-get)", packages.join(" and ")));
    let _no_service_starts = TemporaryFile::put(SERVICE_POLICY, SERVICE_POLICY_DENIES, 0o755, surroundings)?;
    let _no_cluster_is_created =
        TemporaryFile::put(CLUSTER_SETTINGS, "create_main_cluster = false\n", 0o644, surroundings)?;
    apt_get(&["update"], surroundings)?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    apt_get(&arguments, surroundings)?;
    if find_in_path("systemctl").is_some() {
        let mut command = Command::new("systemctl");
        command
            .arg("disable")
            .args(SERVICES)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Where systemd does not run this fails, and there is nothing to disable.
        let _nothing_to_disable = command.status();
    }
    progress.say("installed");
    Ok(())
}

fn apt_get(arguments: &[&str], surroundings: &Surroundings) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.args(["-q", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start apt-get")?;
    let errors = child.stderr.take().context("apt-get has no error output")?;
    let errors = std::thread::spawn(move || std::io::read_to_string(errors).unwrap_or_default());
    let output = child.stdout.take().context("apt-get has no output")?;
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if surroundings.cancelled.is_cancelled() {
            process::signal_process(child.id(), Signal::SIGINT);
        }
        if ["Get:", "Unpacking", "Setting up"].iter().any(|prefix| line.starts_with(prefix)) {
            surroundings.progress.say(format!("  {line}"));
        }
    }
    let status = child.wait().context("cannot wait for apt-get")?;
    let errors = errors.join().unwrap_or_default();
    ensure!(status.success(), "apt-get {} failed:\n{}", arguments.join(" "), errors.trim());
    Ok(())
}

/// A file that is there while packages are being installed, and what was there before comes back afterwards.
struct TemporaryFile {
    path: PathBuf,
    before: Option<(Vec<u8>, Permissions)>,
    surroundings: Surroundings,
}

impl TemporaryFile {
    fn put(path: &str, text: &str, mode: u32, surroundings: &Surroundings) -> Result<Self> {
        let path = PathBuf::from(path);
        let before = match fs::read(&path) {
            Ok(bytes) => Some((bytes, fs::metadata(&path)?.permissions())),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let file = Self { path, before, surroundings: surroundings.clone() };
        if file.before.is_none() {
            file.surroundings.watchdog.guard_path(&file.path);
        }
        if let Some(parent) = file.path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&file.path, text).with_context(|| format!("cannot write {}", file.path.display()))?;
        fs::set_permissions(&file.path, Permissions::from_mode(mode))?;
        Ok(file)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let restored = match self.before.take() {
            Some((bytes, permissions)) => {
                fs::write(&self.path, bytes).and_then(|()| fs::set_permissions(&self.path, permissions))
            }
            None => {
                self.surroundings.watchdog.release_path(&self.path);
                fs::remove_file(&self.path)
            }
        };
        if let Err(error) = restored {
            self.surroundings.progress.say(format!("cannot restore {}: {error}", self.path.display()));
        }
    }
}
