//! Events: recorded with a snapshot of their object, sent to every endpoint that listens, listed.

use std::sync::Arc;

use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::listing;
use super::store::{new_id, owned, text, visible};
use super::{Call, webhook_endpoints};
use crate::config::DEFAULT_API_VERSION;
use crate::world::{Provider, World};

/// Records that `kind` happened to `object` and sends it.
pub(crate) fn emit(world: &mut World, kind: &str, object: &Value) {
    emit_change(world, kind, object, None);
}

/// As [`emit`], with the values that fields of the object had before.
pub(crate) fn emit_change(world: &mut World, kind: &str, object: &Value, previous: Option<Value>) {
    let mut data = json!({ "object": visible(object) });
    if let Some(previous) = previous {
        data["previous_attributes"] = previous;
    }
    let version = world.stripe.origin.api_version.clone();
    let event = build(world, kind, data, version.as_deref().unwrap_or(DEFAULT_API_VERSION));
    if world.faults.duplicates_event() {
        let mut twin = event.clone();
        twin["id"] = new_id("evt").into();
        record_and_send(world, twin);
    }
    record_and_send(world, event);
}

/// Records and sends an event that somebody made up: any type, any object.
pub(crate) fn emit_arbitrary(world: &mut World, wanted: &Value) -> Result<Value, String> {
    let kind = text(wanted, "type").ok_or("type is required")?.to_owned();
    let object = wanted.get("object").filter(|object| object.is_object());
    let object = object.ok_or("object is required and must be a JSON object")?;
    let version = text(wanted, "api_version").unwrap_or(DEFAULT_API_VERSION).to_owned();
    let mut event = build(world, &kind, json!({ "object": object }), &version);
    if let Some(previous) = wanted.get("previous_attributes") {
        event["data"]["previous_attributes"] = previous.clone();
    }
    for field in ["id", "livemode", "created", "account"] {
        if let Some(value) = wanted.get(field) {
            event[field] = value.clone();
        }
    }
    if world.stripe.store.of_any_account("evt", text(&event, "id").unwrap_or_default()).is_some() {
        return Err("an event with this id exists; resend it instead".to_owned());
    }
    record_and_send(world, event.clone());
    Ok(event)
}

fn build(world: &World, kind: &str, data: Value, version: &str) -> Value {
    let origin = &world.stripe.origin;
    json!({
        "id": new_id("evt"),
        "object": "event",
        "account": world.stripe.store.account,
        "api_version": version,
        "context": null,
        "created": world.clock.now(),
        "data": data,
        "livemode": false,
        "pending_webhooks": webhook_endpoints::listening(world, kind, world.stripe.store.account.is_some()).len(),
        "request": { "id": origin.request_id, "idempotency_key": origin.idempotency_key },
        "type": kind,
    })
}

fn record_and_send(world: &mut World, event: Value) {
    let id = owned(&event, "id");
    let kind = owned(&event, "type");
    let account = text(&event, "account").map(str::to_owned);
    for endpoint in webhook_endpoints::listening(world, &kind, account.is_some()) {
        let body = body_for(&event, &endpoint);
        let World { deliveries, faults, .. } = world;
        deliveries.send(faults, &id, endpoint.as_target(), body);
    }
    world.happened.push((Provider::Stripe, id));
    let before = std::mem::replace(&mut world.stripe.store.account, account);
    world.stripe.store.insert("evt", event);
    world.stripe.store.account = before;
}

fn body_for(event: &Value, endpoint: &webhook_endpoints::Listener) -> Arc<str> {
    match &endpoint.api_version {
        Some(version) => {
            let mut rendered = visible(event);
            rendered["api_version"] = version.as_str().into();
            rendered.to_string().into()
        }
        None => visible(event).to_string().into(),
    }
}

/// Sends a recorded event once more to everybody who listens. Returns to how many.
pub(crate) fn resend(world: &mut World, id: &str) -> Option<usize> {
    let event = world.stripe.store.of_any_account("evt", id)?.clone();
    let kind = text(&event, "type").unwrap_or_default();
    let listeners = webhook_endpoints::listening(world, kind, !event["account"].is_null());
    for endpoint in &listeners {
        world.deliveries.resend(id, endpoint.as_target(), body_for(&event, endpoint));
    }
    Some(listeners.len())
}

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("GET", []) => list(world, call),
        ("GET", [id]) => {
            let event = world.stripe.store.find("evt", id)?;
            Ok(with_pending(world, event))
        }
        _ => Err(call.unknown()),
    }
}

fn list(world: &World, call: &Call<'_>) -> Answer {
    call.params.only("created delivery_success ending_before limit starting_after type types")?;
    let types = call.params.texts("types")?;
    let kind = call.params.text("type")?;
    if kind.is_some() && !types.is_empty() {
        return Err(ApiError::invalid("You may not specify both `type` and `types`.").param("types"));
    }
    let wanted_success = call.params.flag("delivery_success")?;
    let matches = |event: &Value| {
        let this = text(event, "type").unwrap_or_default();
        let id = text(event, "id").unwrap_or_default();
        let of_type = match &kind {
            Some(kind) => matches_type(kind, this),
            None => types.is_empty() || types.iter().any(|wanted| matches_type(wanted, this)),
        };
        of_type && wanted_success.is_none_or(|wanted| wanted == all_delivered(world, id))
    };
    let mut page = listing::page(world, call, "evt", matches)?;
    if let Some(events) = page["data"].as_array_mut() {
        for event in events {
            *event = with_pending(world, event);
        }
    }
    Ok(page)
}

/// `charge.*` stands for all types below `charge`.
pub(crate) fn matches_type(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => kind.starts_with(beginning),
        None => pattern == kind,
    }
}

fn all_delivered(world: &World, id: &str) -> bool {
    use crate::delivery::DeliveryState::Delivered;
    world.deliveries.of(id).iter().all(|record| record.state == Delivered)
}

fn with_pending(world: &World, event: &Value) -> Value {
    use crate::delivery::DeliveryState::Pending;
    let records = world.deliveries.of(text(event, "id").unwrap_or_default());
    let mut shown = visible(event);
    shown["pending_webhooks"] = records.iter().filter(|record| record.state == Pending).count().into();
    shown
}
