//! Refunds. The API gives back all that is left of a payment; a part of it only the merchant can, by hand.

use serde_json::{Value, json};

use super::body::Fields;
use super::errors::{Answer, ApiError};
use super::events::emit;
use super::moments::milliseconds;
use super::timers::Timer;
use super::{new_id, render, transactions};
use crate::stripe::cards::{self, Aftermath};
use crate::stripe::store::{integer, owned, text, visible};
use crate::world::World;

/// How long a slow refund takes, in seconds of the emulated clock.
const SETTLES_AFTER: i64 = 5;

/// `POST /v1/refunds`: everything that was not given back before.
pub(super) fn create(world: &mut World, body: &Fields) -> Answer {
    body.only("transaction_id")?;
    let refund = refund(world, &body.required_text("transaction_id")?, None)?;
    Ok(json!({ "status": refund["status"] }))
}

/// Refunds `amount` of a payment, or all that is left of it.
pub(super) fn refund(world: &mut World, id: &str, amount: Option<i64>) -> Answer {
    let transaction = world.creem.find("tran", "Transaction", id)?.clone();
    if !matches!(text(&transaction, "status"), Some("paid" | "partialRefund")) {
        let status = text(&transaction, "status").unwrap_or_default();
        return Err(ApiError::bad_request(format!("A transaction that is {status} cannot be refunded")));
    }
    let left = integer(&transaction, "amount_paid") - integer(&transaction, "refunded_amount");
    let amount = amount.unwrap_or(left);
    if amount < 1 || amount > left {
        return Err(ApiError::bad_request(format!("amount must be between 1 and {left}")));
    }
    let card = cards::by_number(&transactions::card_of(world, &transaction)).ok();
    let status = match card.map(|card| card.aftermath) {
        Some(Aftermath::RefundPending) => "pending",
        Some(Aftermath::RefundFails) => "failed",
        _ => "succeeded",
    };
    let transaction = match status {
        "succeeded" => transactions::take_back(world, id, amount, "refunded"),
        _ => transaction,
    };
    let mut refund = json!({
        "id": new_id("ref"),
        "mode": "test",
        "object": "refund",
        "status": status,
        "refund_amount": amount,
        "refund_currency": transaction["currency"],
        "reason": "requested_by_customer",
        "created_at": milliseconds(world.clock.now()),
        "_transaction": id,
    });
    world.creem.store.insert("ref", refund.clone());
    if status == "pending" {
        let settles = Timer::RefundSettles(owned(&refund, "id"));
        world.creem.timers.after(&world.clock, SETTLES_AFTER, settles);
    }
    extend(&mut refund, render::about_payment(world, &transaction));
    emit(world, "refund.created", visible(&refund));
    Ok(visible(&refund))
}

/// Adds the fields of one object to another.
pub(super) fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

/// A slow refund succeeds. There is no event about it: the transaction tells.
pub(super) fn settle(world: &mut World, id: &str) {
    let refund = world.creem.store.copy("ref", id);
    if text(&refund, "status") == Some("pending") {
        let amount = integer(&refund, "refund_amount");
        transactions::take_back(world, &owned(&refund, "_transaction"), amount, "refunded");
        world.creem.store.change("ref", id, [("status", "succeeded".into())]);
    }
}
