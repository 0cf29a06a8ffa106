//! Disputes: a buyer's bank takes a payment back. Creem tells when one begins and never how it ends.

use serde_json::json;

use super::errors::{Answer, ApiError};
use super::events::emit;
use super::moments::milliseconds;
use super::refunds::extend;
use super::{new_id, render, transactions};
use crate::stripe::store::{integer, text};
use crate::world::World;

/// Disputes `amount` of a payment, or all that is left of it.
pub(super) fn open(world: &mut World, id: &str, amount: Option<i64>) -> Answer {
    let transaction = world.creem.find("tran", "Transaction", id)?;
    if !matches!(text(transaction, "status"), Some("paid" | "partialRefund")) {
        return Err(ApiError::bad_request("Only a paid transaction can be disputed"));
    }
    let left = integer(transaction, "amount_paid") - integer(transaction, "refunded_amount");
    let amount = amount.unwrap_or(left);
    if amount < 1 || amount > left {
        return Err(ApiError::bad_request(format!("amount must be between 1 and {left}")));
    }
    transactions::take_back(world, id, amount, "chargedBack");
    world.creem.store.change("tran", id, [("status", "chargedBack".into())]);
    let transaction = world.creem.store.copy("tran", id);
    let mut dispute = json!({
        "id": new_id("disp"),
        "mode": "test",
        "object": "dispute",
        "amount": amount,
        "currency": transaction["currency"],
        "created_at": milliseconds(world.clock.now()),
    });
    extend(&mut dispute, render::about_payment(world, &transaction));
    emit(world, "dispute.created", dispute.clone());
    Ok(dispute)
}
