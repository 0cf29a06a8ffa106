//! The SQL of webhook endpoints and deliveries.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use super::rules::{Failing, Owner};
use super::{DeliveryState, Due, Endpoint, EndpointSettings, Outcome};
use kernel::clock::Timestamp;
use kernel::config::Secret;
use kernel::ids::{MessageId, OrganizationId, UserId, WalletId, WebhookDeliveryId, WebhookEndpointId};

/// A statement that returns endpoints: the text before the columns, and the text after them.
macro_rules! endpoints {
    ($before:literal, $after:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Endpoint,
            $before
                + r#" webhook_endpoints.id as "id: WebhookEndpointId", url, event_types, disabled_reason, failing_since,
                     consecutive_failures, previous_secret_until, webhook_endpoints.created_at, updated_at "#
                + $after
            $(, $argument)*
        )
    };
}

pub(super) async fn endpoints_count(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from webhook_endpoints"#).fetch_one(connection).await
}

pub(super) async fn endpoint_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    id: WebhookEndpointId,
    settings: &EndpointSettings,
    disabled_reason: Option<&str>,
    secret: &Secret,
) -> Result<Endpoint, sqlx::Error> {
    endpoints!(
        "insert into webhook_endpoints (id, url, event_types, secret, is_enabled, disabled_reason, created_at,
                                        updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $7) returning",
        "",
        id.0,
        settings.url,
        &settings.event_types,
        secret.expose(),
        settings.is_enabled,
        disabled_reason,
        now
    )
    .fetch_one(connection)
    .await
}

pub(super) async fn endpoints(connection: &mut PgConnection) -> Result<Vec<Endpoint>, sqlx::Error> {
    endpoints!("select", "from webhook_endpoints order by id").fetch_all(connection).await
}

pub(super) async fn endpoint(
    connection: &mut PgConnection,
    id: WebhookEndpointId,
) -> Result<Option<Endpoint>, sqlx::Error> {
    endpoints!("select", "from webhook_endpoints where id = $1", id.0).fetch_optional(connection).await
}

pub(super) async fn endpoint_of_delivery(
    connection: &mut PgConnection,
    id: WebhookDeliveryId,
) -> Result<Option<Endpoint>, sqlx::Error> {
    endpoints!(
        "select",
        "from webhook_endpoints join webhook_deliveries on endpoint_id = webhook_endpoints.id
         where webhook_deliveries.id = $1",
        id.0
    )
    .fetch_optional(connection)
    .await
}

pub(super) async fn endpoint_replace(
    connection: &mut PgConnection,
    now: Timestamp,
    id: WebhookEndpointId,
    settings: &EndpointSettings,
    reason: &str,
) -> Result<Option<Endpoint>, sqlx::Error> {
    endpoints!(
        "update webhook_endpoints
         set url = $2, event_types = $3, is_enabled = $4, updated_at = $6,
             disabled_reason = case when $4 then null else coalesce(disabled_reason, $5) end,
             failing_since = case when $4 and not is_enabled then null else failing_since end,
             consecutive_failures = case when $4 and not is_enabled then 0 else consecutive_failures end
         where id = $1 returning",
        "",
        id.0,
        settings.url,
        &settings.event_types,
        settings.is_enabled,
        reason,
        now
    )
    .fetch_optional(connection)
    .await
}

pub(super) async fn endpoint_delete(
    connection: &mut PgConnection,
    id: WebhookEndpointId,
) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from webhook_endpoints where id = $1", id.0).execute(connection).await?;
    Ok(())
}

pub(super) async fn secret_rotate(
    connection: &mut PgConnection,
    now: Timestamp,
    id: WebhookEndpointId,
    secret: &Secret,
    until: Timestamp,
) -> Result<Option<Endpoint>, sqlx::Error> {
    endpoints!(
        "update webhook_endpoints
         set previous_secret = secret, previous_secret_until = $3, secret = $2, updated_at = $4
         where id = $1 returning",
        "",
        id.0,
        secret.expose(),
        until,
        now
    )
    .fetch_optional(connection)
    .await
}

