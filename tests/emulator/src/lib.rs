//! A stateful stand-in for the payment providers Stripe and Creem: their APIs for their SDKs, hosted pages
//! for browsers, signed webhooks with retries, and controls that make it misbehave on purpose; and for the
//! webhooks of RevenueCat. `README.md` lists what it does by itself and every control.

// Stripe's objects have more fields than the default lets `json!` write in one piece.
#![recursion_limit = "256"]

mod api;
mod clock;
mod config;
mod controls;
mod creem;
mod delivery;
mod faults;
mod pages;
mod requests;
mod revenuecat;
mod server;
mod signature;
mod stripe;
mod timers;
mod world;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::config::Arguments;
pub use self::config::{Config, DEFAULT_API_VERSION};
use self::world::Emulator;

/// How often the clock is looked at while nobody asks for anything.
const TICK: Duration = Duration::from_millis(250);

/// Serves the emulator on `listener` until `shutdown`.
///
/// # Errors
///
/// If the listener has no address, or no HTTP client for the webhooks can be made.
pub async fn run(config: Config, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
    let address = listener.local_addr().context("the emulator's listener has no address")?;
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let (outgoing, queue) = mpsc::unbounded_channel();
    let emulator = Arc::new(Emulator::new(config, public_url, outgoing)?);
    let stop = shutdown.child_token();
    let deliveries = tokio::spawn(delivery::dispatch(Arc::clone(&emulator), queue, stop.clone()));
    let ticker = tokio::spawn(tick(Arc::clone(&emulator), stop.clone()));
    server::serve(emulator, listener, shutdown).await;
    stop.cancel();
    // Both end at the cancellation; a panic of theirs has been reported already.
    deliveries.await.ok();
    ticker.await.ok();
    Ok(())
}

async fn tick(emulator: Arc<Emulator>, shutdown: CancellationToken) {
    while shutdown.run_until_cancelled(tokio::time::sleep(TICK)).await.is_some() {
        emulator.with(|_| ());
    }
}

/// The program: reads its command line and environment, listens, and serves until Ctrl-C or SIGTERM.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .init();
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn start(arguments: Arguments) -> anyhow::Result<()> {
    let address = arguments.listen;
    let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "{address} is in use, perhaps by another emulator; stop it or choose another with --listen"
        ),
        _ => anyhow::Error::new(error).context(format!("cannot listen on {address}")),
    })?;
    tracing::info!(
        "the emulator of Stripe, Creem and RevenueCat listens on http://{}",
        listener.local_addr()?
    );
    let shutdown = CancellationToken::new();
    let stopper = shutdown.clone();
    tokio::spawn(async move {
        wait_for_signal().await;
        stopper.cancel();
    });
    run(arguments.config(), listener, shutdown).await
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => {
            tokio::signal::ctrl_c().await.ok();
        }
    }
}
