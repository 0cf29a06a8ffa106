//! Payment intents: created, updated, captured, cancelled; confirming them is in `confirm`.

pub(crate) mod confirm;
pub(crate) mod decide;

use serde_json::{Value, json};

use self::confirm::{Terms, confirm};
use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::listing::{agrees, page, search};
use super::money::{amount_in_bounds, currency};
use super::parameters::Params;
use super::store::{flag, integer, new_id, owned, random_text, text, visible};
use super::{Call, charges, customers, payment_methods};
use crate::world::World;

const CREATE: &str = "\
    allowed_payment_method_types amount amount_details application_fee_amount \
    automatic_payment_methods capture_method confirm confirmation_method confirmation_token currency \
    customer customer_account description error_on_requires_action excluded_payment_method_types \
    hooks mandate mandate_data metadata off_session on_behalf_of payment_details payment_method \
    payment_method_configuration payment_method_data payment_method_options radar_options \
    receipt_email return_url setup_future_usage shipping statement_descriptor \
    statement_descriptor_suffix transfer_data transfer_group use_stripe_sdk";
const CONFIRM: &str = "\
    allowed_payment_method_types amount_details amount_to_confirm capture_method confirmation_token \
    error_on_requires_action excluded_payment_method_types hooks mandate mandate_data off_session \
    payment_details payment_method payment_method_data payment_method_options radar_options \
    receipt_email return_url setup_future_usage shipping use_stripe_sdk";
const UPDATE: &str = "\
    allowed_payment_method_types amount amount_details application_fee_amount capture_method \
    currency customer customer_account description excluded_payment_method_types hooks metadata \
    payment_details payment_method payment_method_configuration payment_method_data \
    payment_method_options receipt_email setup_future_usage shipping statement_descriptor \
    statement_descriptor_suffix transfer_data transfer_group";

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("POST", []) => create(world, &call.params),
        ("GET", []) => {
            call.params.only("created customer customer_account ending_before limit starting_after")?;
            let customer = call.params.text("customer")?;
            page(world, call, "pi", |intent| agrees(customer.as_ref(), intent, "customer"))
        }
        ("GET", ["search"]) => search(world, call, "pi"),
        ("GET", [id]) => {
            call.params.only("client_secret")?;
            Ok(visible(world.stripe.store.find("pi", id)?))
        }
        ("POST", [id]) => update(world, call, id),
        ("POST", [id, "confirm"]) => {
            call.params.only(CONFIRM)?;
            world.stripe.store.find("pi", id)?;
            let future_usage = call.params.choice("setup_future_usage", &["off_session", "on_session"])?;
            let terms = Terms::read(world, &call.params, Some(id))?;
            if let Some(usage) = future_usage {
                world.stripe.store.change("pi", id, [("setup_future_usage", usage.into())]);
            }
            confirm(world, id, &terms)
        }
        ("POST", [id, "capture"]) => capture(world, call, id),
        ("POST", [id, "cancel"]) => {
            call.params.only("cancellation_reason")?;
            world.stripe.store.find("pi", id)?;
            cancel(world, id, call.params.text("cancellation_reason")?.as_deref())
        }
        _ => Err(call.unknown()),
    }
}

/// What a new payment intent is for.
#[derive(Default)]
pub(crate) struct Purpose {
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) customer: Option<String>,
    pub(crate) description: Value,
    pub(crate) metadata: Value,
    pub(crate) setup_future_usage: Option<String>,
    pub(crate) capture_method: Option<String>,
    pub(crate) receipt_email: Value,
}

/// Records a payment intent and tells about it.
pub(crate) fn open(world: &mut World, purpose: Purpose) -> String {
    let mut intent = build(world, purpose);
    // Checkout confirms on its own page, so there is nothing for the caller to configure.
    intent["automatic_payment_methods"] = Value::Null;
    insert(world, intent)
}

fn insert(world: &mut World, intent: Value) -> String {
    let id = owned(&intent, "id");
    world.stripe.store.insert("pi", intent.clone());
    emit(world, "payment_intent.created", &intent);
    id
}

