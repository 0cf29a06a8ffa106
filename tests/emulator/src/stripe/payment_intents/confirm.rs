//! Charging: what a card, the presence of its holder, and the terms of a confirmation lead to.

use serde_json::{Value, json};

use super::{check_ownership, unexpected_state};
use crate::stripe::cards::{AUTHENTICATION_REQUIRED, Authentication, Decline};
use crate::stripe::charges::{self, Verdict};
use crate::stripe::errors::{Answer, ApiError};
use crate::stripe::events::emit;
use crate::stripe::parameters::Params;
use crate::stripe::payment_methods;
use crate::stripe::store::{flag, integer, owned, text, visible};
use crate::stripe::timers::Timer;
use crate::world::World;

/// How an intent is to be confirmed.
#[derive(Debug, Default, Clone)]
pub(crate) struct Terms {
    /// The payment method to charge.
    pub(crate) method: Option<String>,
    /// The cardholder is not there to authenticate.
    pub(crate) off_session: bool,
    /// Fail where the cardholder would have to act.
    pub(crate) fail_on_action: bool,
    /// The cardholder has authenticated already.
    pub(crate) authenticated: bool,
    /// Where the cardholder comes back to after authenticating elsewhere.
    pub(crate) return_url: Option<String>,
}

/// What came of charging.
pub(crate) enum Outcome {
    Succeeded,
    /// Held, waiting for capture.
    Authorized,
    /// The bank decides later.
    Processing,
    ActionRequired,
    Declined(ApiError),
}

impl Terms {
    /// Reads the terms of confirming the stored intent `id`.
    pub(crate) fn read(world: &mut World, params: &Params, id: Option<&str>) -> Answer<Self> {
        let intent = id.map(|id| world.stripe.store.copy("pi", id)).unwrap_or_default();
        Self::of_new(world, params, &intent)
    }

    /// Reads the terms of confirming an intent that may not be stored yet. Nothing is recorded but the
    /// payment method that a test name or inline data stands for.
    pub(crate) fn of_new(world: &mut World, params: &Params, intent: &Value) -> Answer<Self> {
        // off_session may also be `one_off` or `recurring`, which mean true.
        let off_session = !matches!(params.text("off_session")?.as_deref(), None | Some("false"));
        let method = match (params.text("payment_method")?, params.nested("payment_method_data")?) {
            (Some(method), _) => Some(
                payment_methods::resolve(world, &method)
                    .map_err(|error| ApiError::invalid(error.message()).code("resource_missing"))
                    .map_err(|error| error.param("payment_method"))?,
            ),
            (None, Some(data)) => Some(payment_methods::create_from(world, &data)?),
            (None, None) => text(intent, "payment_method").map(str::to_owned),
        };
        if let Some(method) = &method {
            check_ownership(world, method, text(intent, "customer"))?;
        }
        let terms = Self {
            method,
            off_session,
            fail_on_action: params.flag("error_on_requires_action")?.unwrap_or(false),
            authenticated: false,
            return_url: params.text("return_url")?,
        };
        let confirms = params.flag("confirm")?.unwrap_or(false);
        let redirects = text(&intent["automatic_payment_methods"], "allow_redirects") == Some("always");
        let present = !terms.off_session && !terms.fail_on_action;
        if confirms && redirects && present && terms.return_url.is_none() {
            return Err(ApiError::invalid(
                "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. \
                 Because some of these payment methods might redirect your customer off of your page, you \
                 must provide a `return_url`. If you don't want to accept redirect-based payment methods, \
                 set `automatic_payment_methods[enabled]` to `true` and \
                 `automatic_payment_methods[allow_redirects]` to `never`.",
            ));
        }
        Ok(terms)
    }
}

