//! Charges and the balance transactions they leave.

use serde_json::{Value, json};

use super::cards::{Aftermath, Decline};
use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::listing::{agrees, page, search};
use super::parameters::Params;
use super::store::{integer, new_id, owned, text, visible};
use super::timers::Timer;
use super::{Call, customers, disputes, fraud_warnings, money, payment_methods};
use crate::world::World;

/// How the bank answered a charge.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    /// The money moves now.
    Captured,
    /// The money is held until capture.
    Authorized,
    /// The bank decides later.
    Pending,
    Refused(Decline),
}

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("GET", []) => {
            call.params
                .only("created customer ending_before limit payment_intent starting_after transfer_group")?;
            let customer = call.params.text("customer")?;
            let intent = call.params.text("payment_intent")?;
            page(world, call, "ch", |charge| {
                agrees(customer.as_ref(), charge, "customer")
                    && agrees(intent.as_ref(), charge, "payment_intent")
            })
        }
        ("POST", []) => create_bare(world, &call.params),
        ("GET", ["search"]) => search(world, call, "ch"),
        ("GET", [id]) => Ok(visible(world.stripe.store.find("ch", id)?)),
        ("POST", [id]) => {
            call.params.only("customer description fraud_details metadata receipt_email shipping")?;
            let before = world.stripe.store.find("ch", id)?.clone();
            let mut charge = before.clone();
            charge["metadata"] = call.params.metadata(Some(&before["metadata"]))?;
            for field in ["description", "receipt_email"] {
                if let Some(value) = call.params.unsettable(field)? {
                    charge[field] = value;
                }
            }
            if let Some(stored) = world.stripe.store.get_mut("ch", id) {
                stored.clone_from(&charge);
            }
            let previous = super::changed_fields(&before, &charge);
            emit_change(world, "charge.updated", &charge, Some(previous));
            Ok(visible(&charge))
        }
        _ => Err(call.unknown()),
    }
}

/// A charge without a payment intent, as older integrations make them: <https://docs.stripe.com/api/charges/create>.
fn create_bare(world: &mut World, params: &Params) -> Answer {
    params.only("amount capture currency customer description metadata receipt_email source")?;
    let amount = params.required_integer("amount")?;
    let currency = money::currency(&params.required_text("currency")?)?;
    money::amount_in_bounds(amount, &currency, "amount")?;
    let customer = params.text("customer")?;
    if let Some(customer) = &customer {
        customers::existing(world, "customer", customer)?;
    }
    let source = params.required_text("source")?;
    let name = source.strip_prefix("tok_").unwrap_or_default();
    let card = super::cards::by_name(name).ok_or_else(|| ApiError::no_such("token", &source))?;
    let method = payment_methods::create(world, card, Value::Null);
    let purpose = json!({
        "id": null, "amount": amount, "currency": currency, "customer": customer,
        "description": params.unsettable("description")?, "metadata": params.metadata(None)?,
        "receipt_email": params.unsettable("receipt_email")?,
    });
    if let Some(decline) = card.decline {
        let charge = create(world, &purpose, &method, Verdict::Refused(decline));
        return Err(decline.error().with("charge", charge));
    }
    let captures = params.flag("capture")?.unwrap_or(true);
    let verdict = if captures { Verdict::Captured } else { Verdict::Authorized };
    let id = create(world, &purpose, &method, verdict);
    Ok(visible(world.stripe.store.find("ch", &id)?))
}

/// The captured charge that a control names, by itself or by its payment intent.
pub(crate) fn named(world: &World, body: &Value) -> Answer<String> {
    if let Some(id) = text(body, "charge") {
        let charge = world.stripe.store.find("ch", id)?;
        if !super::store::flag(charge, "captured") {
            return Err(ApiError::invalid("Only a captured charge can be named."));
        }
        return Ok(id.to_owned());
    }
    let id = text(body, "payment_intent").ok_or_else(|| ApiError::missing("payment_intent"))?;
    let intent = world.stripe.store.find("pi", id)?;
    if text(intent, "status") != Some("succeeded") {
        return Err(ApiError::invalid("Only a succeeded payment can be disputed or warned of."));
    }
    Ok(owned(intent, "latest_charge"))
}

/// Records the charge of a payment intent with a payment method, and what follows from it at once.
pub(crate) fn create(world: &mut World, intent: &Value, method_id: &str, verdict: Verdict) -> String {
    let method = world.stripe.store.copy("pm", method_id);
    let mut charge = build(world, intent, &method);
    let id = owned(&charge, "id");
    let event = match verdict {
        Verdict::Captured => {
            mark_captured(world, &mut charge, integer(intent, "amount"));
            "charge.succeeded"
        }
        Verdict::Authorized => {
            charge["status"] = "succeeded".into();
            charge["paid"] = true.into();
            "charge.succeeded"
        }
        Verdict::Pending => "charge.pending",
        Verdict::Refused(decline) => {
            mark_refused(&mut charge, &decline);
            "charge.failed"
        }
    };
    world.stripe.store.insert("ch", charge.clone());
    emit(world, event, &charge);
    if matches!(verdict, Verdict::Captured) {
        schedule_follow_up(world, &id);
    }
    id
}

