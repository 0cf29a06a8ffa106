//! Payment methods: cards (and one bank debit), attached to customers and detached again.

use serde_json::{Value, json};

use super::banks::{self, Account};
use super::cards::{self, Card, Decline};
use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::listing::{agrees, page};
use super::parameters::Params;
use super::store::{flag, new_id, owned, text, visible};
use super::{Call, customers};
use crate::world::World;

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("POST", []) => {
            call.params.only("allow_redisplay billing_details card metadata type")?;
            let id = create_from(world, &call.params)?;
            Ok(visible(world.stripe.store.find("pm", &id)?))
        }
        ("GET", []) => list(world, call, None),
        ("GET", [id]) => {
            let id = resolve(world, id)?;
            Ok(visible(world.stripe.store.find("pm", &id)?))
        }
        ("POST", [id]) => update(world, call, id),
        ("POST", [id, "attach"]) => {
            call.params.only("customer customer_account")?;
            let customer = call.params.required_text("customer")?;
            customers::existing(world, "customer", &customer)?;
            let id = resolve(world, id)?;
            check_attachable(world, &id)?;
            attach(world, &id, &customer);
            Ok(visible(world.stripe.store.find("pm", &id)?))
        }
        ("POST", [id, "detach"]) => {
            call.params.only("")?;
            detach(world, id)
        }
        _ => Err(call.unknown()),
    }
}

/// The payment methods of a customer.
pub(crate) fn list(world: &World, call: &Call<'_>, customer: Option<&str>) -> Answer {
    call.params
        .only("allow_redisplay created customer customer_account ending_before limit starting_after type")?;
    let named = call.params.text("customer")?;
    let kind = call.params.text("type")?;
    let Some(customer) = customer.or(named.as_deref()) else {
        // Without a customer Stripe lists only what belongs to nobody, which is nothing here.
        return page(world, call, "pm", |_| false);
    };
    page(world, call, "pm", |method| {
        text(method, "customer") == Some(customer) && agrees(kind.as_ref(), method, "type")
    })
}

/// The id of a stored payment method; a name such as `pm_card_visa` makes a new one.
pub(crate) fn resolve(world: &mut World, id: &str) -> Answer<String> {
    if let Some(name) = id.strip_prefix("pm_card_")
        && let Some(card) = cards::by_name(name)
    {
        return Ok(create(world, card, Value::Null));
    }
    world.stripe.store.find("pm", id).map(|_| id.to_owned())
}

/// Creates one from `type=card&card[token]=tok_visa` or `card[number]=…`.
pub(crate) fn create_from(world: &mut World, params: &Params) -> Answer<String> {
    params.choice("type", &["card"])?.ok_or_else(|| ApiError::missing("type"))?;
    let details = params.nested("card")?.ok_or_else(|| ApiError::missing("card"))?;
    let card = match details.text("token")? {
        Some(token) => token
            .strip_prefix("tok_")
            .and_then(cards::by_name)
            .ok_or_else(|| ApiError::no_such("token", &token))?,
        None => cards::by_number(&details.required_text("number")?)?,
    };
    let metadata = params.metadata(None)?;
    let id = create(world, card, params.echo("billing_details"));
    world.stripe.store.change("pm", &id, [("metadata", metadata)]);
    Ok(id)
}

/// Creates a payment method of a card.
pub(crate) fn create(world: &mut World, card: &Card, billing_details: Value) -> String {
    let mut method = build(world, "card", billing_details);
    method["card"] = card.details();
    method["_number"] = card.number.into();
    method["_set_up"] = card.set_up.into();
    insert(world, method)
}

/// Creates a payment method of a bank account, whose payments are decided days later.
pub(crate) fn create_bank_debit(world: &mut World, account: &Account, billing_details: Value) -> String {
    let mut method = build(world, account.kind(), billing_details);
    method[account.kind()] = account.details();
    method["_account"] = account.number.into();
    method["_decided_after"] = account.decides_after.into();
    // The card that does afterwards what the account does.
    let card = cards::by_name(if account.disputes { "createDispute" } else { "visa" });
    method["_number"] = card.map_or("", |card| card.number).into();
    insert(world, method)
}

fn insert(world: &mut World, method: Value) -> String {
    let id = owned(&method, "id");
    world.stripe.store.insert("pm", method);
    id
}

fn build(world: &World, kind: &str, billing_details: Value) -> Value {
    let mut details = json!({
        "address": {
            "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null,
        },
        "email": null, "name": null, "phone": null, "tax_id": null,
    });
    if let Value::Object(given) = billing_details {
        for (field, value) in given {
            details[field] = value;
        }
    }
    json!({
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": details,
        "created": world.clock.now(),
        "customer": null,
        "customer_account": null,
        "livemode": false,
        "metadata": {},
        "type": kind,
    })
}

