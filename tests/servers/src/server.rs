//! A PostgreSQL or RabbitMQ that can be started, stopped, killed and paused, always with the same ports and
//! data. All of it blocks the calling thread: servers outlive the runtime of any one test.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use tokio_util::sync::CancellationToken;

use super::container::Container;
use super::process;
use super::watchdog::{Rank, Watchdog};
use crate::progress::Progress;

/// A first start on a slow, busy machine takes up to half of this.
const START_PATIENCE: Duration = Duration::from_secs(120);
const STOP_PATIENCE: Duration = Duration::from_secs(5);
const READY_INTERVAL: Duration = Duration::from_millis(50);
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
const LOG_LINES: usize = 20;

/// Asks a server once whether it does its work.
pub type ReadyCheck = Box<dyn Fn() -> Result<()> + Send + Sync>;

/// How a server is run.
pub enum Engine {
    /// It was running before us and is not ours to stop.
    External,
    /// A process of ours.
    Process(Recipe),
    /// A Docker container of ours.
    Container(Container),
}

/// How to start a process, any number of times.
pub struct Recipe {
    /// Builds the command.
    pub command: Box<dyn Fn() -> Command + Send + Sync>,
    /// Where its output goes.
    pub log: PathBuf,
    /// The signal that makes it end in order, soon.
    pub stop_signal: Signal,
    /// The folder in which everything of a server works whose parts leave their parent; nothing else works there.
    pub folder: Option<PathBuf>,
}

impl Recipe {
    /// Every process of the server but its first, `pid`.
    fn below(&self, pid: u32) -> Vec<u32> {
        let mut below = process::descendants(pid);
        below.extend(self.folder.iter().flat_map(|folder| process::running_in(folder)));
        below.retain(|one| *one != pid);
        below
    }
}

/// What every server needs to know about the run that it belongs to.
#[derive(Clone)]
pub struct Surroundings {
    /// Stops the server when this process is killed.
    pub watchdog: Arc<Watchdog>,
    /// Says what is being done.
    pub progress: Progress,
    /// Once cancelled, a start that is under way gives up.
    pub cancelled: CancellationToken,
}

/// One server. It is stopped when dropped.
pub struct Server {
    name: &'static str,
    url: String,
    engine: Engine,
    ready: ReadyCheck,
    surroundings: Surroundings,
    child: Mutex<Option<Child>>,
}

impl Server {
    /// Describes a server; nothing is started yet.
    pub fn new(
        name: &'static str,
        url: String,
        engine: Engine,
        ready: ReadyCheck,
        surroundings: Surroundings,
    ) -> Self {
        Self { name, url, engine, ready, surroundings, child: Mutex::new(None) }
    }

