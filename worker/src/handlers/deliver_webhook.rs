//! Sends a message to a webhook endpoint and records how that went. Done twice at the same time it sends twice, under
//! one id, and records once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jobs::outbox;
use kernel::ids::{OutboxId, WebhookDeliveryId, WebhookEndpointId};
use outgoing_webhooks::DeliverWebhook;
use outgoing_webhooks::rules;
use outgoing_webhooks::rules::JITTER_MAX_PERMILLE;
use outgoing_webhooks::standard_webhooks::address::Reach;
use outgoing_webhooks::standard_webhooks::client::{Message, Sent, WebhookClient};
use outgoing_webhooks::{Due, Outcome, Recorded, operations as webhooks};
use rand::RngExt;
use sqlx::PgConnection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::{DONE, Done, Jobs};

/// Messages that one process has under way to one endpoint.
const AT_ONCE_FOR_ENDPOINT: usize = 8;
/// How long a message waits for others to the same endpoint before it lets those to other endpoints pass.
const PATIENCE: Duration = Duration::from_secs(1);
/// When it comes again.
const PUT_OFF: time::Duration = time::Duration::seconds(5);
/// Deliveries that are taken in one transaction.
const AT_ONCE: i64 = 200;
/// How many times a sweep goes on before it leaves the rest to the next one.
const ROUNDS: usize = 10;

/// The client, and who waits for whom.
pub(super) struct Webhooks {
    client: WebhookClient,
    lanes: Mutex<HashMap<WebhookEndpointId, Arc<Semaphore>>>,
}

impl Webhooks {
    pub(super) fn new(reach: Reach) -> Self {
        Self { client: WebhookClient::new(reach), lanes: Mutex::default() }
    }

    /// A place among the messages to an endpoint; none if it does not come in time.
    async fn place(&self, endpoint: WebhookEndpointId) -> Option<OwnedSemaphorePermit> {
        let lane = {
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            let lane =
                lanes.entry(endpoint).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE_FOR_ENDPOINT)));
            Arc::clone(lane)
        };
        tokio::time::timeout(PATIENCE, lane.acquire_owned()).await.ok()?.ok()
    }
}

impl Jobs {
    pub(super) async fn deliver_webhook(&self, job: &DeliverWebhook) -> Done {
        let due = webhooks::due(&self.pool, self.clock.now(), job.delivery_id, job.attempts).await?;
        let Some(due) = due else { return Ok(DONE) };
        let Some(_place) = self.webhooks.place(due.endpoint_id).await else {
            let until = self.clock.now().saturating_add(PUT_OFF);
            webhooks::put_off(&self.pool, &due, until).await?;
            return Ok(DONE);
        };
        let started = Instant::now();
        // No transaction is open while the endpoint is asked.
        let outcome = self.send(&due).await;
        let jitter = rand::rng().random_range(0..=JITTER_MAX_PERMILLE);
        let (now, took) = (self.clock.now(), started.elapsed());
        let recorded = webhooks::attempt_record(&self.pool, now, &due, &outcome, took, jitter).await?;
        report(&due, &outcome, &recorded);
        Ok(DONE)
    }

    /// Has what is due sent.
    pub(super) async fn retry_webhooks(&self) -> Done {
        for _ in 0..ROUNDS {
            let mut transaction = self.pool.begin().await?;
            let due = webhooks::take_due(&mut transaction, self.clock.now(), AT_ONCE).await?;
            let count = due.len();
            let written = self.send_soon(&mut transaction, due.into_iter()).await?;
            transaction.commit().await?;
            self.publish_soon(written);
            if i64::try_from(count).is_ok_and(|count| count < AT_ONCE) {
                break;
            }
        }
        Ok(DONE)
    }

    /// Writes the jobs of deliveries that have had so many attempts, in the caller's transaction.
    pub(super) async fn send_soon(
        &self,
        connection: &mut PgConnection,
        deliveries: impl Iterator<Item = (WebhookDeliveryId, i32)> + Send,
    ) -> Result<Vec<OutboxId>, sqlx::Error> {
        let mut written = Vec::new();
        for (delivery_id, attempts) in deliveries {
            let job = DeliverWebhook { delivery_id, attempts };
            written.push(outbox::insert(connection, self.clock.now(), &job).await?);
        }
        Ok(written)
    }

    async fn send(&self, due: &Due) -> Outcome {
        let message = Message {
            id: due.message_id.to_string(),
            sent_at: self.clock.now(),
            body: &due.payload,
            secrets: &due.secrets,
        };
        let (answered, otherwise) = match self.webhooks.client.send(&due.url, &message).await {
            Sent::Answered(status) => (Some(status), ""),
            Sent::TimedOut => (None, "it did not answer in time"),
            Sent::NoConnection => (None, "there was no connection, or it broke"),
            Sent::Refused => (None, "it is at no address that messages may go to"),
        };
        rules::outcome(answered, otherwise)
    }
}

fn report(due: &Due, outcome: &Outcome, recorded: &Recorded) {
    let label = match recorded {
        Recorded::Delivered => "delivered",
        Recorded::Retried => "retried",
        Recorded::Failed | Recorded::Disabled(_) => "failed",
        Recorded::Superseded => "superseded",
    };
    metrics::counter!("purser_webhook_attempts_total", "outcome" => label).increment(1);
    let (endpoint, delivery) = (due.endpoint_id, due.id);
    let (failure, status) = (outcome.failure, outcome.response_status);
    match recorded {
        Recorded::Disabled(reason) => {
            metrics::counter!("purser_webhook_endpoints_disabled_total").increment(1);
            tracing::error!(%endpoint, reason, "a webhook endpoint is disabled: see GET /admin/webhook-endpoints");
        }
        Recorded::Failed => {
            tracing::warn!(%endpoint, %delivery, failure, status, "a webhook was not delivered and is given up");
        }
        Recorded::Delivered | Recorded::Retried | Recorded::Superseded => {
            tracing::debug!(%endpoint, %delivery, failure, status, "a webhook was sent");
        }
    }
}
