//! The api process: it authenticates, validates, verifies webhook signatures, publishes and reads. It holds no
//! provider's secret key, calls no provider, and never adds credits.

// Amounts are whole numbers, and no cast may change one silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

mod announcer;
mod auth;
mod auto_recharge;
pub mod brand;
mod checkout;
mod commands;
pub mod config;
mod confirmations;
mod descriptions;
mod dialects;
mod enabled_dialects;
mod groups;
pub mod http;
mod intake;
mod native;
mod openapi;
mod origins;
mod pages;
mod problem;
mod provider_webhooks;
mod readiness;
mod realtime;
pub mod return_urls;
mod server;
mod spending;
mod state;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use identity::operators::passwords::Passwords;
use kernel::config::Connections;
use kernel::database::Reads;
use kernel::metrics::{self, Process};
use kernel::service::{self, ServiceArguments};
use kernel::test_clock;
use kernel::{database, installation};
use messaging::Publisher;
use messaging::inbox::Inbox;
use messaging::queues::QueueWatch;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

pub use config::{Config, RateLimitConfig};
pub use enabled_dialects::Dialects;

use auth::Authenticator;
use confirmations::Confirmations;
use intake::Intake;
use origins::Origins;
use readiness::Readiness;
use realtime::Hub;
use return_urls::ReturnOrigins;
use spending::Spending;
use state::AppState;

/// The description of the whole API as it is committed in `api/openapi.json`.
pub fn description() -> String {
    openapi::text()
}

/// Purser's API. Settings come from the environment, see .env.example
#[derive(Debug, Parser)]
#[command(name = "api", version)]
struct Arguments {
    #[command(flatten)]
    service: ServiceArguments,
    /// Print the OpenAPI description and exit
    #[arg(long)]
    openapi: bool,
    /// Print the list of all metrics, docs/metrics.md, and exit
    #[arg(long)]
    metrics: bool,
}

/// Runs the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.openapi {
        print!("{}", description());
        return ExitCode::SUCCESS;
    }
    if arguments.metrics {
        print!("{}", metrics::documentation());
        return ExitCode::SUCCESS;
    }
    service::main(Process::Api, arguments.service, Config::read, |config, shutdown| async move {
        let listener = TcpListener::bind(config.address)
            .await
            .with_context(|| format!("cannot listen on {} (API_ADDR)", config.address))?;
        run(config, listener, shutdown).await
    })
}

/// Serves until `shutdown`, then finishes what is under way.
///
/// # Errors
/// When the database's address cannot be read.
pub async fn run(config: Config, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let (connections, mode) = (config.connections.clone(), config.mode);
    let primary = database::primary(&connections).context("DATABASE_URL cannot be used")?;
    let pool = installation::pool(&primary, &connections, mode)?;
    let for_debits = Connections { database_max_connections: spending::CONNECTIONS, ..connections.clone() };
    let for_debits = database::pool_of(&primary, &for_debits)?;
    let for_probes = Connections { database_max_connections: readiness::CONNECTIONS, ..connections.clone() };
    let for_probes = database::pool_of(&primary, &for_probes)?;
    let pools = [pool.clone(), for_debits.clone(), for_probes.clone()];
    let following = shutdown.clone();
    let followed = Arc::clone(&primary);
    tokio::spawn(async move { followed.follow(&pools, following).await });
    installation::check_at_start(&connections, mode).await?;
    test_clock::start(&config.clock, &primary, &config.connections, config.mode, shutdown.clone()).await?;
    // The broker must outlive the last request that publishes.
    let messaging = CancellationToken::new();
    let _stop_messaging = messaging.clone().drop_guard();
    let publisher = Publisher::start(&config.connections, messaging.clone());
    let broker = publisher.clone();
    tokio::spawn(metrics::watch(Process::Api, pool.clone(), move || broker.is_connected(), shutdown.clone()));
    let inbox = Inbox::start(&config.connections, &publisher, messaging.clone());
    let own_origin = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let auth = Authenticator::new(&config, pool.clone(), &messaging);
    let live_limits = realtime::Limits {
        per_user: config.live_connections_max,
        in_all: config.max_connections.div_ceil(2),
    };
    let hub = Hub::start(config.clock.clone(), inbox.live(), auth.clone(), live_limits, shutdown.clone());
    let api = Arc::new(AppState {
        clock: config.clock.clone(),
        return_origins: ReturnOrigins::new(&own_origin, &config.return_url_origins),
        origins: Origins::new(own_origin.clone(), &config.allowed_origins),
        own_origin,
        spending: Spending::start(
            pool.clone(),
            for_debits,
            publisher.clone(),
            config.clock.clone(),
            connections.database_deadline,
        ),
        readiness: Readiness::new(for_probes, publisher.clone()),
        intake: Intake::start(publisher.clone()),
        openapi: openapi::descriptions(&config.dialects)?,
        reads: Reads::start(&connections, pool.clone(), shutdown.clone())?,
        pool,
        queues: Mutex::new(QueueWatch::new(connections.clone())),
        publisher,
        inbox,
        auth,
        hub,
        passwords: Passwords::new()?,
        confirmations: Confirmations::default(),
        config,
    });
    tracing::info!(%address, "listening");
    tokio::select! {
        () = server::serve(Arc::clone(&api), listener, shutdown) => {}
        error = installation::disagreement(&connections, &api.pool, mode) => return Err(error.into()),
    }
    api.hub.drained(Duration::from_secs(1)).await;
    api.pool.close().await;
    Ok(())
}
