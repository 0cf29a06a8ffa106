//! The verbs of webhook endpoints and deliveries. Endpoints are locked before deliveries.

use std::collections::HashMap;

use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::history;
use super::store::{self, NewDelivery};
use super::{
    Delivery, DeliveryState, Due, Endpoint, EndpointSettings, Message, Outcome, Recorded, WebhookError, rules,
};
use crate::standard_webhooks::signature::new_secret;
use audit::{self, AdminAction};
use kernel::clock::Timestamp;
use kernel::config::Secret;
use kernel::ids::{MessageId, PaymentId, WebhookDeliveryId, WebhookEndpointId};

/// Limited because each message is stored and sent once for each endpoint.
const ENDPOINTS_MAX: i64 = 50;

/// Adds an endpoint. This is the only time that its secret is shown.
///
/// # Errors
/// [`WebhookError::Invalid`], [`WebhookError::TooMany`].
pub async fn endpoint_create(
    pool: &PgPool,
    now: Timestamp,
    actor: &str,
    settings: &EndpointSettings,
) -> Result<(Endpoint, Secret), WebhookError> {
    rules::check_event_types(&settings.event_types)?;
    let (id, secret) = (WebhookEndpointId::new(), new_secret());
    let mut transaction = pool.begin().await?;
    if store::endpoints_count(&mut transaction).await? >= ENDPOINTS_MAX {
        return Err(WebhookError::TooMany(ENDPOINTS_MAX));
    }
    let reason = (!settings.is_enabled).then_some(rules::BY_ADMINISTRATOR);
    let endpoint = store::endpoint_insert(&mut transaction, now, id, settings, reason, &secret).await?;
    record(&mut transaction, now, actor, "webhook_endpoint.create", &endpoint).await?;
    transaction.commit().await?;
    Ok((endpoint, secret))
}

/// Oldest first.
///
/// # Errors
/// Database errors only.
pub async fn endpoints(pool: &PgPool) -> Result<Vec<Endpoint>, WebhookError> {
    Ok(store::endpoints(&mut *pool.acquire().await?).await?)
}

/// # Errors
/// [`WebhookError::NoEndpoint`].
pub async fn endpoint(pool: &PgPool, id: WebhookEndpointId) -> Result<Endpoint, WebhookError> {
    store::endpoint(&mut *pool.acquire().await?, id).await?.ok_or(WebhookError::NoEndpoint)
}

/// Replaces the settings of an endpoint. Re-enabling it resets its failures.
///
/// # Errors
/// [`WebhookError::Invalid`], [`WebhookError::NoEndpoint`].
pub async fn endpoint_replace(
    pool: &PgPool,
    now: Timestamp,
    actor: &str,
    id: WebhookEndpointId,
    settings: &EndpointSettings,
) -> Result<Endpoint, WebhookError> {
    rules::check_event_types(&settings.event_types)?;
    let mut transaction = pool.begin().await?;
    let replaced =
        store::endpoint_replace(&mut transaction, now, id, settings, rules::BY_ADMINISTRATOR).await?;
    let endpoint = replaced.ok_or(WebhookError::NoEndpoint)?;
    record(&mut transaction, now, actor, "webhook_endpoint.replace", &endpoint).await?;
    transaction.commit().await?;
    Ok(endpoint)
}

/// Deletes an endpoint with its deliveries, pending ones included.
///
/// # Errors
/// [`WebhookError::NoEndpoint`].
pub async fn endpoint_delete(
    pool: &PgPool,
    now: Timestamp,
    actor: &str,
    id: WebhookEndpointId,
) -> Result<(), WebhookError> {
    let mut transaction = pool.begin().await?;
    let endpoint = store::endpoint(&mut transaction, id).await?.ok_or(WebhookError::NoEndpoint)?;
    store::endpoint_delete(&mut transaction, id).await?;
    record(&mut transaction, now, actor, "webhook_endpoint.delete", &endpoint).await?;
    transaction.commit().await?;
    Ok(())
}

/// Gives an endpoint a new secret; this is the only time that it is shown. The previous secret signs too for a day, so
/// that the receiver can change over; older ones stop signing.
///
/// # Errors
/// [`WebhookError::NoEndpoint`].
pub async fn secret_rotate(
    pool: &PgPool,
    now: Timestamp,
    actor: &str,
    id: WebhookEndpointId,
) -> Result<(Endpoint, Secret), WebhookError> {
    let secret = new_secret();
    let mut transaction = pool.begin().await?;
    let until = now.saturating_add(rules::ROTATION);
    let rotated = store::secret_rotate(&mut transaction, now, id, &secret, until).await?;
    let endpoint = rotated.ok_or(WebhookError::NoEndpoint)?;
    record(&mut transaction, now, actor, "webhook_endpoint.rotate_secret", &endpoint).await?;
    transaction.commit().await?;
    Ok((endpoint, secret))
}

