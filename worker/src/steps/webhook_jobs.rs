//! The jobs that send messages to webhook endpoints.

use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, WebhookDeliveryId};
use outgoing_webhooks::DeliverWebhook;
use sqlx::PgConnection;

/// Writes the jobs of deliveries, each with the number of its attempts so far, in the caller's transaction.
pub(crate) async fn write_to_outbox(
    connection: &mut PgConnection,
    now: Timestamp,
    deliveries: impl Iterator<Item = (WebhookDeliveryId, i32)> + Send,
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let mut written = Vec::new();
    for (delivery_id, attempts) in deliveries {
        let job = DeliverWebhook { delivery_id, attempts };
        written.push(outbox::insert(connection, now, &job).await?);
    }
    Ok(written)
}
