//! Sends a message to a webhook endpoint and records how that went. Done twice at the same time it sends twice, under
//! one id, and records once.

use std::time::Duration;

use kernel::metrics::{NONE, catalogue};
use outgoing_webhooks::rules::JITTER_MAX_PERMILLE;
use outgoing_webhooks::standard_webhooks::client::{Message, Sent};
use outgoing_webhooks::{DeliverWebhook, Due, Outcome, Recorded, operations, rules};
use rand::RngExt;
use tokio::time::Instant;

use crate::context::Context;
use crate::error::{DONE, JobResult};

/// Messages that one process has on their way to one endpoint.
const AT_ONCE: usize = 8;
/// How long a message waits for its turn before it is put off.
const PATIENCE: Duration = Duration::from_secs(1);
/// When a message comes again that found no place among the others to its endpoint.
const PUT_OFF: time::Duration = time::Duration::seconds(5);

pub(super) async fn handle(context: &Context, job: &DeliverWebhook) -> JobResult {
    let due = operations::due(&context.pool, context.clock.now(), job.delivery_id, job.attempts).await?;
    let Some(due) = due else { return DONE };
    let Some(_place) = context.webhook_lanes.place(&due.endpoint_id, AT_ONCE, PATIENCE).await else {
        let until = context.clock.now().saturating_add(PUT_OFF);
        operations::put_off(&context.pool, &due, until).await?;
        return DONE;
    };
    let started = Instant::now();
    // No transaction is open while the endpoint is asked.
    let outcome = send(context, &due).await;
    let jitter = rand::rng().random_range(0..=JITTER_MAX_PERMILLE);
    let (now, took) = (context.clock.now(), started.elapsed());
    let recorded = operations::attempt_record(&context.pool, now, &due, &outcome, took, jitter).await?;
    report(&due, &outcome, &recorded);
    DONE
}

async fn send(context: &Context, due: &Due) -> Outcome {
    let message = Message {
        id: due.message_id.to_string(),
        sent_at: context.clock.now(),
        body: &due.payload,
        secrets: &due.secrets,
    };
    let (answered, otherwise) = match context.webhook_client.send(&due.url, &message).await {
        Sent::Answered(status) => (Some(status), ""),
        Sent::TimedOut => (None, "it did not answer in time"),
        Sent::NoConnection => (None, "there was no connection, or it broke"),
        Sent::Refused => (None, "it is at no address that messages may go to"),
    };
    rules::outcome(answered, otherwise)
}

fn report(due: &Due, outcome: &Outcome, recorded: &Recorded) {
    let label = match recorded {
        Recorded::Delivered => "delivered",
        Recorded::Retried => "retried",
        Recorded::Failed | Recorded::Disabled(_) => "failed",
        Recorded::Superseded => "superseded",
    };
    catalogue::WEBHOOK_ATTEMPTS.increment([label]);
    let (endpoint, delivery) = (due.endpoint_id, due.id);
    let (failure, status) = (outcome.failure, outcome.response_status);
    match recorded {
        Recorded::Disabled(reason) => {
            catalogue::WEBHOOK_ENDPOINTS_DISABLED.increment(NONE);
            tracing::error!(%endpoint, reason, "a webhook endpoint is disabled: see GET /purser/v1/webhook-endpoints");
        }
        Recorded::Failed => {
            tracing::warn!(%endpoint, %delivery, failure, status, "a webhook was not delivered and is given up");
        }
        Recorded::Delivered | Recorded::Retried | Recorded::Superseded => {
            tracing::debug!(%endpoint, %delivery, failure, status, "a webhook was sent");
        }
    }
}
