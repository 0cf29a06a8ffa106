//! Logs and metrics, set up once by each process.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

use crate::config::Environment;
use crate::metrics::{self, Process};

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
    pub fn start(self, process: Process) -> anyhow::Result<()> {
        let metrics_address = self.metrics_address;
        self.start_logs();
        metrics_address.map_or(Ok(()), |address| metrics::serve(process, address))
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