fn create(world: &mut World, params: &Params) -> Answer {
    params.only(CREATE)?;
    let amount = params.required_integer("amount")?;
    let currency = currency(&params.required_text("currency")?)?;
    amount_in_bounds(amount, &currency, "amount")?;
    let customer = params.text("customer")?;
    if let Some(customer) = &customer {
        customers::existing(world, "customer", customer)?;
    }
    let confirms = params.flag("confirm")?.unwrap_or(false);
    for only_confirming in ["off_session", "error_on_requires_action", "return_url"] {
        if params.has(only_confirming) && !confirms {
            let message = format!("The parameter {only_confirming} requires confirm to be true.");
            return Err(ApiError::invalid(message).param(only_confirming));
        }
    }
    let setup_future_usage = params.choice("setup_future_usage", &["off_session", "on_session"])?;
    if setup_future_usage.is_some() && matches!(params.text("off_session")?.as_deref(), Some("true")) {
        let message = "off_session cannot be combined with setup_future_usage.";
        return Err(ApiError::invalid(message).param("setup_future_usage"));
    }
    let receipt_email = params.unsettable("receipt_email")?.unwrap_or_default();
    if receipt_email.as_str().is_some_and(|address| !address.contains('@')) {
        let message = format!("Invalid email address: {}", receipt_email.as_str().unwrap_or_default());
        return Err(ApiError::invalid(message).code("email_invalid").param("receipt_email"));
    }
    let purpose = Purpose {
        amount,
        currency,
        customer: customer.clone(),
        description: params.unsettable("description")?.unwrap_or_default(),
        metadata: params.metadata(None)?,
        setup_future_usage,
        capture_method: params.choice("capture_method", &["automatic", "automatic_async", "manual"])?,
        receipt_email,
    };
    let mut intent = build(world, purpose);
    let allowed = params.texts("allowed_payment_method_types")?;
    if !allowed.is_empty() {
        intent["payment_method_types"] = allowed.clone().into();
        intent["allowed_payment_method_types"] = allowed.into();
        intent["automatic_payment_methods"] = Value::Null;
    } else if let Some(automatic) = params.nested("automatic_payment_methods")? {
        let redirects = automatic.choice("allow_redirects", &["always", "never"])?;
        intent["automatic_payment_methods"]["allow_redirects"] =
            redirects.unwrap_or_else(|| "always".to_owned()).into();
    }
    let terms = Terms::of_new(world, params, &intent)?;
    if let Some(method) = &terms.method {
        intent["payment_method"] = method.as_str().into();
        intent["status"] = "requires_confirmation".into();
    }
    let id = insert(world, intent);
    if confirms {
        return confirm(world, &id, &terms);
    }
    Ok(visible(world.stripe.store.find("pi", &id)?))
}

fn build(world: &World, purpose: Purpose) -> Value {
    let id = new_id("pi");
    json!({
        "id": id,
        "object": "payment_intent",
        "allowed_payment_method_types": null,
        "amount": purpose.amount,
        "amount_capturable": 0,
        "amount_details": { "tip": {} },
        "amount_received": 0,
        "application": null,
        "application_fee_amount": null,
        "automatic_payment_methods": { "allow_redirects": "always", "enabled": true },
        "canceled_at": null,
        "cancellation_reason": null,
        "capture_method": purpose.capture_method.unwrap_or_else(|| "automatic_async".to_owned()),
        "client_secret": format!("{id}_secret_{}", random_text(25)),
        "confirmation_method": "automatic",
        "created": world.clock.now(),
        "currency": purpose.currency,
        "customer": purpose.customer,
        "customer_account": null,
        "description": purpose.description,
        "excluded_payment_method_types": null,
        "last_payment_error": null,
        "latest_charge": null,
        "livemode": false,
        "metadata": purpose.metadata,
        "next_action": null,
        "on_behalf_of": null,
        "payment_method": null,
        "payment_method_configuration_details": null,
        "payment_method_options": { "card": {
            "installments": null, "mandate_options": null, "network": null,
            "request_three_d_secure": "automatic",
        } },
        "payment_method_types": ["card"],
        "processing": null,
        "receipt_email": purpose.receipt_email,
        "review": null,
        "setup_future_usage": purpose.setup_future_usage,
        "shipping": null,
        "source": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": "requires_payment_method",
        "transfer_data": null,
        "transfer_group": null,
    })
}

/// The error of doing something to an intent that its state does not allow.
pub(crate) fn unexpected_state(intent: &Value, verb: &str) -> ApiError {
    let status = text(intent, "status").unwrap_or_default();
    let message = format!("You cannot {verb} this PaymentIntent because it has a status of {status}.");
    ApiError::invalid(message).code("payment_intent_unexpected_state").with("payment_intent", visible(intent))
}

