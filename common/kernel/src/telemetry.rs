//! Logs and metrics, set up once by each process.

use std::net::SocketAddr;

use tracing_subscriber::EnvFilter;

use crate::config;

/// What is logged unless `RUST_LOG` says otherwise. The Stripe crates warn of every refusal and every enum value
/// that is new to them; what matters of those is logged by us, with ids and without card data.
const DEFAULT_FILTER: &str = "info,stripe=error,stripe_shared=error,lapin=error,sqlx=warn";

/// Starts logging to standard error, as text or, with `LOG_FORMAT=json`, one JSON object a line.
///
/// # Errors
/// When a variable cannot be used.
pub fn start_logs() -> anyhow::Result<()> {
    let filter = match config::optional("RUST_LOG")? {
        Some(text) => text.parse::<EnvFilter>()?,
        None => DEFAULT_FILTER.parse::<EnvFilter>()?,
    };
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config::optional("LOG_FORMAT")?.as_deref() {
        None | Some("text") => logs.try_init(),
        Some("json") => logs.json().try_init(),
        Some(_) => anyhow::bail!("LOG_FORMAT cannot be used: it is `text` or `json`"),
    };
    // Another part of the same process may have been first; its settings hold.
    let _already = started;
    Ok(())
}

/// Serves Prometheus metrics at `METRICS_ADDR`, if that is set.
///
/// # Errors
/// When the address cannot be read or is taken.
pub fn start_metrics() -> anyhow::Result<()> {
    let Some(address) = config::optional("METRICS_ADDR")? else { return Ok(()) };
    let address: SocketAddr = address.parse().map_err(|_| {
        anyhow::anyhow!("METRICS_ADDR cannot be used: give an address such as 127.0.0.1:9090")
    })?;
    metrics_exporter_prometheus::PrometheusBuilder::new().with_http_listener(address).install()?;
    Ok(())
}
