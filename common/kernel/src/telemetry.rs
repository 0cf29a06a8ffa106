//! Logs and metrics, set up once by each process.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::str::FromStr;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::config::Environment;

/// What is logged unless `RUST_LOG` says otherwise. The Stripe crates warn of every refusal and every enum value
/// that is new to them; what matters of those is logged by the worker, with ids and without card data.
const DEFAULT_FILTER: &str = "info,stripe=error,stripe_shared=error,lapin=error,sqlx=warn";

/// How a process shows what it does.
#[derive(Debug)]
pub struct Telemetry {
    /// `RUST_LOG`: what is logged, by module.
    filter: EnvFilter,
    /// `LOG_FORMAT`: `text`, or `json` for one JSON object a line; `text` unless set.
    format: LogFormat,
    /// `METRICS_ADDR`: where Prometheus finds the metrics; nowhere unless set.
    metrics_address: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug)]
enum LogFormat {
    Text,
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("it is `text` or `json`"),
        }
    }
}

impl Telemetry {
    /// Reads the variables named at the fields.
    pub fn read(environment: &mut Environment) -> Self {
        let metrics_address = environment.optional("METRICS_ADDR").and_then(|text| {
            let address = text.trim().parse().ok();
            if address.is_none() {
                environment.problem("METRICS_ADDR", "is no address", "give one such as 127.0.0.1:9090");
            }
            address
        });
        Self {
            filter: environment.parsed(
                "RUST_LOG",
                EnvFilter::new(DEFAULT_FILTER),
                "give levels by module, for example info,sqlx=warn",
            ),
            format: environment.parsed("LOG_FORMAT", LogFormat::Text, "give `text` or `json`"),
            metrics_address,
        }
    }

    /// Starts logging to standard error and, where an address is set, serving metrics.
    ///
    /// # Errors
    /// When the address of the metrics is taken.
    pub fn start(self) -> anyhow::Result<()> {
        let metrics_address = self.metrics_address;
        self.start_logs();
        if let Some(address) = metrics_address {
            metrics_exporter_prometheus::PrometheusBuilder::new()
                .with_http_listener(address)
                .install()
                .with_context(|| format!("no metrics can be served at {address} (METRICS_ADDR)"))?;
            describe();
        }
        Ok(())
    }

    /// Starts logging to standard error; with colours where a person reads it there.
    pub fn start_logs(self) {
        let logs = tracing_subscriber::fmt()
            .with_env_filter(self.filter)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        let started = match self.format {
            LogFormat::Text => logs.try_init(),
            LogFormat::Json => logs.json().try_init(),
        };
        // Another part of the same process may have been first; its settings hold.
        let _already = started;
    }
}

/// What each metric counts or measures, for Prometheus. Every metric of the code is here: `tests/it/tidy.rs` compares.
const METRICS: &[(Kind, &str, &str)] = &[
    (Kind::Counter, "purser_dead_letters_total", "Jobs that nobody could do, by role and kind"),
    (Kind::Counter, "purser_disputes_total", "Disputes of payments"),
    (Kind::Counter, "purser_events_quarantined_total", "Events that contradict their order, by reason"),
    (Kind::Counter, "purser_forgotten_rows_total", "Old records that were deleted, by what they were"),
    (Kind::Counter, "purser_http_requests_total", "Requests, by route and status"),
    (Kind::Counter, "purser_jobs_total", "Jobs that ended, by kind and outcome"),
    (Kind::Counter, "purser_jwks_failures_total", "Failed attempts to fetch the keys of JSON Web Tokens"),
    (Kind::Counter, "purser_payments_credited_total", "Payments that were credited, by provider"),
    (Kind::Counter, "purser_payments_reversed_total", "Changes of credits by refunds and disputes, by kind"),
    (Kind::Counter, "purser_rate_limited_total", "Requests above a limit, by what it counts"),
    (Kind::Counter, "purser_recharges_declined_total", "Automatic charges that were declined"),
    (
        Kind::Counter,
        "purser_recharges_paused_total",
        "Wallets whose automatic charging was paused, by reason",
    ),
    (Kind::Counter, "purser_schedule_failures_total", "Scheduled actions that failed, by entry"),
    (
        Kind::Counter,
        "purser_store_purchases_of_several_total",
        "Store purchases that are held because nobody says how many were bought",
    ),
    (Kind::Counter, "purser_subscriptions_changed_total", "Changes of subscriptions, by state"),
    (
        Kind::Counter,
        "purser_unreadable_answers_total",
        "Answers of providers that could not be read, by provider",
    ),
    (Kind::Counter, "purser_webhook_attempts_total", "Messages sent to webhook endpoints, by outcome"),
    (
        Kind::Counter,
        "purser_webhook_endpoints_disabled_total",
        "Webhook endpoints that were disabled for failing",
    ),
    (Kind::Counter, "purser_webhooks_total", "Events that providers sent, by provider and outcome"),
    (Kind::Gauge, "purser_dead_letters_waiting", "Dead letters that wait for an operator, by role"),
    (Kind::Gauge, "purser_events_quarantined", "Quarantined events that wait for an operator"),
    (Kind::Gauge, "purser_live_connections", "Open WebSockets and event streams"),
    (Kind::Gauge, "purser_outbox_jobs", "Jobs that wait to be published"),
    (Kind::Gauge, "purser_outbox_oldest_seconds", "Age of the oldest job that waits to be published"),
    (
        Kind::Gauge,
        "purser_paid_not_credited",
        "Payments that the last reconciliation found paid and not credited",
    ),
    (
        Kind::Gauge,
        "purser_reconciliation_findings",
        "Differences that the last reconciliation found, by kind",
    ),
    (Kind::Gauge, "purser_store_purchases_parked", "Store purchases that wait for a buyer or a product"),
    (
        Kind::Gauge,
        "purser_subscriptions_doubled",
        "Wallets for which several subscriptions bill although one is allowed",
    ),
    (Kind::Histogram, "purser_batch_seconds", "Time that a batch of jobs took, by role"),
    (Kind::Histogram, "purser_http_request_seconds", "Time that a request took, by route"),
];

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

fn describe() {
    for (kind, name, help) in METRICS {
        match kind {
            Kind::Counter => metrics::describe_counter!(*name, *help),
            Kind::Gauge => metrics::describe_gauge!(*name, *help),
            Kind::Histogram => metrics::describe_histogram!(*name, *help),
        }
    }
}