fn update(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    let params = &call.params;
    params.only(UPDATE)?;
    let before = world.stripe.store.find("pi", id)?.clone();
    let mut intent = before.clone();
    let open = matches!(
        text(&intent, "status"),
        Some("requires_payment_method" | "requires_confirmation" | "requires_action")
    );
    let only_open = ["amount", "currency", "customer", "payment_method", "setup_future_usage"];
    if !open && only_open.iter().any(|field| params.has(field)) {
        return Err(unexpected_state(&intent, "update the amount, currency, customer or method of"));
    }
    if let Some(text) = params.text("currency")? {
        intent["currency"] = currency(&text)?.into();
    }
    if let Some(amount) = params.integer("amount")? {
        amount_in_bounds(amount, text(&intent, "currency").unwrap_or_default(), "amount")?;
        intent["amount"] = amount.into();
    }
    if let Some(customer) = params.text("customer")? {
        customers::existing(world, "customer", &customer)?;
        intent["customer"] = customer.into();
    }
    for field in ["description", "receipt_email", "setup_future_usage"] {
        if let Some(value) = params.unsettable(field)? {
            intent[field] = value;
        }
    }
    intent["metadata"] = params.metadata(Some(&before["metadata"]))?;
    if let Some(method) = params.text("payment_method")? {
        intent["payment_method"] = payment_methods::resolve(world, &method)?.into();
        intent["status"] = "requires_confirmation".into();
    }
    if let Some(stored) = world.stripe.store.get_mut("pi", id) {
        stored.clone_from(&intent);
    }
    Ok(visible(&intent))
}

fn capture(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    call.params.only(
        "amount_details amount_to_capture application_fee_amount final_capture hooks metadata \
         payment_details statement_descriptor statement_descriptor_suffix transfer_data",
    )?;
    let intent = world.stripe.store.find("pi", id)?.clone();
    if text(&intent, "status") != Some("requires_capture") {
        return Err(unexpected_state(&intent, "capture"));
    }
    let capturable = integer(&intent, "amount_capturable");
    let amount = call.params.integer("amount_to_capture")?.unwrap_or(capturable);
    if !(1..=capturable).contains(&amount) {
        let message = "The amount to capture must be positive and at most the amount authorized.";
        return Err(ApiError::invalid(message).code("amount_too_large").param("amount_to_capture"));
    }
    charges::capture(world, text(&intent, "latest_charge").unwrap_or_default(), amount);
    confirm::succeed(world, id, amount);
    Ok(visible(world.stripe.store.find("pi", id)?))
}

/// Cancels an intent that is not over yet, releasing what was authorized.
pub(crate) fn cancel(world: &mut World, id: &str, reason: Option<&str>) -> Answer {
    let intent = world.stripe.store.copy("pi", id);
    if matches!(text(&intent, "status"), Some("succeeded" | "canceled" | "processing")) {
        return Err(unexpected_state(&intent, "cancel"));
    }
    if text(&intent, "status") == Some("requires_capture")
        && let Some(charge) = text(&intent, "latest_charge")
    {
        let released = [("refunded", true.into()), ("amount_refunded", intent["amount"].clone())];
        world.stripe.store.change("ch", charge, released);
        let charge = world.stripe.store.copy("ch", charge);
        emit_change(world, "charge.refunded", &charge, Some(json!({ "refunded": false })));
    }
    let now = world.clock.now();
    world.stripe.store.change(
        "pi",
        id,
        [
            ("status", "canceled".into()),
            ("amount_capturable", 0.into()),
            ("canceled_at", now.into()),
            ("cancellation_reason", reason.into()),
            ("next_action", Value::Null),
        ],
    );
    let intent = world.stripe.store.copy("pi", id);
    emit(world, "payment_intent.canceled", &intent);
    Ok(visible(&intent))
}

/// Whether the payment method may be charged for the customer of an intent.
pub(crate) fn check_ownership(world: &World, method_id: &str, customer: Option<&str>) -> Answer<()> {
    let method = world.stripe.store.find("pm", method_id)?;
    if flag(method, "_used_up") {
        return Err(ApiError::invalid(payment_methods::USED_UP).param("payment_method"));
    }
    match (text(method, "customer"), customer) {
        (Some(owner), Some(customer)) if owner == customer => Ok(()),
        (None, _) => Ok(()),
        (Some(_), Some(customer)) => Err(ApiError::invalid(format!(
            "The PaymentMethod {method_id} does not belong to the Customer {customer}. Please use this \
             PaymentMethod with the Customer that it belongs to."
        ))
        .param("payment_method")),
        (Some(_), None) => Err(ApiError::invalid(format!(
            "The PaymentMethod {method_id} belongs to a Customer. Please include the Customer in the \
             `customer` parameter on the PaymentIntent."
        ))
        .param("payment_method")),
    }
}
