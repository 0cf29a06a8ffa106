//! Disputes and inquiries: opened by a test card or a control, answered over the API, closed.

use serde_json::{Map, Value, json};

use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::listing::{agrees, page};
use super::store::{integer, new_id, owned, text, visible};
use super::{Call, charges};
use crate::world::World;

/// What Stripe takes for a dispute, in minor units.
const DISPUTE_FEE: i64 = 1500;
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
            close(world, id, false)?;
            Ok(visible(world.stripe.store.find("dp", id)?))
        }
        _ => Err(call.unknown()),
    }
}

/// Opens a dispute about a charge, or an inquiry, which moves no money. `None` disputes the whole amount.
pub(crate) fn open(
    world: &mut World,
    charge_id: &str,
    reason: &str,
    inquiry: bool,
    amount: Option<i64>,
) -> Value {
    let charge = world.stripe.store.copy("ch", charge_id);
    let id = new_id("dp");
    let amount = amount.unwrap_or_else(|| integer(&charge, "amount"));
    let dispute = build(world, &id, &charge, (amount, reason, inquiry));
    world.stripe.store.insert("dp", dispute.clone());
    let fields = [("disputed", true.into()), ("_refundable", inquiry.into())];
    world.stripe.store.change("ch", charge_id, fields);
    emit(world, "charge.dispute.created", &dispute);
    if !inquiry {
        let moved = movement(world, &id, -amount, DISPUTE_FEE, &owned(&charge, "currency"));
        world.stripe.store.change("dp", &id, [("balance_transactions", json!([moved]))]);
        let dispute = world.stripe.store.copy("dp", &id);
        emit(world, "charge.dispute.funds_withdrawn", &dispute);
    }
    visible(&world.stripe.store.copy("dp", &id))
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
        let warning = text(&before, "status").is_some_and(|status| status.starts_with("warning"));
        dispute["status"] = if warning { "warning_under_review" } else { "under_review" }.into();
    }
    if let Some(stored) = world.stripe.store.get_mut("dp", id) {
        stored.clone_from(&dispute);
    }
    let previous = super::changed_fields(&before, &dispute);
    emit_change(world, "charge.dispute.updated", &dispute, Some(previous));
    if submitted {
        match text(&dispute["evidence"], "uncategorized_text") {
            Some("winning_evidence") => close(world, id, true)?,
            Some("losing_evidence") => close(world, id, false)?,
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

/// Closes a dispute; winning it gives the money back. Closing an inquiry moves none.
pub(crate) fn close(world: &mut World, id: &str, won: bool) -> Answer<()> {
    let before = world.stripe.store.find("dp", id)?.clone();
    if !is_open(&before) {
        return Err(ApiError::invalid("This dispute is already closed.").code("dispute_already_closed"));
    }
    let inquiry = text(&before, "status").is_some_and(|status| status.starts_with("warning"));
    let status = match (inquiry, won) {
        (true, _) => "warning_closed",
        (false, true) => "won",
        (false, false) => "lost",
    };
    world.stripe.store.change("dp", id, [("status", status.into())]);
    if won && !inquiry {
        let amount = integer(&before, "amount");
        let back = movement(world, id, amount, -DISPUTE_FEE, &owned(&before, "currency"));
        let mut movements = before["balance_transactions"].clone();
        if let Some(movements) = movements.as_array_mut() {
            movements.push(back);
        }
        world.stripe.store.change("dp", id, [("balance_transactions", movements)]);
        world.stripe.store.change(
            "ch",
            text(&before, "charge").unwrap_or_default(),
            [("_refundable", true.into())],
        );
        let dispute = world.stripe.store.copy("dp", id);
        emit(world, "charge.dispute.funds_reinstated", &dispute);
    }
    let dispute = world.stripe.store.copy("dp", id);
    let previous = json!({ "status": before["status"] });
    emit_change(world, "charge.dispute.closed", &dispute, Some(previous));
    Ok(())
}
