//! The SQL that reads what was sent to endpoints.

use kernel::clock::Timestamp;
use kernel::ids::{MessageId, WebhookDeliveryId, WebhookEndpointId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Attempt, Delivery, DeliveryState};

/// A delivery without its attempts.
struct DeliveryRow {
    id: WebhookDeliveryId,
    endpoint_id: WebhookEndpointId,
    message_id: MessageId,
    event_type: String,
    state: DeliveryState,
    next_attempt_at: Option<Timestamp>,
    created_at: Timestamp,
    delivered_at: Option<Timestamp>,
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: row.id,
            endpoint_id: row.endpoint_id,
            message_id: row.message_id,
            event_type: row.event_type,
            state: row.state,
            next_attempt_at: row.next_attempt_at,
            created_at: row.created_at,
            delivered_at: row.delivered_at,
            attempts: Vec::new(),
        }
    }
}

/// A query for deliveries: all columns, and the condition that follows.
macro_rules! select_deliveries {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            DeliveryRow,
            r#"select id as "id: WebhookDeliveryId", endpoint_id as "endpoint_id: WebhookEndpointId",
                      message_id as "message_id: MessageId", event_type, state as "state: DeliveryState",
                      next_attempt_at, created_at, delivered_at
               from webhook_deliveries "#
                + $condition
            $(, $argument)*
        )
    };
}

pub(super) async fn deliveries(
    connection: &mut PgConnection,
    endpoint: WebhookEndpointId,
    state: Option<DeliveryState>,
    before: Option<WebhookDeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>, sqlx::Error> {
    let rows = select_deliveries!(
        "where endpoint_id = $1 and ($2::text is null or state = $2)
           and id < coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
         order by id desc limit $4",
        endpoint.0,
        state.map(DeliveryState::as_str),
        before.map(|id| id.0),
        limit
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Delivery::from).collect())
}

/// What was told of an order, to any endpoint; oldest first.
pub(super) async fn deliveries_of_order(
    connection: &mut PgConnection,
    order: Uuid,
    limit: i64,
) -> Result<Vec<Delivery>, sqlx::Error> {
    let rows = select_deliveries!("where order_id = $1 order by id limit $2", order, limit);
    Ok(rows.fetch_all(connection).await?.into_iter().map(Delivery::from).collect())
}

pub(super) async fn attempts(
    connection: &mut PgConnection,
    deliveries: &[WebhookDeliveryId],
) -> Result<Vec<(WebhookDeliveryId, Attempt)>, sqlx::Error> {
    let deliveries: Vec<Uuid> = deliveries.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select delivery_id as "delivery_id: WebhookDeliveryId", number, response_status, failure, duration_ms,
                  ended_at
           from webhook_attempts where delivery_id = any($1) order by delivery_id, number"#,
        &deliveries
    )
    .fetch_all(connection)
    .await?;
    let attempts = rows.into_iter().map(|row| {
        let attempt = Attempt {
            number: row.number,
            response_status: row.response_status,
            failure: row.failure,
            duration_ms: row.duration_ms,
            ended_at: row.ended_at,
        };
        (row.delivery_id, attempt)
    });
    Ok(attempts.collect())
}
