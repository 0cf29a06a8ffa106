//! The one consumer runtime: takes jobs from a role's queue in batches, runs them, and acknowledges them after their
//! effects are committed.
//!
//! Deliveries that arrive while a batch runs form the next batch. A batch of several jobs waits a moment for more; a
//! lone job never waits. If the handler panics, the consumer reruns the batch one job at a time, so that one bad job
//! does not hold up the others. On shutdown the consumer starts nothing new, finishes and acknowledges the running
//! jobs, and leaves the rest in the queue. After a lost connection it reconnects, and the broker redelivers what was
//! not acknowledged.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt};
use jobs::{JobSet, Role};
use kernel::clock;
use kernel::config::Connections;
use kernel::crash::{self, Step};
use kernel::metrics::catalogue;
use lapin::Connection;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::connection::{self, Node, Session, supervise};
use crate::job_spans::JobSpans;
use crate::publisher::{Message, PublishError, Publisher};
use crate::topology::{DELAYS_SECONDS, Names, short};
use crate::waits::Waits;

/// Counts the job's own failures; [`JobSet::attempts`] limits it.
pub(super) const ATTEMPT: &str = "x-purser-attempt";
/// Counts all waits, outages included: each wait is longer than the one before.
const WAITS: &str = "x-purser-waits";
/// How long to wait before publishing a copy again.
const SETTLE_PAUSE: Duration = Duration::from_secs(1);
/// How long running jobs may take after `shutdown`.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// What a job led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its effect is committed. Carries the reply for a waiting caller, if any.
    Done(Option<serde_json::Value>),
    /// A service that the job needs is down: retried without limit.
    Unavailable(String),
    /// A failure that may pass: retried up to the job's limit.
    Failed(String),
    /// It can never succeed: becomes a dead letter.
    Dead(String),
}

/// Runs the jobs of a role.
pub trait Handler: Send + Sync + 'static {
    type Job: JobSet;

    /// Runs a batch and returns the outcomes in the same order.
    fn handle(&self, jobs: Arc<[Self::Job]>) -> impl Future<Output = Vec<Outcome>> + Send;
}

/// How many jobs a role takes at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most jobs in one batch.
    pub batch: usize,
    /// How many batches run at once.
    pub concurrency: usize,
    /// How long a batch of several jobs waits for more.
    pub linger: Duration,
}

pub struct Consumer<H> {
    pub connections: Connections,
    /// For replies, retries and dead letters.
    pub publisher: Publisher,
    pub role: Role,
    pub limits: Limits,
    /// What its jobs waited.
    pub waits: Waits,
    pub handler: Arc<H>,
}

struct Consuming<H>(Arc<Consumer<H>>);

impl<H: Handler> Session for Consuming<H> {
    type State = lapin::Consumer;

    fn name(&self) -> String {
        format!("{} consumer", self.0.role.as_str())
    }

    async fn open(&mut self, node: Node) -> Result<(Connection, lapin::Consumer), lapin::Error> {
        let Consumer { connections, role, limits, .. } = &*self.0;
        let (connection, channel) = connection::open(connections, node).await?;
        // One batch more than can run, so that the next is ready.
        let ahead = limits.batch.saturating_mul(limits.concurrency.saturating_add(1));
        let prefetch = u16::try_from(ahead).unwrap_or(u16::MAX);
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let queue = short(&Names::new(&connections.amqp_prefix).queue(*role));
        let options = BasicConsumeOptions::default();
        let deliveries = channel.basic_consume(queue, short(""), options, FieldTable::default()).await?;
        Ok((connection, deliveries))
    }

    async fn serve(
        &mut self,
        connection: &Connection,
        deliveries: lapin::Consumer,
        shutdown: &CancellationToken,
    ) {
        Arc::clone(&self.0).consume(connection, deliveries, shutdown).await;
    }
}

impl<H: Handler> Consumer<H> {
    /// Consumes until `shutdown`, then finishes the running jobs.
    pub async fn run(self, shutdown: CancellationToken) {
        supervise(Consuming(Arc::new(self)), shutdown).await;
    }

