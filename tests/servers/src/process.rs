//! Child processes as the harness needs them: each in its own process group with a log file, signalled as a
//! group, waited for with a deadline.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// How often a process is asked whether it has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Starts `command` in a process group of its own (so that Ctrl-C does not reach it) with its output in
/// `log`.
pub fn spawn(command: &mut Command, log: &Path) -> Result<Child> {
    let output = open_log(log)?;
    let errors = output.try_clone().context("cannot use the log file twice")?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
    command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))
}

/// Sends a signal to the process group of a child. One that has ended already is no error.
pub fn signal_group(pid: u32, signal: Signal) {
    if let Some(pid) = process_id(pid) {
        let _ended_already = killpg(pid, signal);
    }
}

/// Sends a signal to one process. One that has ended already is no error.
pub fn signal_process(pid: u32, signal: Signal) {
    if let Some(pid) = process_id(pid) {
        let _ended_already = kill(pid, signal);
    }
}

/// Waits for a child; `false` when it still runs at the deadline.
pub fn wait_until_ended(child: &mut Child, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        // An error means that there is no such child any more.
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Asks a child's group to end with `signal`, and after `patience` makes it end.
pub fn stop(child: &mut Child, signal: Signal, patience: Duration) {
    signal_group(child.id(), signal);
    if !wait_until_ended(child, patience) {
        signal_group(child.id(), Signal::SIGKILL);
        wait_until_ended(child, patience);
    }
}

/// Every process below `pid`. Empty where there is no `/proc`.
pub fn descendants(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .filter_map(|child: u32| Some((child, parent_of(child)?)))
        .collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, its_parent)| *its_parent == parent).map(|(child, _)| *child));
        next += 1;
    }
    found.split_off(1)
}

/// Every process that works in a folder or below it, whoever its parent is. Empty where there is no `/proc`.
pub fn running_in(folder: &Path) -> Vec<u32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .filter(|pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|at| at.starts_with(folder)))
        .collect()
}

/// The last lines of a log, for an error message.
pub fn tail(log: &Path, lines: usize) -> String {
    const BYTES_MAX: u64 = 16_384;
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(BYTES_MAX)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn open_log(log: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

fn process_id(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().map(Pid::from_raw)
}