/// The card behind a payment method.
pub(crate) fn card_of(method: &Value) -> &'static Card {
    let number = text(method, "_number").unwrap_or_default();
    cards::by_number(number).unwrap_or_else(|_| unreachable!("only known cards are stored"))
}

/// Why charges of a payment method are refused: as its card is, or as the control says.
pub(crate) fn decline_of(method: &Value) -> Option<Decline> {
    match text(method, "_decline") {
        Some("none") => None,
        Some(decline_code) => cards::decline_named(decline_code),
        None => card_of(method).decline,
    }
}

/// Whether a card's charges are processing for a while before its bank decides.
pub(crate) fn takes_time(method: &Value) -> bool {
    method["_decided_after"].as_i64().is_some_and(|seconds| seconds > 0)
}

/// Has every charge of a payment method decided only so many seconds later from now on.
pub(crate) fn decide_later_from_now_on(world: &mut World, id: &str, seconds: i64) -> Answer {
    world.stripe.store.find("pm", id)?;
    world.stripe.store.change("pm", id, [("_decided_after", seconds.into())]);
    Ok(visible(world.stripe.store.find("pm", id)?))
}

/// Why the bank refuses a payment that was processing, if it does.
pub(crate) fn refusal_after_processing(method: &Value) -> Option<Decline> {
    match (text(method, "_account"), text(method, "_decline")) {
        (Some(account), None) => banks::by_number(account).ok().and_then(|account| account.refusal),
        _ => decline_of(method),
    }
}

/// Has every charge of a payment method refused for this reason from now on, or for none.
pub(crate) fn decline_from_now_on(world: &mut World, id: &str, decline_code: Option<&str>) -> Answer {
    world.stripe.store.find("pm", id)?;
    if let Some(code) = decline_code
        && cards::decline_named(code).is_none()
    {
        return Err(ApiError::invalid(format!("No test card is declined as {code}.")).param("reason"));
    }
    world.stripe.store.change("pm", id, [("_decline", decline_code.unwrap_or("none").into())]);
    Ok(visible(world.stripe.store.find("pm", id)?))
}

/// Whether the payment method can still be attached: not used up, and accepted by its bank.
pub(crate) fn check_attachable(world: &World, id: &str) -> Answer<()> {
    let method = world.stripe.store.find("pm", id)?;
    if flag(method, "_used_up") {
        return Err(ApiError::invalid(USED_UP));
    }
    if text(method, "customer").is_some() {
        let message = "The payment method you provided has already been attached to a customer.";
        return Err(ApiError::invalid(message).code("payment_method_already_attached"));
    }
    let card = card_of(method);
    match card.decline {
        Some(decline) if !card.saves => Err(decline.error()),
        _ => Ok(()),
    }
}

pub(crate) const USED_UP: &str = "\
    This PaymentMethod was previously used without being attached to a Customer or was detached from \
    a Customer, and may not be used again.";

/// Attaches without asking the bank.
pub(crate) fn attach(world: &mut World, id: &str, customer: &str) {
    world.stripe.store.change("pm", id, [("customer", customer.into())]);
    let method = world.stripe.store.copy("pm", id);
    emit(world, "payment_method.attached", &method);
}

fn detach(world: &mut World, id: &str) -> Answer {
    let before = world.stripe.store.find("pm", id)?.clone();
    let Some(customer) = text(&before, "customer") else {
        let message =
            "The payment method you provided is not attached to a customer so detachment is impossible.";
        return Err(ApiError::invalid(message));
    };
    world.stripe.store.change("pm", id, [("customer", Value::Null), ("_used_up", true.into())]);
    if let Some(owner) = world.stripe.store.get_mut("cus", customer)
        && text(&owner["invoice_settings"], "default_payment_method") == Some(id)
    {
        owner["invoice_settings"]["default_payment_method"] = Value::Null;
    }
    let method = world.stripe.store.copy("pm", id);
    emit_change(world, "payment_method.detached", &method, Some(json!({ "customer": customer })));
    Ok(visible(&method))
}

fn update(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    call.params.only("allow_redisplay billing_details card metadata")?;
    let before = world.stripe.store.find("pm", id)?.clone();
    let mut method = before.clone();
    method["metadata"] = call.params.metadata(Some(&before["metadata"]))?;
    if let Some(choice) = call.params.choice("allow_redisplay", &["always", "limited", "unspecified"])? {
        method["allow_redisplay"] = choice.into();
    }
    if let Value::Object(details) = call.params.echo("billing_details") {
        for (field, value) in details {
            method["billing_details"][field] = value;
        }
    }
    if let Some(stored) = world.stripe.store.get_mut("pm", id) {
        stored.clone_from(&method);
    }
    emit_change(world, "payment_method.updated", &method, Some(super::changed_fields(&before, &method)));
    Ok(visible(&method))
}
