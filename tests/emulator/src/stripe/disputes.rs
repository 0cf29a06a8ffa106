//! Disputes and inquiries: opened by a test card or a control, answered over the API, closed.

use serde_json::{Map, Value, json};

use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::listing::{agrees, page};
use super::store::{integer, new_id, owned, text, visible};
use super::timers::Timer;
use super::{Call, charges, fraud_warnings};
use crate::world::World;

/// What Stripe takes for a dispute, in minor units.
const DISPUTE_FEE: i64 = 1500;
/// Seconds after which an inquiry that was not escalated is closed:
/// <https://docs.stripe.com/disputes/how-disputes-work#inquiries>.
const INQUIRY_ENDS: i64 = 120 * 86_400;
const EVIDENCE: &str = "\
    access_activity_log billing_address cancellation_policy cancellation_policy_disclosure \
    cancellation_rebuttal customer_communication customer_email_address customer_name \
    customer_purchase_ip customer_signature duplicate_charge_documentation \
    duplicate_charge_explanation duplicate_charge_id product_description receipt refund_policy \
    refund_policy_disclosure refund_refusal_explanation service_date service_documentation \
    shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number \
    uncategorized_file uncategorized_text";

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("GET", []) => {
            call.params.only("charge created ending_before limit payment_intent starting_after")?;
            let charge = call.params.text("charge")?;
            let intent = call.params.text("payment_intent")?;
            page(world, call, "dp", |dispute| {
                agrees(charge.as_ref(), dispute, "charge")
                    && agrees(intent.as_ref(), dispute, "payment_intent")
            })
        }
        ("GET", [id]) => Ok(visible(world.stripe.store.find("dp", id)?)),
        ("POST", [id]) => answer(world, call, id),
        ("POST", [id, "close"]) => {
            world.stripe.store.find("dp", id)?;
            close(world, id, Verdict::Lost)?;
            Ok(visible(world.stripe.store.find("dp", id)?))
        }
        _ => Err(call.unknown()),
    }
}

/// How a dispute ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Won,
    Lost,
    /// Lost, but a part of the amount comes back: <https://docs.stripe.com/disputes/responding>.
    PartlyReturned(i64),
}

/// Opens a dispute about a charge, or an inquiry, which moves no money. `None` disputes what was not refunded.
pub(crate) fn open(
    world: &mut World,
    charge_id: &str,
    reason: &str,
    inquiry: bool,
    amount: Option<i64>,
) -> Value {
    let charge = world.stripe.store.copy("ch", charge_id);
    let id = new_id("dp");
    let left = integer(&charge, "amount") - integer(&charge, "amount_refunded");
    let amount = amount.unwrap_or(if left > 0 { left } else { integer(&charge, "amount") });
    let dispute = build(world, &id, &charge, (amount, reason, inquiry));
    world.stripe.store.insert("dp", dispute.clone());
    let fields = [("disputed", true.into()), ("_refundable", inquiry.into())];
    world.stripe.store.change("ch", charge_id, fields);
    emit(world, "charge.dispute.created", &dispute);
    if inquiry {
        world.stripe.timers.after(&world.clock, INQUIRY_ENDS, Timer::InquiryEnds(id.clone()));
    } else {
        withdraw(world, &id);
    }
    visible(&world.stripe.store.copy("dp", &id))
}

/// The bank takes the disputed amount, and Stripe its fee.
fn withdraw(world: &mut World, id: &str) {
    let dispute = world.stripe.store.copy("dp", id);
    let currency = owned(&dispute, "currency");
    let moved = movement(world, id, -integer(&dispute, "amount"), DISPUTE_FEE, &currency);
    world.stripe.store.change("dp", id, [("balance_transactions", json!([moved]))]);
    let dispute = world.stripe.store.copy("dp", id);
    emit(world, "charge.dispute.funds_withdrawn", &dispute);
    fraud_warnings::settle(world, text(&dispute, "charge").unwrap_or_default());
}

/// An inquiry becomes a dispute: now the money is taken.
pub(crate) fn escalate(world: &mut World, id: &str) -> Answer<()> {
    let before = world.stripe.store.find("dp", id)?.clone();
    if !is_open(&before) || !warning(&before) {
        return Err(ApiError::invalid("Only an open inquiry can be escalated."));
    }
    if let Some(dispute) = world.stripe.store.get_mut("dp", id) {
        dispute["status"] = "needs_response".into();
        dispute["is_charge_refundable"] = false.into();
        dispute["payment_method_details"]["card"]["case_type"] = "chargeback".into();
    }
    let charge = text(&before, "charge").unwrap_or_default();
    world.stripe.store.change("ch", charge, [("_refundable", false.into())]);
    let dispute = world.stripe.store.copy("dp", id);
    let previous = super::changed_fields(&before, &dispute);
    emit_change(world, "charge.dispute.updated", &dispute, Some(previous));
    withdraw(world, id);
    Ok(())
}

/// Nobody escalated an inquiry for 120 days.
pub(crate) fn end_inquiry(world: &mut World, id: &str) {
    let dispute = world.stripe.store.copy("dp", id);
    if warning(&dispute) {
        // One that is closed already stays so.
        close(world, id, Verdict::Lost).ok();
    }
}

fn warning(dispute: &Value) -> bool {
    text(dispute, "status").is_some_and(|status| status.starts_with("warning"))
}