/// Records a delivery for every endpoint that wants a message, in the caller's transaction, and returns the new ones;
/// the caller emits a job for each. Messages about unknown wallets go to no endpoint.
///
/// # Errors
/// Database errors only.
pub async fn record_messages(
    connection: &mut PgConnection,
    now: Timestamp,
    messages: &[Message<'_>],
) -> Result<Vec<WebhookDeliveryId>, sqlx::Error> {
    let filters = store::filters_enabled(connection).await?;
    if filters.is_empty() {
        return Ok(Vec::new());
    }
    let wallets: Vec<_> = messages.iter().map(|message| message.wallet_id).collect();
    let owners: HashMap<_, _> = store::owners(connection, &wallets).await?.into_iter().collect();
    let mut deliveries = Vec::new();
    for message in messages {
        let Some(owner) = owners.get(&message.wallet_id) else { continue };
        let (event_type, payload) = rules::payload(message, owner);
        let wanting = filters.iter().filter(|(_, event_types)| rules::wants(event_types, &event_type));
        deliveries.extend(wanting.map(|(endpoint, _)| NewDelivery {
            id: WebhookDeliveryId::new(),
            endpoint_id: *endpoint,
            message_id: message.id,
            event_type: event_type.clone(),
            payload: payload.clone(),
        }));
    }
    store::deliveries_insert(connection, now, now.saturating_add(rules::LEASE), &deliveries).await
}

/// Records a test message to an endpoint, whatever its event types; the caller emits the job.
///
/// # Errors
/// [`WebhookError::NoEndpoint`], [`WebhookError::Disabled`].
pub async fn test(
    connection: &mut PgConnection,
    now: Timestamp,
    actor: &str,
    id: WebhookEndpointId,
) -> Result<WebhookDeliveryId, WebhookError> {
    let endpoint = store::endpoint(connection, id).await?.ok_or(WebhookError::NoEndpoint)?;
    if endpoint.disabled_reason.is_some() {
        return Err(WebhookError::Disabled);
    }
    let delivery = NewDelivery {
        id: WebhookDeliveryId::new(),
        endpoint_id: id,
        message_id: MessageId::new(),
        event_type: rules::TEST_TYPE.to_owned(),
        payload: rules::test_payload(now),
    };
    let lease = now.saturating_add(rules::LEASE);
    store::deliveries_insert(connection, now, lease, std::slice::from_ref(&delivery)).await?;
    record(connection, now, actor, "webhook_endpoint.test", &endpoint).await?;
    Ok(delivery.id)
}

/// The newest deliveries to an endpoint, only those before `before` if that is given.
///
/// # Errors
/// [`WebhookError::NoEndpoint`].
pub async fn deliveries(
    pool: &PgPool,
    endpoint: WebhookEndpointId,
    state: Option<DeliveryState>,
    before: Option<WebhookDeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>, WebhookError> {
    let mut connection = pool.acquire().await?;
    store::endpoint(&mut connection, endpoint).await?.ok_or(WebhookError::NoEndpoint)?;
    let mut deliveries = history::deliveries(&mut connection, endpoint, state, before, limit).await?;
    let ids: Vec<WebhookDeliveryId> = deliveries.iter().map(|delivery| delivery.id).collect();
    let mut attempts: HashMap<WebhookDeliveryId, Vec<_>> = HashMap::new();
    for (delivery, attempt) in history::attempts(&mut connection, &ids).await? {
        attempts.entry(delivery).or_default().push(attempt);
    }
    for delivery in &mut deliveries {
        delivery.attempts = attempts.remove(&delivery.id).unwrap_or_default();
    }
    Ok(deliveries)
}

/// What was told of an order, to any endpoint, without the attempts; oldest first.
///
/// # Errors
/// Database errors only.
pub async fn deliveries_of_order(
    connection: &mut PgConnection,
    order: PaymentId,
    limit: i64,
) -> Result<Vec<Delivery>, sqlx::Error> {
    history::deliveries_of_order(connection, order.0, limit).await
}

/// Reopens a delivery under the same message id and returns the number of attempts so far; the caller emits the job.
///
/// # Errors
/// [`WebhookError::NoDelivery`], [`WebhookError::Disabled`].
pub async fn replay(
    connection: &mut PgConnection,
    now: Timestamp,
    actor: &str,
    id: WebhookDeliveryId,
) -> Result<i32, WebhookError> {
    let endpoint = store::endpoint_of_delivery(connection, id).await?.ok_or(WebhookError::NoDelivery)?;
    if endpoint.disabled_reason.is_some() {
        return Err(WebhookError::Disabled);
    }
    let lease = now.saturating_add(rules::LEASE);
    let attempts = store::delivery_reopen(connection, id, lease).await?.ok_or(WebhookError::NoDelivery)?;
    let action = AdminAction {
        actor: actor.to_owned(),
        action: "webhook_delivery.replay".to_owned(),
        subject: id.to_string(),
        details: json!({ "endpoint_id": endpoint.id }),
    };
    audit::record(connection, now, &action).await?;
    Ok(attempts)
}

/// The delivery, if it still waits for this attempt. If its endpoint was disabled, the delivery fails.
///
/// # Errors
/// Database errors only.
pub async fn due(
    pool: &PgPool,
    now: Timestamp,
    id: WebhookDeliveryId,
    attempts: i32,
) -> Result<Option<Due>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let Some((due, is_enabled)) = store::delivery_due(&mut connection, now, id, attempts).await? else {
        return Ok(None);
    };
    if is_enabled {
        return Ok(Some(due));
    }
    store::delivery_settle(&mut connection, now, id, attempts, attempts, DeliveryState::Failed, None).await?;
    Ok(None)
}

/// Postpones a delivery without an attempt.
///
/// # Errors
/// Database errors only.
pub async fn put_off(pool: &PgPool, due: &Due, until: Timestamp) -> Result<(), sqlx::Error> {
    store::delivery_put_off(&mut *pool.acquire().await?, due.id, due.attempts, until).await
}

/// Records how an attempt ended, and decides whether to retry the delivery and whether to disable the endpoint.
///
/// # Errors
/// Database errors only.
pub async fn attempt_record(
    pool: &PgPool,
    now: Timestamp,
    due: &Due,
    outcome: &Outcome,
    took: std::time::Duration,
    jitter_permille: i32,
) -> Result<Recorded, sqlx::Error> {
    let number = due.attempts.saturating_add(1);
    let mut transaction = pool.begin().await?;
    let mut disabled = None;
    if outcome.failure.is_none() {
        store::endpoint_succeeded(&mut transaction, due.endpoint_id).await?;
    } else if let Some(failing) = store::endpoint_failed(&mut transaction, now, due.endpoint_id).await? {
        disabled = rules::give_up(outcome, failing, now);
        if let Some(reason) = disabled {
            store::endpoint_disable(&mut transaction, due.endpoint_id, reason).await?;
        }
    }
    let next = match outcome.failure {
        Some(_) if disabled.is_none() => rules::next_attempt(number, now, jitter_permille),
        _ => None,
    };
    let state = match (outcome.failure, next) {
        (None, _) => DeliveryState::Delivered,
        (Some(_), Some(_)) => DeliveryState::Pending,
        (Some(_), None) => DeliveryState::Failed,
    };
    if !store::delivery_settle(&mut transaction, now, due.id, due.attempts, number, state, next).await? {
        // Rolled back: the attempt that was recorded first has updated the endpoint too.
        return Ok(Recorded::Superseded);
    }
    store::attempt_insert(&mut transaction, now, due.id, number, outcome, took).await?;
    transaction.commit().await?;
    Ok(match (state, disabled) {
        (_, Some(reason)) => Recorded::Disabled(reason),
        (DeliveryState::Delivered, None) => Recorded::Delivered,
        (DeliveryState::Pending, None) => Recorded::Retried,
        (DeliveryState::Failed, None) => Recorded::Failed,
    })
}

/// Takes up to `limit` due deliveries and returns them with their number of attempts; the caller emits a job for each.
/// They are not due again before their lease ends.
///
/// # Errors
/// Database errors only.
pub async fn take_due(
    connection: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(WebhookDeliveryId, i32)>, sqlx::Error> {
    store::deliveries_take_due(connection, now, now.saturating_add(rules::LEASE), limit).await
}

/// How many endpoints are switched on and did not take their last message.
///
/// # Errors
/// Database errors only.
pub async fn failing_count(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    store::failing_count(connection).await
}

/// Deletes up to `limit` deliveries that were recorded before `before` and are not pending; returns how many.
///
/// # Errors
/// Database errors only.
pub async fn forget(pool: &PgPool, before: Timestamp, limit: i64) -> Result<u64, sqlx::Error> {
    store::deliveries_delete(&mut *pool.acquire().await?, before, limit).await
}

async fn record(
    connection: &mut PgConnection,
    now: Timestamp,
    actor: &str,
    action: &str,
    endpoint: &Endpoint,
) -> Result<(), sqlx::Error> {
    let action = AdminAction {
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: endpoint.id.to_string(),
        details: json!({
            "url": endpoint.url,
            "event_types": endpoint.event_types,
            "enabled": endpoint.disabled_reason.is_none(),
        }),
    };
    audit::record(connection, now, &action).await
}
