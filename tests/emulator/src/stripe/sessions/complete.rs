//! A session is complete: what was bought is recorded and told about.

use super::pay::{Paid, customer_of, trial_days};
use crate::stripe::errors::Answer;
use crate::stripe::events::emit;
use crate::stripe::payment_intents::confirm::Outcome;
use crate::stripe::store::{flag, owned, text};
use crate::stripe::subscriptions::{self, Start};
use crate::stripe::{coupons, invoices, setup_intents};
use crate::world::World;
use serde_json::Value;

pub(super) fn after_charge(world: &mut World, id: &str, outcome: Outcome) -> Answer<Paid> {
    match outcome {
        Outcome::Declined(error) => Err(error),
        Outcome::ActionRequired => Ok(Paid::AuthenticationNeeded),
        Outcome::Succeeded => {
            complete(world, id, "paid");
            Ok(Paid::Complete)
        }
        Outcome::Authorized | Outcome::Processing => {
            complete(world, id, "unpaid");
            Ok(Paid::Complete)
        }
    }
}

pub(super) fn after_setup(world: &mut World, id: &str, outcome: setup_intents::Outcome) -> Answer<Paid> {
    match outcome {
        setup_intents::Outcome::Declined(error) => Err(error),
        setup_intents::Outcome::ActionRequired => Ok(Paid::AuthenticationNeeded),
        setup_intents::Outcome::Succeeded => {
            complete(world, id, "no_payment_required");
            Ok(Paid::Complete)
        }
    }
}

pub(super) fn complete(world: &mut World, id: &str, payment_status: &str) {
    let session = world.stripe.store.copy("cs", id);
    let customer = customer_of(&session);
    world.stripe.store.change(
        "cs",
        id,
        [
            ("status", "complete".into()),
            ("payment_status", payment_status.into()),
            ("url", Value::Null),
            ("customer", customer.as_deref().into()),
            ("customer_details", session["_buyer"].clone()),
        ],
    );
    match text(&session, "mode") {
        Some("payment") => {
            world.stripe.store.change("cs", id, [("payment_intent", session["_intent"].clone())]);
            let buyer = customer.as_deref().unwrap_or_default();
            if session["_coupon"].is_object() {
                let discount = coupons::redeem(world, &session["_coupon"], id, buyer, None);
                world.stripe.store.change("cs", id, [("_discount", discount.into())]);
            }
            if payment_status == "paid" {
                record_receipt(world, id);
            }
        }
        Some("subscription") => start_subscription(world, id, &session, customer),
        _ => {}
    }
    let session = world.stripe.store.copy("cs", id);
    emit(world, "checkout.session.completed", &session);
}

/// Records the invoice of a one-time payment, if the session asked for one.
fn record_receipt(world: &mut World, id: &str) {
    let session = world.stripe.store.copy("cs", id);
    if flag(&session, "_invoiced") {
        let discount = text(&session, "_discount").map(str::to_owned);
        let invoice = invoices::for_checkout(world, &session, text(&session, "customer"), discount);
        world.stripe.store.change("cs", id, [("invoice", invoice.into())]);
    }
}

/// The payment of a session that was completed unpaid is decided.
pub(crate) fn payment_decided(world: &mut World, id: &str, succeeded: bool) {
    let session = world.stripe.store.copy("cs", id);
    if text(&session, "status") != Some("complete") || text(&session, "payment_status") != Some("unpaid") {
        return;
    }
    if succeeded {
        world.stripe.store.change("cs", id, [("payment_status", "paid".into())]);
        if text(&session, "mode") == Some("payment") {
            record_receipt(world, id);
        }
    }
    let session = world.stripe.store.copy("cs", id);
    let event = if succeeded { "async_payment_succeeded" } else { "async_payment_failed" };
    emit(world, &format!("checkout.session.{event}"), &session);
}

fn start_subscription(world: &mut World, id: &str, session: &Value, customer: Option<String>) {
    let intent = text(session, "_intent").filter(|_| session["_trial_setup"].is_null()).map(str::to_owned);
    let paid_by = world.stripe.store.copy("pi", intent.as_deref().unwrap_or_default());
    let method = text(&paid_by, "payment_method").or_else(|| text(session, "_saved_method"));
    let data = &session["_subscription_data"];
    let started = subscriptions::start(
        world,
        Start {
            customer: customer.unwrap_or_default(),
            method: method.map(str::to_owned),
            lines: session["_lines"].as_array().cloned().unwrap_or_default(),
            metadata: data["metadata"].as_object().cloned().unwrap_or_default().into(),
            description: data["description"].clone(),
            trial_days: trial_days(session),
            paid_by: intent,
            currency: owned(session, "currency"),
            coupon: Some(session["_coupon"].clone()).filter(Value::is_object),
            session: Some(id.to_owned()),
        },
    );
    world.stripe.store.change(
        "cs",
        id,
        [("subscription", started.subscription.into()), ("invoice", started.invoice.into())],
    );
}