/// Confirms over the API: a refusal is the answer, with the intent inside it.
pub(crate) fn confirm(world: &mut World, id: &str, terms: &Terms) -> Answer {
    let intent = world.stripe.store.copy("pi", id);
    let confirmable = ["requires_payment_method", "requires_confirmation", "requires_action"];
    if !text(&intent, "status").is_some_and(|status| confirmable.contains(&status)) {
        return Err(unexpected_state(&intent, "confirm"));
    }
    if terms.method.is_none() {
        let message = "You cannot confirm this PaymentIntent because it's missing a payment method. You can \
                       either update the PaymentIntent with a payment method and then confirm it again, or \
                       confirm it again directly with a payment method or ConfirmationToken.";
        return Err(ApiError::invalid(message)
            .code("payment_intent_unexpected_state")
            .with("payment_intent", visible(&intent)));
    }
    match charge(world, id, terms) {
        Outcome::Declined(error) => {
            let intent = world.stripe.store.copy("pi", id);
            Err(error.with("payment_intent", visible(&intent)))
        }
        _ => Ok(visible(world.stripe.store.find("pi", id)?)),
    }
}

/// Charges the intent and records the result, with its events.
pub(crate) fn charge(world: &mut World, id: &str, terms: &Terms) -> Outcome {
    let method_id = terms.method.clone().unwrap_or_default();
    world.stripe.store.change(
        "pi",
        id,
        [("payment_method", method_id.as_str().into()), ("last_payment_error", Value::Null)],
    );
    let intent = world.stripe.store.copy("pi", id);
    let method = world.stripe.store.copy("pm", &method_id);
    if text(&method, "type") != Some("card") {
        return process(world, id, &method);
    }
    let card = payment_methods::card_of(&method);
    if needs_authentication(card.authentication, flag(&method, "_set_up"), terms) {
        if terms.off_session {
            return refuse(world, id, AUTHENTICATION_REQUIRED, true);
        }
        if terms.fail_on_action {
            return refuse(world, id, AUTHENTICATION_REQUIRED, false);
        }
        return ask_for_action(world, id, terms.return_url.as_deref());
    }
    if payment_methods::takes_time(&method) {
        return process(world, id, &method);
    }
    if let Some(decline) = payment_methods::decline_of(&method) {
        return refuse(world, id, decline, true);
    }
    if text(&intent, "capture_method") == Some("manual") {
        authorize(world, id, &method_id);
        return Outcome::Authorized;
    }
    let charge = charges::create(world, &intent, &method_id, Verdict::Captured);
    world.stripe.store.change("pi", id, [("latest_charge", charge.into())]);
    keep_method(world, id, &method_id);
    succeed(world, id, integer(&intent, "amount"));
    Outcome::Succeeded
}

/// The bank takes its time to decide; for some accounts it never does by itself.
fn process(world: &mut World, id: &str, method: &Value) -> Outcome {
    let (method_id, kind) = (owned(method, "id"), owned(method, "type"));
    let intent = world.stripe.store.copy("pi", id);
    let charge = charges::create(world, &intent, &method_id, Verdict::Pending);
    world.stripe.store.change(
        "pi",
        id,
        [
            ("status", "processing".into()),
            ("latest_charge", charge.into()),
            ("payment_method_types", json!([kind])),
            ("next_action", Value::Null),
        ],
    );
    keep_method(world, id, &method_id);
    if let Some(seconds) = method["_decided_after"].as_i64() {
        world.stripe.timers.after(&world.clock, seconds, Timer::PaymentDecided(id.to_owned()));
    }
    let intent = world.stripe.store.copy("pi", id);
    emit(world, "payment_intent.processing", &intent);
    Outcome::Processing
}

fn needs_authentication(kind: Authentication, set_up: bool, terms: &Terms) -> bool {
    match kind {
        Authentication::No => false,
        Authentication::Always => !terms.authenticated,
        // Setting a card up spares the holder only payments they are absent from.
        Authentication::UnlessSetUp => !(terms.authenticated || terms.off_session && set_up),
    }
}

/// Marks an intent as paid and tells about it.
pub(crate) fn succeed(world: &mut World, id: &str, amount: i64) {
    world.stripe.store.change(
        "pi",
        id,
        [
            ("status", "succeeded".into()),
            ("amount_received", amount.into()),
            ("amount_capturable", 0.into()),
            ("next_action", Value::Null),
        ],
    );
    let intent = world.stripe.store.copy("pi", id);
    emit(world, "payment_intent.succeeded", &intent);
}

