//! Checkout Sessions: retrieved, listed, expired; creating and paying them have files of their own.

pub(crate) mod choices;
mod complete;
pub(crate) mod create;
pub(crate) mod lines;
pub(crate) mod pay;

pub(crate) use self::complete::payment_decided;
use serde_json::Value;

use super::Call;
use super::errors::{Answer, ApiError};
use super::events::emit;
use super::listing::{agrees, cut, page};
use super::payment_intents;
use super::store::{integer, text, visible};
use crate::world::World;

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    if call.segments.get(1) != Some(&"sessions") {
        return Err(call.unknown());
    }
    match (call.method, &call.segments[2..]) {
        ("POST", []) => create::create(world, &call.params),
        ("GET", []) => list(world, call),
        ("GET", [id]) => Ok(visible(world.stripe.store.find("cs", id)?)),
        ("POST", [id]) => {
            call.params.only("collected_information line_items metadata shipping_options")?;
            let session = world.stripe.store.find("cs", id)?;
            let metadata = call.params.metadata(Some(&session["metadata"]))?;
            world.stripe.store.change("cs", id, [("metadata", metadata)]);
            Ok(visible(world.stripe.store.find("cs", id)?))
        }
        ("POST", [id, "expire"]) => {
            call.params.only("")?;
            expire(world, id)
        }
        ("GET", [id, "line_items"]) => {
            call.params.only("ending_before limit starting_after")?;
            let session = world.stripe.store.find("cs", id)?;
            let lines = session["_lines"].as_array().map(Vec::as_slice).unwrap_or_default();
            cut(lines.iter(), &call.params, &call.path())
        }
        _ => Err(call.unknown()),
    }
}

fn list(world: &World, call: &Call<'_>) -> Answer {
    call.params.only(
        "created customer customer_account customer_details ending_before limit payment_intent payment_link \
         starting_after status subscription",
    )?;
    let mut filters = Vec::new();
    for field in ["customer", "payment_intent", "payment_link", "status", "subscription"] {
        filters.push((field, call.params.text(field)?));
    }
    let email = match call.params.nested("customer_details")? {
        Some(details) => details.text("email")?,
        None => None,
    };
    page(world, call, "cs", |session| {
        filters.iter().all(|(field, wanted)| agrees(wanted.as_ref(), session, field))
            && agrees(email.as_ref(), &session["customer_details"], "email")
    })
}

/// Expires an open session, as the API and the control do.
pub(crate) fn expire(world: &mut World, id: &str) -> Answer {
    let session = world.stripe.store.find("cs", id)?;
    if text(session, "status") != Some("open") {
        let status = text(session, "status").unwrap_or_default();
        let message = format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a \
             status of {status}."
        );
        return Err(ApiError::invalid(message));
    }
    end_unpaid(world, id);
    Ok(visible(world.stripe.store.find("cs", id)?))
}

/// Expires a session by the clock, unless it is over already.
pub(crate) fn expire_when_due(world: &mut World, id: &str) {
    let session = world.stripe.store.copy("cs", id);
    if text(&session, "status") == Some("open") && integer(&session, "expires_at") <= world.clock.now() {
        end_unpaid(world, id);
    }
}

fn end_unpaid(world: &mut World, id: &str) {
    world.stripe.store.change("cs", id, [("status", "expired".into()), ("url", Value::Null)]);
    let session = world.stripe.store.copy("cs", id);
    if let Some(intent) = text(&session, "_intent") {
        // A payment that is being decided cannot be cancelled, and its session would not be open.
        payment_intents::cancel(world, intent, Some("abandoned")).ok();
    }
    emit(world, "checkout.session.expired", &session);
}