/// Ends a pending charge.
pub(crate) fn settle(world: &mut World, id: &str, refused: Option<Decline>) {
    let mut charge = world.stripe.store.copy("ch", id);
    let event = match refused {
        None => {
            let amount = integer(&charge, "amount");
            mark_captured(world, &mut charge, amount);
            "charge.succeeded"
        }
        Some(decline) => {
            mark_refused(&mut charge, &decline);
            "charge.failed"
        }
    };
    if let Some(stored) = world.stripe.store.get_mut("ch", id) {
        stored.clone_from(&charge);
    }
    emit(world, event, &charge);
    if refused.is_none() {
        schedule_follow_up(world, id);
    }
}

/// Captures `amount` of an authorized charge.
pub(crate) fn capture(world: &mut World, id: &str, amount: i64) {
    let mut charge = world.stripe.store.copy("ch", id);
    mark_captured(world, &mut charge, amount);
    let released = integer(&charge, "amount") - amount;
    if released > 0 {
        charge["amount_refunded"] = released.into();
    }
    if let Some(stored) = world.stripe.store.get_mut("ch", id) {
        stored.clone_from(&charge);
    }
    emit(world, "charge.captured", &charge);
    schedule_follow_up(world, id);
}

fn mark_captured(world: &mut World, charge: &mut Value, amount: i64) {
    let id = owned(charge, "id");
    let currency = owned(charge, "currency");
    charge["status"] = "succeeded".into();
    charge["paid"] = true.into();
    charge["captured"] = true.into();
    charge["amount_captured"] = amount.into();
    // Stripe's list price: 2.9 % + 30.
    let fee = amount.saturating_mul(29) / 1000 + 30;
    charge["balance_transaction"] = balance_transaction(world, &id, "charge", amount, fee, &currency).into();
    charge["receipt_url"] = format!("{}/receipts/{id}", world.public_url).into();
}

fn mark_refused(charge: &mut Value, decline: &Decline) {
    charge["status"] = "failed".into();
    charge["failure_code"] = decline.code.into();
    charge["failure_message"] = decline.message.into();
    charge["outcome"] = json!({
        "advice_code": decline.advice, "network_advice_code": null, "network_decline_code": null,
        "network_status": "declined_by_network", "reason": decline.decline_code, "risk_level": "normal",
        "risk_score": 32, "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    });
}

/// Records a movement of the account's balance and returns its id.
pub(crate) fn balance_transaction(
    world: &mut World,
    source: &str,
    kind: &str,
    amount: i64,
    fee: i64,
    currency: &str,
) -> String {
    let id = new_id("txn");
    let now = world.clock.now();
    let fee_details = json!([{
        "amount": fee, "application": null, "currency": currency, "description": "Stripe processing fees",
        "type": "stripe_fee",
    }]);
    let transaction = json!({
        "id": id, "object": "balance_transaction", "amount": amount, "available_on": now + 2 * 86_400,
        "balance_type": "payments", "created": now, "currency": currency, "description": null,
        "exchange_rate": null, "fee": fee, "fee_details": if fee == 0 { json!([]) } else { fee_details },
        "net": amount - fee, "reporting_category": if kind == "adjustment" { "dispute" } else { kind },
        "source": source, "status": "pending", "type": kind,
    });
    world.stripe.store.insert("txn", transaction);
    id
}

/// What follows a charge comes after everything that the payment itself tells.
fn schedule_follow_up(world: &mut World, id: &str) {
    world.stripe.timers.after(&world.clock, 0, Timer::ChargeFollowedUp(id.to_owned()));
}

/// Does what the test card of a charge stands for.
pub(crate) fn follow_up(world: &mut World, id: &str) {
    let charge = world.stripe.store.copy("ch", id);
    let method = world.stripe.store.copy("pm", text(&charge, "payment_method").unwrap_or_default());
    match payment_methods::card_of(&method).aftermath {
        Aftermath::Dispute(reason) => {
            disputes::open(world, id, reason, false, None);
        }
        Aftermath::Inquiry => {
            disputes::open(world, id, "fraudulent", true, None);
        }
        Aftermath::EarlyFraudWarning => {
            // Known types only, so this cannot be refused.
            fraud_warnings::open(world, id, "misc").ok();
        }
        Aftermath::Nothing | Aftermath::RefundPending | Aftermath::RefundFails => {}
    }
}

fn build(world: &World, intent: &Value, method: &Value) -> Value {
    let kind = owned(method, "type");
    let mut details = method[&kind].clone();
    if kind == "card" {
        details["three_d_secure"] = Value::Null;
        details["installments"] = Value::Null;
        details["mandate"] = Value::Null;
        details["network"] = details["brand"].clone();
    }
    json!({
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": null,
        "application_fee": null,
        "application_fee_amount": null,
        "balance_transaction": null,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "PURSER EMULATOR",
        "captured": false,
        "created": world.clock.now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": false,
        "failure_balance_transaction": null,
        "failure_code": null,
        "failure_message": null,
        "fraud_details": {},
        "livemode": false,
        "metadata": intent["metadata"],
        "on_behalf_of": null,
        "outcome": {
            "advice_code": null, "network_advice_code": null, "network_decline_code": null,
            "network_status": "approved_by_network", "reason": null, "risk_level": "normal", "risk_score": 12,
            "seller_message": "Payment complete.", "type": "authorized",
        },
        "paid": false,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": { "type": kind, kind.as_str(): details },
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": null,
        "receipt_url": null,
        "refunded": false,
        "review": null,
        "shipping": null,
        "source_transfer": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": "pending",
        "transfer_data": null,
        "transfer_group": null,
    })
}