    /// Where clients connect, with user and password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process, if this server is a process of ours and runs.
    pub fn pid(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// Whether somebody else started this server, so that nothing here may stop it.
    pub fn is_external(&self) -> bool {
        matches!(self.engine, Engine::External)
    }

    /// Whether a server of ours that ought to run has ended by itself.
    pub fn has_died(&self) -> bool {
        self.child().as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// Starts the server and waits until it answers. The error shows the end of its log.
    pub fn start(&self) -> Result<()> {
        match &self.engine {
            Engine::External => {}
            Engine::Process(recipe) => {
                let mut child = self.child();
                ensure!(child.is_none(), "{} runs already", self.name);
                let started = process::spawn(&mut (recipe.command)(), &recipe.log)?;
                let watchdog = &self.surroundings.watchdog;
                watchdog.guard_process(Rank::Server, started.id(), recipe.stop_signal);
                *child = Some(started);
            }
            Engine::Container(container) => container.start()?,
        }
        self.wait_until_ready().inspect_err(|_| self.discard())
    }

    /// Stops the server in order, as fast as that goes: open transactions are rolled back.
    pub fn stop_fast(&self) -> Result<()> {
        match &self.engine {
            Engine::External => self.refuse(),
            Engine::Process(recipe) => {
                self.take_child()?.end(recipe, recipe.stop_signal);
                Ok(())
            }
            Engine::Container(container) => container.stop(),
        }
    }

    /// Kills the server and everything below it, as a power cut of its machine would.
    pub fn kill9(&self) -> Result<()> {
        match &self.engine {
            Engine::External => self.refuse(),
            Engine::Process(recipe) => {
                self.take_child()?.end(recipe, Signal::SIGKILL);
                Ok(())
            }
            Engine::Container(container) => container.signal("KILL"),
        }
    }

    /// Freezes the server: connections stay open, nothing answers.
    pub fn pause(&self) -> Result<()> {
        self.signal_all(Signal::SIGSTOP, "STOP")
    }

    /// Lets a frozen server go on.
    pub fn resume(&self) -> Result<()> {
        self.signal_all(Signal::SIGCONT, "CONT")
    }

    /// The end of the server's log.
    pub fn log_tail(&self) -> String {
        match &self.engine {
            Engine::External => String::new(),
            Engine::Process(recipe) => process::tail(&recipe.log, LOG_LINES),
            Engine::Container(container) => container.log_tail(LOG_LINES),
        }
    }

    /// Waits until the server answers. The error shows the end of its log.
    pub fn wait_until_ready(&self) -> Result<()> {
        let started = Instant::now();
        let mut next_line = PROGRESS_INTERVAL;
        loop {
            let answer = (self.ready)();
            let Err(error) = answer else { return Ok(()) };
            if self.surroundings.cancelled.is_cancelled() {
                bail!("interrupted while {} was starting", self.name);
            }
            if self.has_died() {
                bail!("{} ended while starting. The end of its log:\n{}", self.name, self.log_tail());
            }
            let elapsed = started.elapsed();
            // A server that was running before us needs no patience.
            if elapsed > START_PATIENCE || self.is_external() {
                let tail = self.log_tail();
                let log = if tail.is_empty() { tail } else { format!(". The end of its log:\n{tail}\n") };
                return Err(error.context(format!("{} does not answer{log}", self.name)));
            }
            if elapsed > next_line {
                next_line += PROGRESS_INTERVAL;
                let progress = &self.surroundings.progress;
                progress.say(format!("{} is still starting ({} s)", self.name, elapsed.as_secs()));
            }
            thread::sleep(READY_INTERVAL);
        }
    }

    fn signal_all(&self, signal: Signal, name: &str) -> Result<()> {
        match &self.engine {
            Engine::External => self.refuse(),
            Engine::Process(recipe) => {
                let pid = self.pid().with_context(|| format!("{} does not run", self.name))?;
                // PostgreSQL puts each of its workers in a session of its own.
                for below in recipe.below(pid) {
                    process::signal_process(below, signal);
                }
                process::signal_group(pid, signal);
                Ok(())
            }
            Engine::Container(container) => container.signal(name),
        }
    }

    fn take_child(&self) -> Result<Running<'_>> {
        let child = self.child().take().with_context(|| format!("{} does not run", self.name))?;
        Ok(Running { child, watchdog: &self.surroundings.watchdog })
    }

    fn refuse(&self) -> Result<()> {
        bail!("{} was running before us, so it is not ours to stop", self.name)
    }

    /// Ends what is left of a server, whatever its state.
    fn discard(&self) {
        match &self.engine {
            Engine::External => {}
            Engine::Process(recipe) => {
                if let Ok(running) = self.take_child() {
                    running.end(recipe, recipe.stop_signal);
                }
            }
            Engine::Container(container) => container.remove(),
        }
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.discard();
    }
}

/// A process of ours that is about to end.
struct Running<'server> {
    child: Child,
    watchdog: &'server Watchdog,
}

impl Running<'_> {
    fn end(mut self, recipe: &Recipe, signal: Signal) {
        let pid = self.child.id();
        let below = recipe.below(pid);
        process::stop(&mut self.child, signal, STOP_PATIENCE);
        // What still lives would hold the data and the ports. Of a folder nothing else is.
        for left in below.into_iter().chain(recipe.below(pid)) {
            process::signal_process(left, Signal::SIGKILL);
        }
        self.watchdog.release_process(pid);
    }
}
