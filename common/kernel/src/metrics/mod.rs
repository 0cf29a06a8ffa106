//! What a process counts and measures for Prometheus. [`catalogue`] lists every metric. No other crate can make one,
//! because no other crate uses the library that keeps them.

pub mod catalogue;
mod documentation;
mod kinds;
mod process;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use metrics_util::MetricKindMask;

pub use documentation::documentation;
pub use kinds::{Counter, Definition, Gauge, Histogram, Kind, Label, NONE, Process, Source};
pub use process::watch;

/// A gauge that was not set for so long is shown no more: that of a scheduler that does not lead any longer.
const GAUGES_STAY: Duration = Duration::from_secs(120);

/// Serves the metrics of this process at an address, the counters from zero on.
pub(crate) fn serve(process: Process, address: SocketAddr) -> anyhow::Result<()> {
    let mut builder = PrometheusBuilder::new()
        .with_http_listener(address)
        .idle_timeout(MetricKindMask::GAUGE, Some(GAUGES_STAY));
    for metric in catalogue::ALL {
        if let Kind::Histogram(buckets) = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)?;
        }
    }
    builder.install().with_context(|| format!("no metrics can be served at {address} (METRICS_ADDR)"))?;
    for metric in catalogue::ALL.iter().filter(|metric| metric.source.includes(process)) {
        metric.begin();
    }
    Ok(())
}
