//! Refunds: immediate, pending, and those that fail after all.

use serde_json::{Value, json};

use super::cards::Aftermath;
use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::listing::{agrees, page};
use super::parameters::Params;
use super::store::{flag, integer, new_id, owned, text, visible};
use super::timers::Timer;
use super::{Call, charges, fraud_warnings, money, payment_methods};
use crate::world::World;

/// Seconds until a pending refund is settled.
const SETTLES_AFTER: i64 = 5;

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("POST", []) => create(world, &call.params),
        ("GET", []) => {
            call.params.only("charge created ending_before limit payment_intent starting_after")?;
            let charge = call.params.text("charge")?;
            let intent = call.params.text("payment_intent")?;
            page(world, call, "re", |refund| {
                agrees(charge.as_ref(), refund, "charge") && agrees(intent.as_ref(), refund, "payment_intent")
            })
        }
        ("GET", [id]) => Ok(visible(world.stripe.store.find("re", id)?)),
        ("POST", [id]) => {
            call.params.only("metadata")?;
            let before = world.stripe.store.find("re", id)?.clone();
            let metadata = call.params.metadata(Some(&before["metadata"]))?;
            world.stripe.store.change("re", id, [("metadata", metadata)]);
            let refund = world.stripe.store.copy("re", id);
            let previous = json!({ "metadata": before["metadata"] });
            emit_change(world, "refund.updated", &refund, Some(previous));
            Ok(visible(&refund))
        }
        ("POST", [id, "cancel"]) => {
            let refund = world.stripe.store.find("re", id)?;
            let status = text(refund, "status").unwrap_or_default();
            let message = format!("Refunds with status {status} cannot be canceled.");
            Err(ApiError::invalid(message).code("refund_not_cancelable"))
        }
        _ => Err(call.unknown()),
    }
}

/// The charge that the parameters name, by itself or by its payment intent.
fn charge_of(world: &World, params: &Params) -> Answer<Value> {
    if let Some(id) = params.text("charge")? {
        return world.stripe.store.named_by("charge", "ch", &id).cloned();
    }
    let Some(id) = params.text("payment_intent")? else {
        let message = "One of the following params should be provided for this request: payment_intent or \
                       charge.";
        return Err(ApiError::invalid(message).code("parameter_missing"));
    };
    let intent = world.stripe.store.named_by("payment_intent", "pi", &id)?;
    if text(intent, "status") != Some("succeeded") {
        let message = format!("This PaymentIntent ({id}) does not have a successful charge to refund.");
        return Err(ApiError::invalid(message)
            .code("payment_intent_unexpected_state")
            .param("payment_intent"));
    }
    Ok(world.stripe.store.copy("ch", text(intent, "latest_charge").unwrap_or_default()))
}

fn create(world: &mut World, params: &Params) -> Answer {
    params.only(
        "amount charge currency customer instructions_email metadata origin payment_intent reason \
         refund_application_fee reverse_transfer",
    )?;
    let charge = charge_of(world, params)?;
    let id = owned(&charge, "id");
    let currency = owned(&charge, "currency");
    let left = integer(&charge, "amount_captured") - integer(&charge, "amount_refunded");
    if text(&charge, "status") != Some("succeeded") || !flag(&charge, "captured") {
        return Err(ApiError::invalid(format!("Charge {id} is not captured, so it cannot be refunded.")));
    }
    if flag(&charge, "disputed") && !flag(&charge, "_refundable") {
        let message = format!("Charge {id} has been charged back; cannot issue a refund.");
        return Err(ApiError::invalid(message).code("charge_disputed"));
    }
    if left <= 0 {
        let message = format!("Charge {id} has already been refunded.");
        return Err(ApiError::invalid(message).code("charge_already_refunded"));
    }
    let amount = params.integer("amount")?.unwrap_or(left);
    if amount < 1 {
        let message = "This value must be greater than or equal to 1.";
        return Err(ApiError::invalid(message).code("parameter_invalid_integer").param("amount"));
    }
    if amount > left {
        let message = format!(
            "Refund amount ({}) is greater than unrefunded amount on charge ({})",
            money::written(amount, &currency),
            money::written(left, &currency)
        );
        return Err(ApiError::invalid(message).param("amount"));
    }
    let reason = params.choice("reason", &["duplicate", "fraudulent", "requested_by_customer"])?;
    let metadata = params.metadata(None)?;
    Ok(open(world, &charge, amount, reason.as_deref(), metadata))
}