/// Resets the failures of an endpoint.
pub(super) async fn endpoint_succeeded(
    connection: &mut PgConnection,
    id: WebhookEndpointId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update webhook_endpoints set failing_since = null, consecutive_failures = 0
         where id = $1 and consecutive_failures > 0",
        id.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts a failure of an enabled endpoint, and returns how it has failed until now.
pub(super) async fn endpoint_failed(
    connection: &mut PgConnection,
    now: Timestamp,
    id: WebhookEndpointId,
) -> Result<Option<Failing>, sqlx::Error> {
    sqlx::query_as!(
        Failing,
        r#"update webhook_endpoints
           set failing_since = coalesce(failing_since, $2), consecutive_failures = consecutive_failures + 1
           where id = $1 and is_enabled
           returning failing_since as "since!", consecutive_failures as times"#,
        id.0,
        now
    )
    .fetch_optional(connection)
    .await
}

pub(super) async fn endpoint_disable(
    connection: &mut PgConnection,
    id: WebhookEndpointId,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update webhook_endpoints set is_enabled = false, disabled_reason = $2 where id = $1",
        id.0,
        reason
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The enabled endpoints with their event types. They cannot be deleted until the transaction ends.
pub(super) async fn filters_enabled(
    connection: &mut PgConnection,
) -> Result<Vec<(WebhookEndpointId, Vec<String>)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select id as "id: WebhookEndpointId", event_types from webhook_endpoints where is_enabled
           order by id for key share"#
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.event_types)).collect())
}

pub(super) async fn owners(
    connection: &mut PgConnection,
    wallets: &[WalletId],
) -> Result<Vec<(WalletId, Owner)>, sqlx::Error> {
    let wallets: Vec<Uuid> = wallets.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select id as "id: WalletId", user_id as "user_id: UserId",
                  organization_id as "organization_id: OrganizationId"
           from wallets where id = any($1)"#,
        &wallets
    )
    .fetch_all(connection)
    .await?;
    let owned = rows.into_iter().filter_map(|row| {
        let user = row.user_id.map(Owner::User);
        Some((row.id, user.or_else(|| row.organization_id.map(Owner::Organization))?))
    });
    Ok(owned.collect())
}

pub(super) struct NewDelivery {
    pub(super) id: WebhookDeliveryId,
    pub(super) endpoint_id: WebhookEndpointId,
    pub(super) message_id: MessageId,
    pub(super) event_type: String,
    pub(super) payload: String,
}

/// Returns the deliveries that are new.
pub(super) async fn deliveries_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    next_attempt_at: Timestamp,
    deliveries: &[NewDelivery],
) -> Result<Vec<WebhookDeliveryId>, sqlx::Error> {
    if deliveries.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = deliveries.iter().map(|delivery| delivery.id.0).collect();
    let endpoints: Vec<Uuid> = deliveries.iter().map(|delivery| delivery.endpoint_id.0).collect();
    let messages: Vec<Uuid> = deliveries.iter().map(|delivery| delivery.message_id.0).collect();
    let event_types: Vec<String> = deliveries.iter().map(|delivery| delivery.event_type.clone()).collect();
    let payloads: Vec<String> = deliveries.iter().map(|delivery| delivery.payload.clone()).collect();
    sqlx::query_scalar!(
        r#"insert into webhook_deliveries (id, endpoint_id, message_id, event_type, payload, next_attempt_at,
                                           created_at, order_id)
           select id, endpoint_id, message_id, event_type, payload, $6, $7,
                  (payload::jsonb #>> '{data,orderId}')::uuid
           from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])
                as new (id, endpoint_id, message_id, event_type, payload)
           on conflict on constraint webhook_deliveries_message_unique do nothing
           returning id as "id: WebhookDeliveryId""#,
        &ids,
        &endpoints,
        &messages,
        &event_types,
        &payloads,
        next_attempt_at,
        now
    )
    .fetch_all(connection)
    .await
}

