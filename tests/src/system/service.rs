//! The system's processes. One program holds them all: it becomes the process whose name it is started under, so
//! that nothing more has to be built, and each still is a process that can be killed.

use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use servers::process;
use servers::watchdog::{Rank, Watchdog};

/// A worker finishes what is under way; longer than this it does not take.
const STOP_PATIENCE: Duration = Duration::from_secs(8);
const LOG_LINES: usize = 20;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    Api,
    Worker,
    Scheduler,
    Emulator,
}

impl Service {
    /// The name, which is also the name that the process runs under.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Scheduler => "scheduler",
            Self::Emulator => "emulator",
        }
    }

    /// The process that this very program was started as, if any.
    pub fn from_program_name() -> Option<Self> {
        let name = env::args_os().next()?;
        let all = [Self::Api, Self::Worker, Self::Scheduler, Self::Emulator];
        all.into_iter().find(|service| name == service.name())
    }

    /// A command that runs this process with these variables and no others; `program` holds all processes.
    pub fn command<'a>(
        self,
        program: &Path,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Command {
        let mut command = Command::new(program);
        command.arg0(self.name()).env_clear().envs(variables);
        command
    }

    /// Is that process, until it ends.
    pub fn main(self) -> ExitCode {
        match self {
            Self::Api => api::main(),
            Self::Worker => worker::main(),
            Self::Scheduler => scheduler::main(),
            Self::Emulator => emulator::main(),
        }
    }
}

/// A process of the system. It is stopped when dropped.
pub struct ServiceProcess {
    service: Service,
    program: Mutex<PathBuf>,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
    log: PathBuf,
    watchdog: Arc<Watchdog>,
    child: Mutex<Option<Child>>,
}

impl ServiceProcess {
    /// Describes a process; `program` is the binary `dev`. Nothing runs until [`ServiceProcess::start`].
    pub fn new(
        service: Service,
        program: &Path,
        variables: Vec<(&'static str, String)>,
        log: PathBuf,
        watchdog: Arc<Watchdog>,
    ) -> Self {
        let program = Mutex::new(program.to_path_buf());
        Self { service, program, arguments: Vec::new(), variables, log, watchdog, child: Mutex::new(None) }
    }

    pub fn with_arguments(mut self, arguments: &[String]) -> Self {
        self.arguments.extend_from_slice(arguments);
        self
    }

    /// Adds an environment variable, or replaces it.
    pub fn with_variable(mut self, key: &'static str, value: &str) -> Self {
        self.variables.retain(|(present, _)| *present != key);
        self.variables.push((key, value.to_owned()));
        self
    }

    /// Takes another build of the program when it is started the next time.
    pub fn take_program(&self, program: &Path) {
        *self.program.lock().unwrap_or_else(PoisonError::into_inner) = program.to_path_buf();
    }

    /// Starts the process, again if it has ended. Its environment holds only what it was described with.
    pub fn start(&self) -> Result<()> {
        let mut running = self.child();
        ensure!(running.is_none(), "{} runs already", self.service.name());
        let variables = self.variables.iter().map(|(key, value)| (*key, value.as_str()));
        let program = self.program.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut command = self.service.command(&program, variables);
        command.args(&self.arguments);
        for kept in ["PATH", "HOME", "LANG", "RUST_LOG", "RUST_BACKTRACE", "LOG_FORMAT"] {
            if let Some(value) = env::var_os(kept)
                && !self.variables.iter().any(|(key, _)| *key == kept)
            {
                command.env(kept, value);
            }
        }
        let child = process::spawn(&mut command, &self.log)?;
        self.watchdog.guard_process(Rank::Service, child.id(), Signal::SIGTERM);
        *running = Some(child);
        Ok(())
    }

    pub fn service(&self) -> Service {
        self.service
    }

    /// Its number, while it was started and not yet stopped.
    pub fn pid(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// How it ended, if it has ended by itself.
    pub fn has_ended(&self) -> Option<ExitStatus> {
        self.child().as_mut().and_then(|child| child.try_wait().ok().flatten())
    }

    /// Kills it at once.
    pub fn kill9(&self) -> Result<()> {
        self.end(Signal::SIGKILL)
    }

    /// Asks it to finish what is under way and waits until it has ended.
    pub fn sigterm(&self) -> Result<()> {
        self.end(Signal::SIGTERM)
    }

    /// Freezes it: its connections stay open.
    pub fn sigstop(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    pub fn sigcont(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Sends the request to end, without waiting.
    pub fn ask_to_end(&self) -> Result<()> {
        self.signal(Signal::SIGTERM)
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        process::tail(&self.log, LOG_LINES)
    }

    /// Everything that it has printed, through all its starts.
    pub fn output(&self) -> Result<String> {
        let bytes = fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid().with_context(|| format!("{} does not run", self.service.name()))?;
        process::signal_group(pid, signal);
        Ok(())
    }

    fn end(&self, signal: Signal) -> Result<()> {
        let name = self.service.name();
        let mut child = self.child().take().with_context(|| format!("{name} does not run"))?;
        process::stop(&mut child, signal, STOP_PATIENCE);
        self.watchdog.release_process(child.id());
        Ok(())
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        let _was_not_running = self.end(Signal::SIGTERM);
    }
}
