//! A checkout for one test, in which the binary `dev` runs as a developer would run it, and which must be
//! clean again when it has ended.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::anyhow;
use harness::eventually::{Look, eventually_blocking};
use nix::sys::signal::Signal;
use servers::process::signal_process;

const PATIENCE: Duration = Duration::from_secs(90);

/// A running `dev`.
pub struct Checkout {
    pub path: PathBuf,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    /// Folders outside the checkout that hold data of its servers.
    pub folders: Vec<PathBuf>,
}

impl Checkout {
    /// Runs `dev` with these arguments in a new checkout whose folder has this name and these permissions.
    pub fn run(name: &str, mode: u32, arguments: &[&str]) -> Self {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("tests")).unwrap();
        fs::write(path.join("Cargo.lock"), "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
        command.args(arguments).env("CARGO_MANIFEST_DIR", path.join("tests"));
        command.env_remove("DATABASE_URL").env_remove("AMQP_URL").stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (output, collected) = (child.stdout.take().unwrap(), Arc::clone(&lines));
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                collected.lock().unwrap().push(line);
            }
        });
        Self { path, child, lines, folders: Vec::new() }
    }

    pub fn output(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// Waits until a line holds this text, and returns the line.
    pub fn wait_for(&mut self, text: &str) -> String {
        let line = eventually_blocking(&format!("a line with {text:?}"), PATIENCE, || {
            let found = self.lines.lock().unwrap().iter().find(|line| line.contains(text)).cloned();
            match (found, self.child.try_wait().unwrap()) {
                (Some(line), _) => Look::Done(line),
                (None, None) => Look::NotYet(self.output()),
                (None, Some(status)) => Look::Never(anyhow!("it ended ({status}):\n{}", self.output())),
            }
        });
        self.folders.extend(self.temporary_folders());
        line.unwrap()
    }

    /// The value of `KEY=value` in the environment file, or else in the output.
    pub fn value(&self, key: &str) -> String {
        let file = fs::read_to_string(self.path.join("target/dev/env")).unwrap_or_default();
        let text = format!("{file}\n{}", self.output());
        let start = format!("{key}=");
        let value = text.lines().find_map(|line| line.strip_prefix(&start)).map(str::to_owned);
        value.unwrap_or_else(|| panic!("no {key} in:\n{text}"))
    }

    /// Sends a signal to `dev` itself and waits for its end.
    pub fn end(&mut self, signal: Signal) -> ExitStatus {
        signal_process(self.child.id(), signal);
        self.wait()
    }

    pub fn wait(&mut self) -> ExitStatus {
        eventually_blocking("`dev` ends", PATIENCE, || match self.child.try_wait().unwrap() {
            Some(status) => Look::Done(status),
            None => Look::NotYet(self.output()),
        })
        .unwrap()
    }

    /// No process, no port, no file but the logs. The watchdog may need a moment after a kill.
    pub fn require_nothing_left(&self, ports: &[u16]) {
        let require = |what: &str, look: &dyn Fn() -> Look<()>| {
            eventually_blocking(what, PATIENCE, look).unwrap();
        };
        for port in ports {
            let bind = || std::net::TcpListener::bind(("127.0.0.1", *port)).map(drop).into();
            require(&format!("port {port} is free"), &bind);
        }
        for folder in self.folders.iter().chain([&self.path]) {
            let name = folder.to_string_lossy();
            let look = || {
                let left = processes_that_mention(&name);
                Look::when(left.is_empty(), format_args!("{left:?}"))
            };
            require(&format!("no process of {name} is left"), &look);
        }
        for folder in &self.folders {
            let look = || Look::when(!folder.exists(), "it exists");
            require(&format!("{} is deleted", folder.display()), &look);
        }
        let dev = self.path.join("target/dev");
        require("no file but the logs is left", &|| {
            let entries = fs::read_dir(&dev).unwrap().map(|entry| entry.unwrap().file_name());
            let left: Vec<_> = entries.filter(|name| name != "lock" && name != "logs").collect();
            Look::when(left.is_empty(), format_args!("{left:?}"))
        });
    }

    fn temporary_folders(&self) -> Vec<PathBuf> {
        let pids: Vec<u32> = servers::process::descendants(self.child.id());
        let entries = fs::read_dir(std::env::temp_dir()).unwrap().flatten().map(|entry| entry.path());
        let is_of_ours = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_data = name.starts_with("purser-postgres-") || name.starts_with("purser-rabbitmq-");
            is_data && pids.iter().any(|pid| mentions(*pid, &name))
        };
        entries.filter(is_of_ours).collect()
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            signal_process(self.child.id(), Signal::SIGTERM);
            let _was_asked_to_end = self.child.wait();
        }
        let _is_temporary_anyway = fs::remove_dir_all(&self.path);
    }
}

/// The port of an address.
pub fn port(address: &str) -> u16 {
    let url: reqwest::Url = address.parse().unwrap();
    url.port().unwrap()
}

fn processes_that_mention(text: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    pids.filter(|pid| *pid != std::process::id() && mentions(*pid, text)).collect()
}

/// Whether `text` is in the command line or the environment, where alone a broker's helpers carry it.
fn mentions(pid: u32, text: &str) -> bool {
    ["cmdline", "environ"].iter().any(|file| {
        let bytes = fs::read(Path::new("/proc").join(pid.to_string()).join(file)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(text)
    })
}