/// Makes a delivery pending again, and returns its number of attempts.
pub(super) async fn delivery_reopen(
    connection: &mut PgConnection,
    id: WebhookDeliveryId,
    next_attempt_at: Timestamp,
) -> Result<Option<i32>, sqlx::Error> {
    sqlx::query_scalar!(
        "update webhook_deliveries set state = 'pending', next_attempt_at = $2, delivered_at = null
         where id = $1 returning attempts",
        id.0,
        next_attempt_at
    )
    .fetch_optional(connection)
    .await
}

/// A pending delivery with this many attempts, and whether its endpoint is enabled.
pub(super) async fn delivery_due(
    connection: &mut PgConnection,
    now: Timestamp,
    id: WebhookDeliveryId,
    attempts: i32,
) -> Result<Option<(Due, bool)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select endpoint_id as "endpoint_id: WebhookEndpointId", message_id as "message_id: MessageId", payload, url,
                  is_enabled, secret,
                  case when previous_secret_until > $3 then previous_secret end as previous_secret
           from webhook_deliveries join webhook_endpoints on webhook_endpoints.id = endpoint_id
           where webhook_deliveries.id = $1 and state = 'pending' and attempts = $2"#,
        id.0,
        attempts,
        now
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let secrets = [Some(row.secret), row.previous_secret].into_iter().flatten();
        let due = Due {
            id,
            attempts,
            endpoint_id: row.endpoint_id,
            url: row.url,
            message_id: row.message_id,
            payload: row.payload,
            secrets: secrets.filter_map(Secret::new).collect(),
        };
        (due, row.is_enabled)
    }))
}

/// Updates a pending delivery unless another attempt was recorded meanwhile; returns whether it did.
pub(super) async fn delivery_settle(
    connection: &mut PgConnection,
    now: Timestamp,
    id: WebhookDeliveryId,
    attempts_before: i32,
    attempts: i32,
    state: DeliveryState,
    next_attempt_at: Option<Timestamp>,
) -> Result<bool, sqlx::Error> {
    let written = sqlx::query!(
        "update webhook_deliveries
         set state = $4, attempts = $3, next_attempt_at = $5,
             delivered_at = case when $4 = 'delivered' then $6::timestamptz end
         where id = $1 and attempts = $2 and state = 'pending'",
        id.0,
        attempts_before,
        attempts,
        state.as_str(),
        next_attempt_at,
        now
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() > 0)
}

pub(super) async fn delivery_put_off(
    connection: &mut PgConnection,
    id: WebhookDeliveryId,
    attempts: i32,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update webhook_deliveries set next_attempt_at = $3
         where id = $1 and attempts = $2 and state = 'pending'",
        id.0,
        attempts,
        until
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn attempt_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    id: WebhookDeliveryId,
    number: i32,
    outcome: &Outcome,
    took: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into webhook_attempts (delivery_id, number, response_status, failure, duration_ms, ended_at)
         values ($1, $2, $3, $4, $5, $6)",
        id.0,
        number,
        outcome.response_status.and_then(|status| i16::try_from(status).ok()),
        outcome.failure,
        i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes due deliveries and makes them due again at `until`; skips those that another transaction is taking.
pub(super) async fn deliveries_take_due(
    connection: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<(WebhookDeliveryId, i32)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"with due as (
               select id from webhook_deliveries where state = 'pending' and next_attempt_at <= $1
               order by next_attempt_at limit $3 for update skip locked
           )
           update webhook_deliveries set next_attempt_at = $2
           from due where webhook_deliveries.id = due.id
           returning webhook_deliveries.id as "id: WebhookDeliveryId", attempts"#,
        now,
        until,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.attempts)).collect())
}

pub(super) async fn deliveries_delete(
    connection: &mut PgConnection,
    before: Timestamp,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!(
        "delete from webhook_deliveries where id in (
             select id from webhook_deliveries where created_at < $1 and state <> 'pending'
             order by created_at limit $2)",
        before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected())
}

pub(super) async fn failing_count(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from webhook_endpoints where is_enabled and failing_since is not null"#
    )
    .fetch_one(connection)
    .await
}
