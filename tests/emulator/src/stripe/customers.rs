//! Customers.

use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::listing::{agrees, page, search};
use super::parameters::Params;
use super::store::{flag, new_id, random_text, text, visible};
use super::{Call, customer_balance, payment_methods};
use crate::world::World;

const WRITABLE: &str = "\
    address balance business_name cash_balance default_source description email individual_name \
    invoice_prefix invoice_settings metadata name next_invoice_sequence payment_method phone \
    preferred_locales shipping source tax tax_exempt tax_id_data test_clock validate";

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("POST", []) => create_from(world, &call.params),
        ("GET", []) => {
            call.params.only("created email ending_before limit starting_after test_clock")?;
            let email = call.params.text("email")?;
            page(world, call, "cus", |customer| agrees(email.as_ref(), customer, "email"))
        }
        ("GET", ["search"]) => search(world, call, "cus"),
        ("GET", [id]) => Ok(visible(world.stripe.store.find("cus", id)?)),
        ("POST", [id]) => update(world, call, id),
        ("DELETE", [id]) => delete(world, id),
        (_, [id, "balance_transactions", ..]) => customer_balance::route(world, call, id),
        ("GET", [id, "payment_methods"]) => {
            existing(world, "id", id)?;
            payment_methods::list(world, call, Some(id))
        }
        ("GET", [id, "payment_methods", method]) => {
            let method = world.stripe.store.find("pm", method)?;
            if text(method, "customer") == Some(id) {
                Ok(visible(method))
            } else {
                Err(ApiError::no_such("PaymentMethod", text(method, "id").unwrap_or_default()))
            }
        }
        _ => Err(call.unknown()),
    }
}

/// The customer that a parameter names, if it was not deleted.
pub(crate) fn existing<'a>(world: &'a World, param: &str, id: &str) -> Answer<&'a Value> {
    let customer = world.stripe.store.named_by(param, "cus", id)?;
    if flag(customer, "deleted") {
        let message = format!("No such customer: '{id}'");
        return Err(ApiError::invalid(message).code("resource_missing").param(param));
    }
    Ok(customer)
}

fn create_from(world: &mut World, params: &Params) -> Answer {
    params.only(WRITABLE)?;
    let mut customer = build(world);
    write(&mut customer, params)?;
    let method = match params.text("payment_method")? {
        Some(method) => Some(payment_methods::resolve(world, &method)?),
        None => None,
    };
    if let Some(method) = &method {
        payment_methods::check_attachable(world, method)?;
    }
    let id = text(&customer, "id").unwrap_or_default().to_owned();
    world.stripe.store.insert("cus", customer.clone());
    emit(world, "customer.created", &customer);
    if let Some(method) = method {
        payment_methods::attach(world, &method, &id);
    }
    Ok(visible(&customer))
}

/// Creates a customer as Checkout does for a buyer it does not know.
pub(crate) fn create_for_buyer(world: &mut World, email: &str, name: Option<&str>) -> String {
    let mut customer = build(world);
    customer["email"] = email.into();
    customer["name"] = name.into();
    let id = text(&customer, "id").unwrap_or_default().to_owned();
    world.stripe.store.insert("cus", customer.clone());
    emit(world, "customer.created", &customer);
    id
}

fn build(world: &World) -> Value {
    json!({
        "id": new_id("cus"),
        "object": "customer",
        "address": null,
        "balance": 0,
        "created": world.clock.now(),
        "currency": null,
        "customer_account": null,
        "default_source": null,
        "delinquent": false,
        "description": null,
        "discount": null,
        "email": null,
        "invoice_credit_balance": {},
        "invoice_prefix": random_text(8).to_uppercase(),
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null,
        },
        "livemode": false,
        "metadata": {},
        "name": null,
        "next_invoice_sequence": 1,
        "phone": null,
        "preferred_locales": [],
        "shipping": null,
        "tax_exempt": "none",
        "test_clock": null,
    })
}

fn write(customer: &mut Value, params: &Params) -> Answer<()> {
    for field in ["description", "email", "name", "phone", "tax_exempt"] {
        if let Some(value) = params.unsettable(field)? {
            customer[field] = value;
        }
    }
    if let Some(email) = text(customer, "email")
        && !email.contains('@')
    {
        let message = format!("Invalid email address: {email}");
        return Err(ApiError::invalid(message).code("email_invalid").param("email"));
    }
    for field in ["address", "shipping", "preferred_locales"] {
        if params.has(field) {
            customer[field] = params.echo(field);
        }
    }
    if let Some(balance) = params.integer("balance")? {
        customer["balance"] = balance.into();
    }
    if let Some(settings) = params.nested("invoice_settings")?
        && let Some(method) = settings.unsettable("default_payment_method")?
    {
        customer["invoice_settings"]["default_payment_method"] = method;
    }
    customer["metadata"] = params.metadata(Some(&customer["metadata"]))?;
    Ok(())
}

fn update(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    call.params.only(WRITABLE)?;
    world.stripe.store.find("cus", id)?;
    let before = existing(world, "id", id)?.clone();
    let mut customer = before.clone();
    write(&mut customer, &call.params)?;
    if let Some(method) = text(&customer["invoice_settings"], "default_payment_method") {
        let owner = world.stripe.store.named_by("invoice_settings[default_payment_method]", "pm", method)?;
        if text(owner, "customer") != Some(id) {
            let message = format!(
                "The customer does not have a payment method with the ID {method}. The payment method \
                 must be attached to the customer."
            );
            return Err(ApiError::invalid(message)
                .code("resource_missing")
                .param("invoice_settings[default_payment_method]"));
        }
    }
    if let Some(stored) = world.stripe.store.get_mut("cus", id) {
        stored.clone_from(&customer);
    }
    emit_change(world, "customer.updated", &customer, Some(super::changed_fields(&before, &customer)));
    Ok(visible(&customer))
}

fn delete(world: &mut World, id: &str) -> Answer {
    world.stripe.store.find("cus", id)?;
    let customer = existing(world, "id", id)?.clone();
    emit(world, "customer.deleted", &customer);
    let gone = json!({ "id": id, "object": "customer", "deleted": true, "_deleted": true });
    if let Some(stored) = world.stripe.store.get_mut("cus", id) {
        stored.clone_from(&gone);
    }
    Ok(visible(&gone))
}
