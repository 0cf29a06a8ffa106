//! One part of a world: a task of this process, or a process of its own.

use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::system::ServiceProcess;

/// Longer than a part may take to finish what is under way.
const STOP_PATIENCE: Duration = Duration::from_secs(25);

/// A part, wherever it runs.
pub(super) enum Part {
    Task { name: &'static str, shutdown: CancellationToken, task: Option<JoinHandle<Result<()>>> },
    Process(Box<ServiceProcess>),
    Absent(&'static str),
}

impl Part {
    /// Runs a part as a task until it is stopped.
    pub(super) fn task<Running>(name: &'static str, run: impl FnOnce(CancellationToken) -> Running) -> Self
    where
        Running: Future<Output = Result<()>> + Send + 'static,
    {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(run(shutdown.clone()));
        Self::Task { name, shutdown, task: Some(task) }
    }

    /// Runs a part whose future has to stay on one thread.
    pub(super) fn thread<Running>(
        name: &'static str,
        run: impl FnOnce(CancellationToken) -> Running + Send + 'static,
    ) -> Self
    where
        Running: Future<Output = Result<()>>,
    {
        let shutdown = CancellationToken::new();
        let (stop, runtime) = (shutdown.clone(), Handle::current());
        let task = tokio::task::spawn_blocking(move || runtime.block_on(run(stop)));
        Self::Task { name, shutdown, task: Some(task) }
    }

    #[allow(clippy::panic)]
    pub(super) fn process(&self) -> &ServiceProcess {
        match self {
            Self::Process(process) => process,
            Self::Task { name, .. } | Self::Absent(name) => panic!("this world runs no {name} process"),
        }
    }

    /// Whether jobs are done or requests answered here, now or after a restart.
    pub(super) fn is_present(&self) -> bool {
        !matches!(self, Self::Absent(_))
    }

    /// Why it has ended by itself, if it has.
    pub(super) async fn failure(&mut self) -> Option<anyhow::Error> {
        match self {
            Self::Task { name, task, .. } => {
                let ended = task.take_if(|task| task.is_finished())?;
                Some(match ended.await {
                    Ok(Ok(())) => anyhow!("the {name} has ended"),
                    Ok(Err(error)) => error.context(format!("the {name} has ended")),
                    Err(error) => anyhow!("the {name} panicked: {error}"),
                })
            }
            Self::Process(process) => {
                let status = process.has_ended()?;
                let name = process.service().name();
                Some(anyhow!("the {name} has ended ({status}):\n{}", process.log_tail()))
            }
            Self::Absent(_) => None,
        }
    }

    /// Stops it in order and waits until it has.
    #[allow(clippy::panic)]
    pub(super) async fn stop(&mut self) {
        match self {
            Self::Task { name, shutdown, task } => {
                shutdown.cancel();
                let Some(task) = task.take() else { return };
                match tokio::time::timeout(STOP_PATIENCE, task).await {
                    Ok(Ok(Ok(()))) => {}
                    Ok(Ok(Err(error))) => panic!("the {name} failed: {error:#}"),
                    Ok(Err(error)) => panic!("the {name} panicked: {error}"),
                    Err(_) => panic!("the {name} does not stop"),
                }
            }
            Self::Process(process) => {
                // A test may have stopped or killed it already, or have left it frozen.
                let _does_not_run = process.sigcont().and_then(|()| process.sigterm());
            }
            Self::Absent(_) => {}
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // A failed test does not wait for its parts, but stops them.
        if let Self::Task { shutdown, .. } = self {
            shutdown.cancel();
        }
    }
}