fn open(world: &mut World, charge: &Value, amount: i64, reason: Option<&str>, metadata: Value) -> Value {
    let refund_id = new_id("re");
    let charge_id = owned(charge, "id");
    let currency = owned(charge, "currency");
    let method = world.stripe.store.copy("pm", text(charge, "payment_method").unwrap_or_default());
    let aftermath = payment_methods::card_of(&method).aftermath;
    let pending = aftermath == Aftermath::RefundPending;
    let transaction = charges::balance_transaction(world, &refund_id, "refund", -amount, 0, &currency);
    let refund = json!({
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": transaction,
        "charge": charge_id,
        "created": world.clock.now(),
        "currency": currency,
        "destination_details": { "type": "card", "card": {
            "reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund",
        } },
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "pending_reason": if pending { json!("processing") } else { Value::Null },
        "reason": reason,
        "receipt_number": null,
        "source_transfer_reversal": null,
        "status": if pending { "pending" } else { "succeeded" },
        "transfer_reversal": null,
    });
    world.stripe.store.insert("re", refund.clone());
    change_refunded(world, &charge_id, amount);
    let charge = world.stripe.store.copy("ch", &charge_id);
    emit(world, "refund.created", &refund);
    let previous = json!({ "amount_refunded": integer(&charge, "amount_refunded") - amount });
    emit_change(world, "charge.refunded", &charge, Some(previous));
    if flag(&charge, "refunded") {
        fraud_warnings::settle(world, &charge_id);
    }
    if matches!(aftermath, Aftermath::RefundPending | Aftermath::RefundFails) {
        world.stripe.timers.after(&world.clock, SETTLES_AFTER, Timer::RefundSettles(refund_id.clone()));
    } else {
        // The bank's reference follows at once, so one refund makes two events about it.
        world.stripe.store.change(
            "re",
            &refund_id,
            [(
                "destination_details",
                json!({ "type": "card", "card": {
                    "reference": "123456789012", "reference_status": "available",
                    "reference_type": "acquirer_reference_number", "type": "refund",
                } }),
            )],
        );
        let updated = world.stripe.store.copy("re", &refund_id);
        let previous = json!({ "destination_details": refund["destination_details"] });
        emit_change(world, "refund.updated", &updated, Some(previous));
    }
    visible(&world.stripe.store.copy("re", &refund_id))
}

fn change_refunded(world: &mut World, charge_id: &str, by: i64) {
    let charge = world.stripe.store.copy("ch", charge_id);
    let refunded = integer(&charge, "amount_refunded") + by;
    let whole = refunded >= integer(&charge, "amount_captured");
    let fields = [("amount_refunded", refunded.into()), ("refunded", whole.into())];
    world.stripe.store.change("ch", charge_id, fields);
}

/// Settles a refund by the test card it goes to, when its time has come.
pub(crate) fn settle_by_card(world: &mut World, id: &str) {
    let refund = world.stripe.store.copy("re", id);
    let method = world.stripe.store.copy("pm", text(&refund, "payment_method").unwrap_or_default());
    settle(world, id, payment_methods::card_of(&method).aftermath != Aftermath::RefundFails);
}

/// Ends a refund: a pending one succeeds, or one that is not over yet fails and the money comes back.
/// Returns whether there was anything to settle.
pub(crate) fn settle(world: &mut World, id: &str, succeeded: bool) -> bool {
    let before = world.stripe.store.copy("re", id);
    let status = owned(&before, "status");
    let previous = Some(json!({ "status": status }));
    match (status.as_str(), succeeded) {
        ("pending", true) => {
            let fields = [("status", "succeeded".into()), ("pending_reason", Value::Null)];
            world.stripe.store.change("re", id, fields);
            let refund = world.stripe.store.copy("re", id);
            emit_change(world, "refund.updated", &refund, previous);
            true
        }
        ("pending" | "succeeded", false) => {
            let amount = integer(&before, "amount");
            let currency = owned(&before, "currency");
            let transaction = charges::balance_transaction(world, id, "refund_failure", amount, 0, &currency);
            world.stripe.store.change(
                "re",
                id,
                [
                    ("status", "failed".into()),
                    ("pending_reason", Value::Null),
                    ("failure_reason", "expired_or_canceled_card".into()),
                    ("failure_balance_transaction", transaction.into()),
                ],
            );
            change_refunded(world, text(&before, "charge").unwrap_or_default(), -amount);
            let refund = world.stripe.store.copy("re", id);
            emit_change(world, "refund.updated", &refund, previous);
            emit(world, "refund.failed", &refund);
            true
        }
        _ => false,
    }
}
