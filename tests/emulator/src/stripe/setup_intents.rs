//! Setup intents: a card is saved for later without charging it.

use serde_json::{Value, json};

use super::cards::{Authentication, Decline};
use super::errors::{Answer, ApiError};
use super::events::emit;
use super::listing::{agrees, page};
use super::parameters::Params;
use super::payment_intents::confirm::AUTHENTICATION_FAILED;
use super::store::{new_id, owned, random_text, text, visible};
use super::{Call, customers, payment_methods};
use crate::world::World;

const CREATE: &str = "\
    allowed_payment_method_types attach_to_self automatic_payment_methods confirm confirmation_token \
    customer customer_account description excluded_payment_method_types flow_directions mandate_data \
    metadata on_behalf_of payment_method payment_method_configuration payment_method_data \
    payment_method_options return_url single_use usage use_stripe_sdk";

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("POST", []) => create(world, &call.params),
        ("GET", []) => {
            call.params.only(
                "attach_to_self created customer customer_account ending_before limit payment_method \
                 starting_after",
            )?;
            let customer = call.params.text("customer")?;
            page(world, call, "seti", |intent| agrees(customer.as_ref(), intent, "customer"))
        }
        ("GET", [id]) => Ok(visible(world.stripe.store.find("seti", id)?)),
        ("POST", [id]) => update(world, call, id),
        ("POST", [id, "confirm"]) => {
            call.params.only(
                "allowed_payment_method_types confirmation_token mandate_data payment_method \
                 payment_method_data payment_method_options return_url use_stripe_sdk",
            )?;
            world.stripe.store.find("seti", id)?;
            confirm(world, id, &call.params)
        }
        ("POST", [id, "cancel"]) => {
            call.params.only("cancellation_reason")?;
            let intent = world.stripe.store.find("seti", id)?;
            if matches!(text(intent, "status"), Some("succeeded" | "canceled" | "processing")) {
                return Err(unexpected_state(intent, "cancel"));
            }
            let reason = call.params.echo("cancellation_reason");
            let fields = [("status", "canceled".into()), ("cancellation_reason", reason)];
            world.stripe.store.change("seti", id, fields);
            let intent = world.stripe.store.copy("seti", id);
            emit(world, "setup_intent.canceled", &intent);
            Ok(visible(&intent))
        }
        _ => Err(call.unknown()),
    }
}

fn unexpected_state(intent: &Value, verb: &str) -> ApiError {
    let status = text(intent, "status").unwrap_or_default();
    let message = format!("You cannot {verb} this SetupIntent because it has a status of {status}.");
    ApiError::invalid(message).code("setup_intent_unexpected_state").with("setup_intent", visible(intent))
}

fn create(world: &mut World, params: &Params) -> Answer {
    params.only(CREATE)?;
    let customer = params.text("customer")?;
    if let Some(customer) = &customer {
        customers::existing(world, "customer", customer)?;
    }
    let usage = params.choice("usage", &["off_session", "on_session"])?;
    let metadata = params.metadata(None)?;
    let description = params.unsettable("description")?.unwrap_or_default();
    let confirms = params.flag("confirm")?.unwrap_or(false);
    let method = method_from(world, params)?;
    let id = open(world, customer.as_deref(), usage.as_deref(), metadata, description);
    if let Some(method) = method {
        let fields = [("payment_method", method.into()), ("status", "requires_confirmation".into())];
        world.stripe.store.change("seti", &id, fields);
    }
    if confirms { confirm(world, &id, params) } else { Ok(visible(world.stripe.store.find("seti", &id)?)) }
}

fn method_from(world: &mut World, params: &Params) -> Answer<Option<String>> {
    match (params.text("payment_method")?, params.nested("payment_method_data")?) {
        (Some(method), _) => payment_methods::resolve(world, &method)
            .map(Some)
            .map_err(|error| ApiError::invalid(error.message()).code("resource_missing"))
            .map_err(|error| error.param("payment_method")),
        (None, Some(data)) => payment_methods::create_from(world, &data).map(Some),
        (None, None) => Ok(None),
    }
}

/// Records a setup intent and tells about it.
pub(crate) fn open(
    world: &mut World,
    customer: Option<&str>,
    usage: Option<&str>,
    metadata: Value,
    description: Value,
) -> String {
    let id = new_id("seti");
    let intent = json!({
        "id": id,
        "object": "setup_intent",
        "allowed_payment_method_types": null,
        "application": null,
        "automatic_payment_methods": { "allow_redirects": "always", "enabled": true },
        "cancellation_reason": null,
        "client_secret": format!("{id}_secret_{}", random_text(25)),
        "created": world.clock.now(),
        "customer": customer,
        "customer_account": null,
        "description": description,
        "excluded_payment_method_types": null,
        "flow_directions": null,
        "last_setup_error": null,
        "latest_attempt": null,
        "livemode": false,
        "mandate": null,
        "metadata": metadata,
        "next_action": null,
        "on_behalf_of": null,
        "payment_method": null,
        "payment_method_configuration_details": null,
        "payment_method_options": { "card": {
            "mandate_options": null, "network": null, "request_three_d_secure": "automatic",
        } },
        "payment_method_types": ["card"],
        "single_use_mandate": null,
        "status": "requires_payment_method",
        "usage": usage.unwrap_or("off_session"),
    });
    world.stripe.store.insert("seti", intent.clone());
    emit(world, "setup_intent.created", &intent);
    id
}

