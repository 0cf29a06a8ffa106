//! The api process: it authenticates, validates, verifies webhook signatures, publishes and reads. It holds no
//! provider's secret key, calls no provider, and never adds credits.

// Amounts are whole numbers, and none is ever cut to size silently.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_arithmetic
)]

pub mod auth;
mod checkout;
mod commands;
pub mod config;
pub mod dialects;
pub mod http;
pub mod native;
mod openapi;
mod realtime;
mod recharge;
mod routes;
pub mod webhooks;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use billing::provider_events::ProviderEvent;
use clap::Parser;
use kernel::clock::Clock;
use kernel::group_commit::GroupCommit;
use kernel::service::{self, ServiceArguments};
use messaging::Publisher;
use messaging::inbox::Inbox;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use dialects::Dialects;
pub use http::rate_limit::RateLimitConfig;

use auth::Authenticator;
use dialects::wasdi::Confirmations;
use http::cors::Origins;
use http::return_url::ReturnOrigins;
use native::spending::Spending;
use realtime::Hub;

/// What handlers work with.
pub struct Api {
    config: Config,
    clock: Clock,
    pool: PgPool,
    publisher: Publisher,
    inbox: Inbox,
    auth: Authenticator,
    origins: Origins,
    return_origins: ReturnOrigins,
    hub: Hub,
    spending: Spending,
    confirmations: Confirmations,
    intake: GroupCommit<ProviderEvent, webhooks::Kept>,
}

/// [`Api`], shared by all requests.
pub type Shared = Arc<Api>;

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
}

/// Runs the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.openapi {
        print!("{}", description());
        return ExitCode::SUCCESS;
    }
    service::main("api", arguments.service, Config::read, |config, shutdown| async move {
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
    let pool = kernel::database::pool(&config.connections).context("DATABASE_URL cannot be used")?;
    // The broker must outlive the last request that publishes.
    let messaging = CancellationToken::new();
    let _stop_messaging = messaging.clone().drop_guard();
    let publisher = Publisher::start(&config.connections, messaging.clone());
    let inbox = Inbox::start(&config.connections, &publisher, messaging.clone());
    let own_origin = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let auth = Authenticator::new(&config, pool.clone(), &messaging);
    let hub = Hub::start(inbox.live(), auth.clone(), shutdown.clone());
    let api = Arc::new(Api {
        clock: config.clock.clone(),
        return_origins: ReturnOrigins::new(&own_origin, &config.return_url_origins),
        origins: Origins::new(own_origin, &config.allowed_origins),
        spending: native::spending::start(pool.clone(), publisher.clone(), config.clock.clone()),
        intake: webhooks::intake(publisher.clone()),
        pool,
        publisher,
        inbox,
        auth,
        hub,
        confirmations: Confirmations::default(),
        config,
    });
    tracing::info!(%address, "listening");
    http::server::serve(Arc::clone(&api), listener, shutdown).await;
    api.hub.drained(Duration::from_secs(1)).await;
    api.pool.close().await;
    Ok(())
}
