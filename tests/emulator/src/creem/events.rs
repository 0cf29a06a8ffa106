//! Events: recorded with a snapshot of their object, and sent to the webhook if one is configured.

use std::sync::Arc;

use serde_json::{Value, json};

use super::moments::milliseconds;
use super::new_id;
use crate::delivery::{Endpoint, Scheme};
use crate::stripe::store::{owned, text};
use crate::world::{Provider, World};

/// Records that `kind` happened to `object` and sends it.
pub(super) fn emit(world: &mut World, kind: &str, object: Value) {
    let event = build(world, kind, object);
    if world.faults.duplicates_event() {
        let mut twin = event.clone();
        twin["id"] = new_id("evt").into();
        record_and_send(world, twin);
    }
    record_and_send(world, event);
}

/// Records and sends an event that somebody made up: any type, any object. Returns its id.
pub(crate) fn emit_arbitrary(world: &mut World, wanted: &Value) -> Result<String, String> {
    let kind = text(wanted, "type").ok_or("type is required")?.to_owned();
    let object = wanted.get("object").filter(|object| object.is_object());
    let mut event =
        build(world, &kind, object.ok_or("object is required and must be a JSON object")?.clone());
    for field in ["id", "created_at"] {
        if let Some(value) = wanted.get(field) {
            event[field] = value.clone();
        }
    }
    let id = owned(&event, "id");
    if world.creem.store.get("evt", &id).is_some() {
        return Err("an event with this id exists; resend it instead".to_owned());
    }
    record_and_send(world, event);
    Ok(id)
}

fn build(world: &World, kind: &str, object: Value) -> Value {
    json!({
        "id": new_id("evt"), "eventType": kind, "created_at": milliseconds(world.clock.now()), "object": object,
    })
}

fn record_and_send(world: &mut World, event: Value) {
    let id = owned(&event, "id");
    let body: Arc<str> = event.to_string().into();
    let World { deliveries, faults, creem, .. } = world;
    if let Some((url, secret)) = &creem.webhook {
        deliveries.send(faults, &id, endpoint(url, secret), body);
    }
    world.happened.push((Provider::Creem, id));
    world.creem.store.insert("evt", event);
}

fn endpoint<'a>(url: &'a str, secret: &'a str) -> Endpoint<'a> {
    Endpoint { id: "creem", url, secret, signing_secret: None, scheme: Scheme::Creem }
}

/// Sends a recorded event once more. Returns to how many endpoints, or `None` if there is no such event.
pub(crate) fn resend(world: &mut World, id: &str) -> Option<usize> {
    let body: Arc<str> = world.creem.store.get("evt", id)?.to_string().into();
    let World { deliveries, creem, .. } = world;
    let Some((url, secret)) = &creem.webhook else { return Some(0) };
    deliveries.resend(id, endpoint(url, secret), body);
    Some(1)
}