fn authorize(world: &mut World, id: &str, method_id: &str) {
    let intent = world.stripe.store.copy("pi", id);
    let charge = charges::create(world, &intent, method_id, Verdict::Authorized);
    world.stripe.store.change(
        "pi",
        id,
        [
            ("status", "requires_capture".into()),
            ("latest_charge", charge.into()),
            ("amount_capturable", intent["amount"].clone()),
            ("next_action", Value::Null),
        ],
    );
    keep_method(world, id, method_id);
    let intent = world.stripe.store.copy("pi", id);
    emit(world, "payment_intent.amount_capturable_updated", &intent);
}

/// After a payment the method belongs to the customer if it is to be used again, or is used up.
fn keep_method(world: &mut World, id: &str, method_id: &str) {
    let intent = world.stripe.store.copy("pi", id);
    let method = world.stripe.store.copy("pm", method_id);
    let usage = text(&intent, "setup_future_usage");
    if usage == Some("off_session") {
        world.stripe.store.change("pm", method_id, [("_set_up", true.into())]);
    }
    if text(&method, "customer").is_some() {
        return;
    }
    match text(&intent, "customer") {
        Some(customer) if usage.is_some() => payment_methods::attach(world, method_id, customer),
        _ => world.stripe.store.change("pm", method_id, [("_used_up", true.into())]),
    }
}

fn ask_for_action(world: &mut World, id: &str, return_url: Option<&str>) -> Outcome {
    let next_action = match return_url {
        Some(return_url) => json!({
            "type": "redirect_to_url",
            "redirect_to_url": {
                "return_url": return_url, "url": format!("{}/authenticate/{id}", world.public_url),
            },
        }),
        None => json!({ "type": "use_stripe_sdk", "use_stripe_sdk": { "type": "three_d_secure_redirect" } }),
    };
    let fields = [("status", "requires_action".into()), ("next_action", next_action)];
    world.stripe.store.change("pi", id, fields);
    let intent = world.stripe.store.copy("pi", id);
    emit(world, "payment_intent.requires_action", &intent);
    Outcome::ActionRequired
}

/// Records a refusal. A charge exists only if the bank was asked.
pub(crate) fn refuse(world: &mut World, id: &str, decline: Decline, asked: bool) -> Outcome {
    let intent = world.stripe.store.copy("pi", id);
    let method_id = owned(&intent, "payment_method");
    let mut error = decline.error();
    if asked {
        let charge = charges::create(world, &intent, &method_id, Verdict::Refused(decline));
        world.stripe.store.change("pi", id, [("latest_charge", charge.as_str().into())]);
        error = error.with("charge", charge);
    }
    let method = world.stripe.store.copy("pm", &method_id);
    error = error.with("payment_method", visible(&method));
    world.stripe.store.change(
        "pi",
        id,
        [
            ("status", "requires_payment_method".into()),
            ("last_payment_error", error.remembered()),
            ("payment_method", Value::Null),
            ("next_action", Value::Null),
        ],
    );
    let intent = world.stripe.store.copy("pi", id);
    emit(world, "payment_intent.payment_failed", &intent);
    Outcome::Declined(error)
}

/// The refusal when the cardholder fails to authenticate.
pub(crate) const AUTHENTICATION_FAILED: Decline = Decline {
    code: "payment_intent_authentication_failure",
    decline_code: "authentication_not_handled",
    message: "The provided PaymentMethod has failed authentication. You can provide payment_method_data \
              or a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
    advice: None,
};

/// The cardholder answers the bank's question about an intent in `requires_action`.
pub(crate) fn authenticate(world: &mut World, id: &str, succeeded: bool) -> Answer<Outcome> {
    let intent = world.stripe.store.find("pi", id)?.clone();
    if text(&intent, "status") != Some("requires_action") {
        return Err(unexpected_state(&intent, "authenticate"));
    }
    if !succeeded {
        return Ok(refuse(world, id, AUTHENTICATION_FAILED, false));
    }
    let method = text(&intent, "payment_method").map(str::to_owned);
    Ok(charge(world, id, &Terms { method, authenticated: true, ..Terms::default() }))
}
