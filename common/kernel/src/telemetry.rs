//! Logs, metrics and traces, set up once by each process.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::str::FromStr;

use tracing::Metadata;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

use crate::config::Environment;
use crate::metrics::{self, Process};
use crate::traces::{self, TraceSettings, Traces};

/// What is logged unless `RUST_LOG` says otherwise. The Stripe crates warn of every refusal and every enum value
/// that is new to them; what matters of those is logged by the worker, with ids and without card data.
const DEFAULT_FILTER: &str = "info,stripe=error,stripe_shared=error,lapin=error,sqlx=warn";

/// How a process shows what it does.
#[derive(Debug)]
pub struct Telemetry {
    /// `RUST_LOG`: what is logged, by module.
    filter: EnvFilter,
    /// `LOG_FORMAT`: `text`, or `json` for one JSON object a line; unless set, `text` where a person reads it at a
    /// terminal.
    format: LogFormat,
    /// `METRICS_ADDR`: where Prometheus finds the metrics; nowhere unless set.
    metrics_address: Option<SocketAddr>,
    traces: TraceSettings,
}

#[derive(Clone, Copy, Debug)]
enum LogFormat {
    Text,
    Json,
}

impl LogFormat {
    fn usual() -> Self {
        if std::io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }
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
            format: environment.parsed("LOG_FORMAT", LogFormat::usual(), "give `text` or `json`"),
            metrics_address,
            traces: TraceSettings::read(environment),
        }
    }

    /// Starts logging to standard error and, where an address is set, serving metrics and exporting traces.
    ///
    /// # Errors
    /// When the address of the metrics is taken.
    pub(crate) fn start(self, process: Process) -> anyhow::Result<Option<Traces>> {
        let traces = self.traces.start(process)?;
        start_logs(self.filter, self.format, traces.as_ref());
        if let Some(address) = self.metrics_address {
            metrics::serve(process, address)?;
        }
        Ok(traces)
    }

    /// Starts logging to standard error.
    pub fn start_logs(self) {
        start_logs(self.filter, self.format, None);
    }
}

/// With colours where a person reads it at a terminal.
fn start_logs(filter: EnvFilter, format: LogFormat, traces: Option<&Traces>) {
    let lines = fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let spans = traces.map(|traces| {
        let layer = tracing_opentelemetry::layer().with_tracer(traces.tracer());
        layer.with_location(false).with_threads(false).with_filter(filter_fn(is_trace))
    });
    let lines = lines.with_filter(filter.and(filter_fn(|about| !is_trace(about))));
    // Another part of the same process may have been first; its settings hold.
    let _already = tracing_subscriber::registry().with(lines).with(spans).try_init();
}

fn is_trace(about: &Metadata<'_>) -> bool {
    about.target() == traces::TARGET
}
