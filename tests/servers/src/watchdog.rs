//! A shell that outlives us for a moment. It waits at the end of a pipe that only this process holds open, so
//! however this process ends, kill -9 included, the shell then stops what was started and removes what was
//! written.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::discovery::find_in_path;

/// Reads what to guard line by line; at end of file it stops services first, then the servers under them.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
services='' servers='' containers='' folders='' hosts='' paths=''
newline='
'
without() { # prints the words of $2 except the one that ends in ":$1"
  for word in $2; do [ "${word#*:}" = "$1" ] || printf ' %s' "$word"; done
}
while read -r verb value; do
  case $verb in
    service) services="$services $value" ;;
    server) servers="$servers $value" ;;
    container) containers="$containers :$value" ;;
    folder) folders="$folders$value$newline" ;;
    host) hosts="$hosts :$value" ;;
    path) paths="$paths$value$newline" ;;
    release)
      services=$(without "$value" "$services")
      servers=$(without "$value" "$servers")
      containers=$(without "$value" "$containers")
      hosts=$(without "$value" "$hosts") ;;
    keep) paths=$(printf '%s' "$paths" | grep -Fxv -- "$value")
      [ -z "$paths" ] || paths="$paths$newline" ;;
  esac
done
in_folders() { # sends a signal to every process that works in one of the folders
  [ -n "$folders" ] || return 0
  for process in /proc/[0-9]*; do
    at=$(readlink "$process/cwd" 2>/dev/null) || continue
    printf '%s' "$folders" | while read -r folder; do
      case $at in "$folder" | "$folder"/*) kill -s "$1" "${process#/proc/}" 2>/dev/null ;; esac
    done
  done
}
alive() { # a process that has ended but was not waited for is not alive
  kill -0 "$1" 2>/dev/null && ! grep -qs ') Z ' "/proc/$1/stat"
}
stop() {
  for word in $1; do kill -s "${word%%:*}" -- "-${word#*:}" 2>/dev/null; done
  tenths=0
  for word in $1; do
    while [ $tenths -lt 50 ] && alive "${word#*:}"; do sleep 0.1; tenths=$((tenths + 1)); done
  done
  for word in $1; do kill -s KILL -- "-${word#*:}" 2>/dev/null; done
}
in_folders CONT
stop "$services"
stop "$servers"
in_folders KILL
for word in $hosts; do ip netns del "${word#:}" || ip link del "${word#:}"; done >/dev/null 2>&1
for word in $containers; do docker rm --force --volumes "${word#:}" >/dev/null 2>&1; done
printf '%s' "$paths" | while read -r path; do rm -rf -- "$path"; done
"#;

/// Guards processes, containers and paths of this process until they are released.
#[derive(Debug)]
pub struct Watchdog {
    pipe: Mutex<Option<ChildStdin>>,
    shell: Mutex<Child>,
}

/// Whether a process is stopped before or after the others.
#[derive(Clone, Copy, Debug)]
pub enum Rank {
    /// One of our own processes, which needs the servers to finish its work: stopped first.
    Service,
    /// A database or broker: stopped last.
    Server,
}

impl Watchdog {
    /// Starts the shell, in a session of its own so that neither Ctrl-C nor the terminal's end reaches it.
    pub fn start() -> Result<Self> {
        let mut command = match find_in_path("setsid") {
            Some(setsid) => {
                let mut command = Command::new(setsid);
                command.arg("sh");
                command
            }
            None => {
                let mut command = Command::new("sh");
                command.process_group(0);
                command
            }
        };
        command.args(["-c", SCRIPT, "purser-watchdog"]).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn().context("cannot start sh, which stops the servers when this ends")?;
        Ok(Self { pipe: Mutex::new(shell.stdin.take()), shell: Mutex::new(shell) })
    }

    /// Stops the process group `pid` with `signal`, then with SIGKILL, when this process has ended.
    pub fn guard_process(&self, rank: Rank, pid: u32, signal: Signal) {
        let verb = match rank {
            Rank::Service => "service",
            Rank::Server => "server",
        };
        let name = signal.as_str().trim_start_matches("SIG");
        self.tell(&format!("{verb} {name}:{pid}"));
    }

    /// Removes a Docker container when this process has ended.
    pub fn guard_container(&self, name: &str) {
        self.tell(&format!("container {name}"));
    }

    /// Kills what works in a folder when this process has ended: parts of a server that left their parent.
    pub fn guard_folder(&self, folder: &Path) {
        self.tell(&format!("folder {}", folder.display()));
    }

    /// Removes a network namespace or a bridge when this process has ended.
    pub fn guard_host(&self, name: &str) {
        self.tell(&format!("host {name}"));
    }

    /// Forgets a network namespace or a bridge that was removed.
    pub fn release_host(&self, name: &str) {
        self.tell(&format!("release {name}"));
    }

    /// Deletes a file or a folder when this process has ended.
    pub fn guard_path(&self, path: &Path) {
        self.tell(&format!("path {}", path.display()));
    }

    /// Forgets a process that has ended: its number may soon be someone else's.
    pub fn release_process(&self, pid: u32) {
        self.tell(&format!("release {pid}"));
    }

    /// Forgets a container that was removed.
    pub fn release_container(&self, name: &str) {
        self.tell(&format!("release {name}"));
    }

    /// Forgets a path that is to stay, or is already gone.
    pub fn release_path(&self, path: &Path) {
        self.tell(&format!("keep {}", path.display()));
    }

    /// Lets the shell do its work now and waits until it has, at most about ten seconds.
    pub fn finish(&self) {
        drop(self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut shell = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = shell.wait() {
            tracing::warn!(%error, "the watchdog cannot be waited for");
        }
    }

    fn tell(&self, line: &str) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pipe) = pipe.as_mut() else { return };
        // Only a watchdog that somebody killed fails here; what it guarded is still stopped on an orderly
        // end.
        if let Err(error) = writeln!(pipe, "{line}") {
            tracing::warn!(%error, "the watchdog is gone");
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.finish();
    }
}
