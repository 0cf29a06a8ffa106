//! Ctrl-C and its like, for programs that have much to put away before they end.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::progress::Progress;

/// What shells report of a program that Ctrl-C ended.
pub const EXIT_INTERRUPTED: u8 = 130;

/// Cancels the token at the first signal, which asks for an orderly end. The second one ends this process at
/// once, and the watchdog does the rest.
pub fn cancel_on_signals(interrupted: CancellationToken, progress: Progress) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            if interrupted.is_cancelled() {
                progress.say("ending at once");
                std::process::exit(i32::from(EXIT_INTERRUPTED));
            }
            interrupted.cancel();
        }
    });
    Ok(())
}
