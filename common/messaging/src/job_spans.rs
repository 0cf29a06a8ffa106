//! The spans of the jobs of a batch, while traces are on.

use jobs::{Envelope, JobSet, Role};
use kernel::span;
use kernel::traces::{self, TraceParent};
use lapin::message::Delivery;
use tracing::Span;
use tracing::field::Empty;

/// One span for each job, in the trace of what caused it, and the one that all of them are done in.
pub(crate) struct JobSpans {
    each: Vec<Span>,
    /// The only job's own, or that of the batch, which has a link to each.
    pub all: Span,
}

impl JobSpans {
    pub fn begin<Job: JobSet>(role: Role, jobs: &[Job], deliveries: &[Delivery]) -> Self {
        if !traces::is_on() {
            return Self { each: Vec::new(), all: Span::none() };
        }
        let begin = |(job, delivery): (&Job, &Delivery)| {
            let span = span!(
                "job",
                otel.name = job.kind(),
                otel.kind = "consumer",
                otel.status_code = Empty,
                messaging.system = "rabbitmq",
                messaging.destination.name = role.as_str(),
                outcome = Empty
            );
            let causes = Envelope::read(&delivery.data).map(|envelope| envelope.trace).unwrap_or_default();
            traces::follow(&span, &causes);
            span
        };
        let each: Vec<Span> = jobs.iter().zip(deliveries).map(begin).collect();
        let all = match each.as_slice() {
            [only] => only.clone(),
            several => {
                let batch = span!("batch", messaging.batch.message_count = several.len());
                for place in several.iter().filter_map(TraceParent::of) {
                    traces::link(&batch, &place);
                }
                batch
            }
        };
        Self { each, all }
    }

    /// Says how a job ended.
    pub fn end(&self, index: usize, outcome: &'static str) {
        if let Some(span) = self.each.get(index) {
            span.record("outcome", outcome);
            if outcome != "done" {
                span.record("otel.status_code", "ERROR");
            }
        }
    }
}
