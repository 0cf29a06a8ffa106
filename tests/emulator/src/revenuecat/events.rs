//! Events: recorded, and sent to the webhook if one is configured.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Webhook;
use crate::delivery::{Endpoint, Scheme};
use crate::stripe::store::{owned, random_text};
use crate::world::{Provider, World};

/// Records and sends an event of these fields, and returns it; an id and a time are added where there are none.
pub(super) fn emit(world: &mut World, kind: &str, mut event: Value) -> Value {
    if event["id"].is_null() {
        event["id"] = uuid().into();
    }
    if event["event_timestamp_ms"].is_null() {
        event["event_timestamp_ms"] = world.clock.now().saturating_mul(1000).into();
    }
    event["type"] = kind.into();
    if world.faults.duplicates_event() {
        let mut twin = event.clone();
        twin["id"] = uuid().into();
        record_and_send(world, &twin);
    }
    record_and_send(world, &event);
    event
}

/// Digits in the groups of a UUID of version 4.
fn uuid() -> String {
    let digits = hex::encode(random_text(16));
    let groups = [&digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..32]];
    format!("{}-{}-4{}-a{}-{}", groups[0], groups[1], groups[2], groups[3], groups[4])
}

fn record_and_send(world: &mut World, event: &Value) {
    let id = owned(event, "id");
    let envelope = json!({ "api_version": "1.0", "event": event });
    let body: Arc<str> = envelope.to_string().into();
    let World { deliveries, faults, revenuecat, .. } = world;
    if let Some(webhook) = &revenuecat.webhook {
        deliveries.send(faults, &id, endpoint(webhook), body);
    }
    world.happened.push((Provider::RevenueCat, id.clone()));
    let mut stored = envelope;
    stored["id"] = id.into();
    stored["type"] = event["type"].clone();
    // In seconds, as the events of the others are listed.
    stored["created"] = event["event_timestamp_ms"].as_i64().map(|milliseconds| milliseconds / 1000).into();
    world.revenuecat.store.insert("evt", stored);
}

fn endpoint(webhook: &Webhook) -> Endpoint<'_> {
    Endpoint {
        id: "revenuecat",
        url: &webhook.url,
        secret: &webhook.authorization,
        signing_secret: webhook.signing_secret.as_deref(),
        scheme: Scheme::RevenueCat,
    }
}

/// Sends a recorded event once more. Returns to how many endpoints, or `None` if there is no such event.
pub(crate) fn resend(world: &mut World, id: &str) -> Option<usize> {
    let stored = world.revenuecat.store.get("evt", id)?;
    let body: Arc<str> = json!({ "api_version": "1.0", "event": stored["event"] }).to_string().into();
    let World { deliveries, revenuecat, .. } = world;
    let Some(webhook) = &revenuecat.webhook else { return Some(0) };
    deliveries.resend(id, endpoint(webhook), body);
    Some(1)
}