    async fn consume(
        self: Arc<Self>,
        connection: &Connection,
        mut deliveries: lapin::Consumer,
        shutdown: &CancellationToken,
    ) {
        let concurrency = self.limits.concurrency;
        let free = Arc::new(Semaphore::new(concurrency));
        let mut lost = pin!(connection::lost(connection));
        loop {
            // The permit first: deliveries that arrive while waiting for it belong to the batch.
            let Ok(permit) = Arc::clone(&free).acquire_owned().await else { break };
            let first = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                next = deliveries.next() => match next {
                    Some(Ok(delivery)) => delivery,
                    Some(Err(_)) | None => break,
                },
                () = &mut lost => break,
            };
            let batch = self.gather(first, &mut deliveries).await;
            tokio::spawn(Arc::clone(&self).work(batch, permit));
        }
        let all = u32::try_from(concurrency).unwrap_or(u32::MAX);
        if tokio::time::timeout(DRAIN_TIMEOUT, free.acquire_many(all)).await.is_err() {
            tracing::warn!(
                role = self.role.as_str(),
                "gave up waiting for running jobs; the broker will redeliver them"
            );
        }
    }

    /// Takes the deliveries that have arrived and, if there are several, waits a moment for more: under load larger
    /// batches cost less, and a lone job never waits.
    async fn gather(&self, first: Delivery, deliveries: &mut lapin::Consumer) -> Vec<Delivery> {
        let mut batch = vec![first];
        let until = tokio::time::Instant::now() + self.limits.linger;
        while batch.len() < self.limits.batch {
            let next = match deliveries.next().now_or_never() {
                None if batch.len() > 1 => tokio::time::timeout_at(until, deliveries.next()).await.ok(),
                ready => ready,
            };
            match next {
                Some(Some(Ok(delivery))) => batch.push(delivery),
                _ => break,
            }
        }
        batch
    }

    async fn work(self: Arc<Self>, batch: Vec<Delivery>, _permit: OwnedSemaphorePermit) {
        let started = Instant::now();
        let mut jobs = Vec::with_capacity(batch.len());
        let mut readable = Vec::with_capacity(batch.len());
        for delivery in batch {
            match H::Job::read(&delivery.data) {
                Ok(job) => {
                    crash::point(Step::Received, job.kind());
                    self.measure_wait(&delivery);
                    jobs.push(job);
                    readable.push(delivery);
                }
                Err(error) => {
                    let reason = error.to_string();
                    let kind = "unknown";
                    self.acknowledge(&delivery, kind, || self.dead_letter(&delivery, kind, 0, &reason)).await;
                }
            }
        }
        let spans = JobSpans::begin(self.role, &jobs, &readable);
        let outcomes = self.run_jobs(jobs.clone().into()).instrument(spans.all.clone()).await;
        for (index, ((delivery, job), outcome)) in readable.iter().zip(&jobs).zip(outcomes).enumerate() {
            count(job, &outcome);
            spans.end(index, label(&outcome));
            crash::point(Step::Done, job.kind());
            self.acknowledge(delivery, job.kind(), || self.settle(delivery, job, &outcome)).await;
        }
        catalogue::BATCH_SECONDS.record([self.role.as_str()], started.elapsed());
    }

    /// A retry waits on purpose: its wait says nothing of the workers.
    fn measure_wait(&self, delivery: &Delivery) {
        if let Some(published) = delivery.properties.timestamp()
            && header(delivery, WAITS) == 0
        {
            let seconds = clock::seconds_of_the_machine().saturating_sub(*published);
            catalogue::JOB_WAIT_SECONDS.record([self.role.as_str()], Duration::from_secs(seconds));
            self.waits.taken(self.role, seconds);
        }
    }

    /// Runs a batch; if the handler panics, reruns each job alone.
    async fn run_jobs(&self, jobs: Arc<[H::Job]>) -> Vec<Outcome> {
        if jobs.is_empty() {
            return Vec::new();
        }
        match self.run_guarded(Arc::clone(&jobs)).await {
            Some(outcomes) => outcomes,
            None if jobs.len() == 1 => vec![Outcome::Failed("the handler panicked".to_owned())],
            None => {
                let mut outcomes = Vec::with_capacity(jobs.len());
                for job in jobs.iter() {
                    let alone = self.run_guarded(Arc::from([job.clone()])).await;
                    let outcome = alone.and_then(|mut outcomes| outcomes.pop());
                    outcomes
                        .push(outcome.unwrap_or_else(|| Outcome::Failed("the handler panicked".to_owned())));
                }
                outcomes
            }
        }
    }

    async fn run_guarded(&self, jobs: Arc<[H::Job]>) -> Option<Vec<Outcome>> {
        let handler = Arc::clone(&self.handler);
        let count = jobs.len();
        let running = tokio::spawn(async move { handler.handle(jobs).await }.instrument(Span::current()));
        running.await.ok().filter(|outcomes| outcomes.len() == count)
    }

    /// Replies, retries or dead-letters as the outcome asks. After success the delivery may be acknowledged.
    async fn settle(&self, delivery: &Delivery, job: &H::Job, outcome: &Outcome) -> Result<(), PublishError> {
        match outcome {
            Outcome::Done(answer) => {
                if let (Some(answer), Some(reply_to)) = (answer, delivery.properties.reply_to()) {
                    let id = delivery.properties.correlation_id().as_ref().map(ToString::to_string);
                    self.publisher.reply(reply_to.as_str(), id, answer.to_string().into_bytes()).await;
                }
                Ok(())
            }
            Outcome::Unavailable(reason) => self.retry_later(delivery, job, 0, reason).await,
            Outcome::Failed(reason) => {
                let attempt = header(delivery, ATTEMPT).saturating_add(1);
                if attempt >= job.attempts() {
                    let reason = format!("failed {attempt} times, last: {reason}");
                    return self.dead_letter(delivery, job.kind(), attempt, &reason).await;
                }
                self.retry_later(delivery, job, 1, reason).await
            }
            Outcome::Dead(reason) => {
                let attempt = header(delivery, ATTEMPT).saturating_add(1);
                self.dead_letter(delivery, job.kind(), attempt, reason).await
            }
        }
    }

    async fn retry_later(
        &self,
        delivery: &Delivery,
        job: &H::Job,
        attempts: u32,
        reason: &str,
    ) -> Result<(), PublishError> {
        let waits = header(delivery, WAITS);
        let last = DELAYS_SECONDS.len().saturating_sub(1);
        let step = usize::try_from(waits).unwrap_or(last).min(last);
        let delay = DELAYS_SECONDS.get(step).copied().unwrap_or(900);
        tracing::warn!(kind = job.kind(), delay_seconds = delay, reason, "a job failed and will be retried");
        let mut message = copy(delivery);
        let attempt = header(delivery, ATTEMPT).saturating_add(attempts);
        message.headers.push((ATTEMPT, AMQPValue::LongUInt(attempt)));
        message.headers.push((WAITS, AMQPValue::LongUInt(waits.saturating_add(1))));
        self.publisher.publish_later(self.role, delay, message).await
    }

    async fn dead_letter(
        &self,
        delivery: &Delivery,
        kind: &str,
        attempts: u32,
        reason: &str,
    ) -> Result<(), PublishError> {
        let mut message = copy(delivery);
        message.headers.push((ATTEMPT, AMQPValue::LongUInt(attempts)));
        self.publisher.publish_dead(self.role, kind, reason, message).await
    }

    /// Acknowledges a delivery once it is settled. If settling means to publish a copy and the broker does not confirm
    /// it, the consumer holds the delivery: a rejected one would come back at once and use up its delivery limit.
    async fn acknowledge<Settled>(&self, delivery: &Delivery, kind: &str, settle: impl Fn() -> Settled)
    where
        Settled: Future<Output = Result<(), PublishError>>,
    {
        while settle().await.is_err() {
            if !delivery.acker.usable() {
                return;
            }
            tracing::warn!(role = self.role.as_str(), "holding a job: the broker does not confirm its copy");
            tokio::time::sleep(SETTLE_PAUSE).await;
        }
        crash::point(Step::Settled, kind);
        match delivery.acker.ack(BasicAckOptions::default()).await {
            Ok(true) => {}
            // Its connection is lost: the broker redelivers the job, and running it again changes nothing.
            Ok(false) | Err(_) => {
                tracing::debug!(role = self.role.as_str(), "an acknowledgement came too late")
            }
        }
        crash::point(Step::Acknowledged, kind);
    }
}

fn count(job: &impl JobSet, outcome: &Outcome) {
    catalogue::JOBS.increment([job.kind(), label(outcome)]);
}

fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Unavailable(_) => "unavailable",
        Outcome::Failed(_) => "failed",
        Outcome::Dead(_) => "dead",
    }
}

pub(super) fn header(delivery: &Delivery, name: &str) -> u32 {
    let headers = delivery.properties.headers().as_ref();
    match headers.and_then(|table| table.inner().get(name)) {
        Some(AMQPValue::LongUInt(count)) => *count,
        _ => 0,
    }
}

fn copy(delivery: &Delivery) -> Message {
    Message {
        exchange: String::new(),
        routing_key: String::new(),
        body: delivery.data.to_vec(),
        headers: Vec::new(),
        correlation_id: delivery.properties.correlation_id().as_ref().map(ToString::to_string),
        reply_to: delivery.properties.reply_to().as_ref().map(ToString::to_string),
        durable: true,
    }
}
