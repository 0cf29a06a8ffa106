//! Traces, as OpenTelemetry has them: what a request led to, through the outbox, the queues, the workers and the
//! providers. Off unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set; then [`span!`](crate::span) makes spans, and jobs
//! carry a [`TraceParent`]. Sampling, headers and limits are those of the standard variables, which the SDK reads
//! itself.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::config::Environment;
use crate::https::HttpsClient;
use crate::metrics::Process;

/// Spans of traces have this target; the log does not show them.
pub const TARGET: &str = "purser::trace";

/// How long the receiver may take for a batch of spans.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer of a receiver that is read.
const ANSWER_BYTES: usize = 64 * 1024;

static ON: AtomicBool = AtomicBool::new(false);

/// Makes a span of a trace: `span!("job", kind = job.kind())`. It costs nothing while traces are off.
#[macro_export]
macro_rules! span {
    ($name:literal $(, $($fields:tt)*)?) => {
        tracing::info_span!(target: $crate::traces::TARGET, $name $(, $($fields)*)?)
    };
}

/// Whether spans go anywhere.
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// A place in a trace, as the header `traceparent` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceParent(String);

impl TraceParent {
    /// The span that this runs in; none if it is not sampled.
    pub fn current() -> Option<Self> {
        is_on().then(|| Self::of(&Span::current())).flatten()
    }

    /// A span; none if it is not sampled.
    pub fn of(span: &Span) -> Option<Self> {
        let context = span.context();
        let span = context.span();
        let place = span.span_context();
        place
            .is_sampled()
            .then(|| Self(format!("00-{}-{}-{:02x}", place.trace_id(), place.span_id(), place.trace_flags())))
    }

    /// Reads a header of a stranger.
    pub fn read(header: &str) -> Option<Self> {
        let place = Self(header.to_owned());
        place.span_context().is_some().then_some(place)
    }

    fn span_context(&self) -> Option<SpanContext> {
        let mut parts = self.0.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version != "00" || (trace.len(), span.len(), flags.len()) != (32, 16, 2) || parts.next().is_some()
        {
            return None;
        }
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
        let place = SpanContext::new(trace, span, flags, true, TraceState::default());
        place.is_valid().then_some(place)
    }
}

/// Has a span follow what caused it: as its child if one thing did, with links if several did.
pub fn follow(span: &Span, causes: &[TraceParent]) {
    match causes {
        [cause] => {
            if let Some(cause) = cause.span_context() {
                // Without a layer of OpenTelemetry there is no parent to set.
                let _nobody_listens = span.set_parent(Context::new().with_remote_span_context(cause));
            }
        }
        causes => causes.iter().for_each(|cause| link(span, cause)),
    }
}

/// Has a span mention another, whatever trace that is in.
pub fn link(span: &Span, other: &TraceParent) {
    if let Some(other) = other.span_context() {
        span.add_link(other);
    }
}

/// Names a span by what is known only at its end.
pub fn rename(span: &Span, name: String) {
    span.context().span().update_name(name);
}

/// Where spans go.
#[derive(Debug)]
pub struct TraceSettings {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: where a collector takes OTLP over HTTP; nowhere unless set.
    endpoint: Option<String>,
    /// `OTEL_SERVICE_NAME`: `purser-api`, `purser-worker` or `purser-scheduler` unless set.
    service_name: Option<String>,
}

impl TraceSettings {
    /// Reads the variables named at the fields.
    pub fn read(environment: &mut Environment) -> Self {
        let remedy = "give the address of a collector, for example http://localhost:4318";
        Self {
            endpoint: environment.web_address("OTEL_EXPORTER_OTLP_ENDPOINT", remedy),
            service_name: environment.optional("OTEL_SERVICE_NAME"),
        }
    }

    /// Begins to export, if there is somewhere to. Called within the runtime.
    pub(crate) fn start(self, process: Process) -> anyhow::Result<Option<Traces>> {
        let Some(endpoint) = self.endpoint else { return Ok(None) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Exporting::new())
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()
            .context("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used")?;
        let name = self.service_name.unwrap_or_else(|| format!("purser-{}", process.as_str()));
        let resource = Resource::builder()
            .with_service_name(name)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        ON.store(true, Ordering::Relaxed);
        Ok(Some(Traces(provider)))
    }
}

/// Traces that are exported.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer("purser")
    }

    /// Exports what is left.
    pub(crate) async fn finish(self) {
        // It blocks until the export, which needs this runtime's other threads, is done.
        let _lost = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(PATIENCE)).await;
    }
}

/// Exports over the client that all other requests take as well. The SDK exports on a thread of its own, which has no
/// runtime.
struct Exporting {
    client: HttpsClient,
    runtime: Handle,
}

impl Exporting {
    fn new() -> Self {
        Self { client: HttpsClient::new(PATIENCE, ANSWER_BYTES), runtime: Handle::current() }
    }
}

impl fmt::Debug for Exporting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Exporting")
    }
}

impl HttpClient for Exporting {
    fn send_bytes<'this, 'sent>(
        &'this self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sent>>
    where
        'this: 'sent,
        Self: 'sent,
    {
        let client = self.client.clone();
        let sending = self.runtime.spawn(async move { client.send(request.map(Full::new)).await });
        Box::pin(async move {
            let (status, body) = sending.await??;
            Ok(Response::builder().status(status).body(body)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_place_in_a_trace_is_read() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceParent::read(good), Some(TraceParent(good.to_owned())));
        for bad in [
            "",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473ä-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::read(bad), None, "{bad}");
        }
    }
}