fn movement(world: &mut World, id: &str, amount: i64, fee: i64, currency: &str) -> Value {
    let transaction = charges::balance_transaction(world, id, "adjustment", amount, fee, currency);
    world.stripe.store.copy("txn", &transaction)
}

fn build(world: &World, id: &str, charge: &Value, (amount, reason, inquiry): (i64, &str, bool)) -> Value {
    let now = world.clock.now();
    let mut evidence: Map<String, Value> =
        EVIDENCE.split_whitespace().map(|field| (field.to_owned(), Value::Null)).collect();
    evidence.insert("enhanced_evidence".into(), json!({}));
    evidence.insert("customer_email_address".into(), charge["billing_details"]["email"].clone());
    let brand = &charge["payment_method_details"]["card"]["brand"];
    json!({
        "id": id,
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": evidence,
        "evidence_details": {
            "due_by": now + 9 * 86_400, "enhanced_eligibility": {}, "has_evidence": false,
            "past_due": false, "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "livemode": false,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": { "type": "card", "card": {
            "brand": brand, "case_type": if inquiry { "inquiry" } else { "chargeback" }, "network": brand,
            "network_reason_code": "10.4",
        } },
        "reason": reason,
        "status": if inquiry { "warning_needs_response" } else { "needs_response" },
    })
}

/// Evidence is submitted; Stripe's magic texts decide a test dispute at once.
fn answer(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    call.params.only("evidence metadata submit")?;
    let before = world.stripe.store.find("dp", id)?.clone();
    let submits = call.params.flag("submit")?.unwrap_or(true);
    let mut dispute = before.clone();
    dispute["metadata"] = call.params.metadata(Some(&before["metadata"]))?;
    let evidence = call.params.nested("evidence")?;
    if let Some(evidence) = &evidence {
        evidence.only(&format!("{EVIDENCE} enhanced_evidence"))?;
        for field in EVIDENCE.split_whitespace() {
            if let Some(value) = evidence.unsettable(field)? {
                dispute["evidence"][field] = value;
            }
        }
        dispute["evidence_details"]["has_evidence"] = true.into();
    }
    let submitted = evidence.is_some() && submits && is_open(&before);
    if submitted {
        let count = integer(&before["evidence_details"], "submission_count") + 1;
        dispute["evidence_details"]["submission_count"] = count.into();
        dispute["status"] = if warning(&before) { "warning_under_review" } else { "under_review" }.into();
    }
    if let Some(stored) = world.stripe.store.get_mut("dp", id) {
        stored.clone_from(&dispute);
    }
    let previous = super::changed_fields(&before, &dispute);
    emit_change(world, "charge.dispute.updated", &dispute, Some(previous));
    if submitted {
        match text(&dispute["evidence"], "uncategorized_text") {
            Some("winning_evidence") => close(world, id, Verdict::Won)?,
            Some("losing_evidence") => close(world, id, Verdict::Lost)?,
            Some("escalate_inquiry_evidence") if warning(&dispute) => escalate(world, id)?,
            _ => {}
        }
    }
    Ok(visible(world.stripe.store.find("dp", id)?))
}

fn is_open(dispute: &Value) -> bool {
    text(dispute, "status").is_some_and(|status| {
        matches!(
            status,
            "needs_response" | "under_review" | "warning_needs_response" | "warning_under_review"
        )
    })
}

/// Closes a dispute; what it gives back comes with an event of its own. Closing an inquiry moves nothing.
pub(crate) fn close(world: &mut World, id: &str, verdict: Verdict) -> Answer<()> {
    let before = world.stripe.store.find("dp", id)?.clone();
    if !is_open(&before) {
        return Err(ApiError::invalid("This dispute is already closed.").code("dispute_already_closed"));
    }
    let amount = integer(&before, "amount");
    let (status, returned) = match verdict {
        _ if warning(&before) => ("warning_closed", 0),
        Verdict::Won => ("won", amount),
        Verdict::Lost => ("lost", 0),
        Verdict::PartlyReturned(part) if (1..amount).contains(&part) => ("lost", part),
        Verdict::PartlyReturned(_) => {
            let message = format!("What is returned must be at least 1 and less than {amount}.");
            return Err(ApiError::invalid(message).param("returned"));
        }
    };
    world.stripe.store.change("dp", id, [("status", status.into())]);
    if returned > 0 {
        // The fee comes back only with everything.
        let fee = if returned == amount { -DISPUTE_FEE } else { 0 };
        reinstate(world, &before, returned, fee);
    }
    let dispute = world.stripe.store.copy("dp", id);
    let previous = json!({ "status": before["status"] });
    emit_change(world, "charge.dispute.closed", &dispute, Some(previous));
    Ok(())
}

fn reinstate(world: &mut World, dispute: &Value, amount: i64, fee: i64) {
    let id = text(dispute, "id").unwrap_or_default();
    let back = movement(world, id, amount, fee, &owned(dispute, "currency"));
    if let Some(movements) =
        world.stripe.store.get_mut("dp", id).and_then(|stored| stored["balance_transactions"].as_array_mut())
    {
        movements.push(back);
    }
    if amount == integer(dispute, "amount") {
        let charge = text(dispute, "charge").unwrap_or_default();
        world.stripe.store.change("ch", charge, [("_refundable", true.into())]);
    }
    let dispute = world.stripe.store.copy("dp", id);
    emit(world, "charge.dispute.funds_reinstated", &dispute);
}