fn update(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    call.params.only(CREATE)?;
    let mut intent = world.stripe.store.find("seti", id)?.clone();
    intent["metadata"] = call.params.metadata(Some(&intent["metadata"]))?;
    if let Some(description) = call.params.unsettable("description")? {
        intent["description"] = description;
    }
    if let Some(customer) = call.params.text("customer")? {
        customers::existing(world, "customer", &customer)?;
        intent["customer"] = customer.into();
    }
    if let Some(method) = method_from(world, &call.params)? {
        intent["payment_method"] = method.into();
        intent["status"] = "requires_confirmation".into();
    }
    if let Some(stored) = world.stripe.store.get_mut("seti", id) {
        stored.clone_from(&intent);
    }
    Ok(visible(&intent))
}

fn confirm(world: &mut World, id: &str, params: &Params) -> Answer {
    let intent = world.stripe.store.copy("seti", id);
    if matches!(text(&intent, "status"), Some("succeeded" | "canceled" | "processing")) {
        return Err(unexpected_state(&intent, "confirm"));
    }
    let method = match text(&intent, "payment_method") {
        Some(method) if !params.has("payment_method") || params.has("confirm") => Some(method.to_owned()),
        _ => method_from(world, params)?,
    };
    let Some(method) = method else { return Err(unexpected_state(&intent, "confirm without a method")) };
    let return_url = params.text("return_url")?;
    match set_up(world, id, &method, false, return_url.as_deref()) {
        Outcome::Declined(error) => {
            let intent = world.stripe.store.copy("seti", id);
            Err(error.with("setup_intent", visible(&intent)))
        }
        _ => Ok(visible(world.stripe.store.find("seti", id)?)),
    }
}

/// What came of setting up.
pub(crate) enum Outcome {
    Succeeded,
    ActionRequired,
    Declined(ApiError),
}

/// Sets a payment method up, asking its holder to authenticate where the bank wants it.
pub(crate) fn set_up(
    world: &mut World,
    id: &str,
    method_id: &str,
    authenticated: bool,
    return_url: Option<&str>,
) -> Outcome {
    let fields = [("payment_method", method_id.into()), ("last_setup_error", Value::Null)];
    world.stripe.store.change("seti", id, fields);
    let method = world.stripe.store.copy("pm", method_id);
    let card = payment_methods::card_of(&method);
    if card.authentication != Authentication::No && !authenticated {
        let next_action = json!({
            "type": "redirect_to_url",
            "redirect_to_url": {
                "return_url": return_url, "url": format!("{}/authenticate/{id}", world.public_url),
            },
        });
        let fields = [("status", "requires_action".into()), ("next_action", next_action)];
        world.stripe.store.change("seti", id, fields);
        let intent = world.stripe.store.copy("seti", id);
        emit(world, "setup_intent.requires_action", &intent);
        return Outcome::ActionRequired;
    }
    if let Some(decline) = card.decline.filter(|_| !card.saves) {
        return refuse(world, id, decline);
    }
    world.stripe.store.change("pm", method_id, [("_set_up", true.into())]);
    let fields = [("status", "succeeded".into()), ("next_action", Value::Null)];
    world.stripe.store.change("seti", id, fields);
    let intent = world.stripe.store.copy("seti", id);
    if text(&method, "customer").is_none()
        && let Some(customer) = text(&intent, "customer")
    {
        payment_methods::attach(world, method_id, customer);
    }
    emit(world, "setup_intent.succeeded", &intent);
    Outcome::Succeeded
}

fn refuse(world: &mut World, id: &str, decline: Decline) -> Outcome {
    let method = world.stripe.store.copy("seti", id);
    let method = world.stripe.store.copy("pm", text(&method, "payment_method").unwrap_or_default());
    let error = decline.error().with("payment_method", visible(&method));
    world.stripe.store.change(
        "seti",
        id,
        [
            ("status", "requires_payment_method".into()),
            ("last_setup_error", error.remembered()),
            ("payment_method", Value::Null),
            ("next_action", Value::Null),
        ],
    );
    let intent = world.stripe.store.copy("seti", id);
    emit(world, "setup_intent.setup_failed", &intent);
    Outcome::Declined(error)
}

/// The cardholder answers the bank's question about an intent in `requires_action`.
pub(crate) fn authenticate(world: &mut World, id: &str, succeeded: bool) -> Answer<Outcome> {
    let intent = world.stripe.store.find("seti", id)?.clone();
    if text(&intent, "status") != Some("requires_action") {
        return Err(unexpected_state(&intent, "authenticate"));
    }
    if !succeeded {
        let code = "setup_intent_authentication_failure";
        return Ok(refuse(world, id, Decline { code, ..AUTHENTICATION_FAILED }));
    }
    Ok(set_up(world, id, &owned(&intent, "payment_method"), true, None))
}
