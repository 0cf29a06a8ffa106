//! A buyer pays a Checkout Session: on the hosted page or by a control, in one step or after the bank
//! asked them something, at once or days later.

use serde_json::{Value, json};

use super::lines::is_recurring;
use crate::stripe::cards;
use crate::stripe::errors::{Answer, ApiError};
use crate::stripe::events::emit;
use crate::stripe::payment_intents::confirm::{self, Outcome, Terms};
use crate::stripe::payment_intents::{self, Purpose};
use crate::stripe::store::{flag, integer, owned, text};
use crate::stripe::subscriptions::{self, Start};
use crate::stripe::{coupons, customers, invoices, payment_methods, setup_intents};
use crate::world::World;

/// Who pays, and with what.
#[derive(Debug, Default, Clone)]
pub(crate) struct Buyer {
    pub(crate) card: String,
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    /// Pay by bank debit, which is decided later, instead of the card.
    pub(crate) later: bool,
}

/// What came of paying.
pub(crate) enum Paid {
    Complete,
    /// The bank wants the buyer to authenticate first.
    AuthenticationNeeded,
}

/// Pays an open session; a refused card is an error and leaves the session open.
pub(crate) fn pay(world: &mut World, id: &str, buyer: &Buyer) -> Answer<Paid> {
    let session = open_session(world, id)?;
    let later = buyer.later && text(&session, "mode") == Some("payment");
    if buyer.later && !later {
        return Err(ApiError::invalid("Only sessions in payment mode can be paid by bank debit here."));
    }
    let card = if later { None } else { Some(cards::by_number(&buyer.card)?) };
    let email = buyer_email(world, &session, buyer);
    note_buyer(world, id, &email, buyer.name.as_deref());
    if text(&session, "mode") == Some("payment") && integer(&session, "amount_total") == 0 {
        complete(world, id, "no_payment_required");
        return Ok(Paid::Complete);
    }
    let billing = json!({ "email": email, "name": buyer.name });
    let method = match card {
        Some(card) => payment_methods::create(world, card, billing),
        None => payment_methods::create_bank_debit(world, billing),
    };
    ensure_customer(world, id, &email, buyer.name.as_deref());
    if text(&session, "mode") == Some("setup") {
        let intent = owned(&session, "setup_intent");
        let outcome = setup_intents::set_up(world, &intent, &method, false, None);
        return after_setup(world, id, outcome);
    }
    if first_amount(&session) == 0 {
        // A trial charges nothing now, but the card is saved for what comes after it.
        let session = world.stripe.store.copy("cs", id);
        let intent =
            setup_intents::open(world, customer_of(&session).as_deref(), None, json!({}), Value::Null);
        let fields = [("_trial_setup", intent.as_str().into()), ("_saved_method", method.as_str().into())];
        world.stripe.store.change("cs", id, fields);
        let outcome = setup_intents::set_up(world, &intent, &method, false, None);
        return after_setup(world, id, outcome);
    }
    let intent = ensure_intent(world, id);
    let terms = Terms { method: Some(method), ..Terms::default() };
    let outcome = confirm::charge(world, &intent, &terms);
    after_charge(world, id, outcome)
}

/// The buyer has answered the bank.
pub(crate) fn authenticate(world: &mut World, id: &str, succeeded: bool) -> Answer<Paid> {
    let session = open_session(world, id)?;
    if let Some(intent) = text(&session, "setup_intent").or_else(|| text(&session, "_trial_setup")) {
        let outcome = setup_intents::authenticate(world, intent, succeeded)?;
        return after_setup(world, id, outcome);
    }
    let intent = owned(&session, "_intent");
    let outcome = confirm::authenticate(world, &intent, succeeded)?;
    after_charge(world, id, outcome)
}

/// Whether the bank waits for the buyer of an open session to authenticate.
pub(crate) fn awaits_authentication(world: &World, session: &Value) -> bool {
    let waits = |prefix: &str, field: &str| {
        let intent = world.stripe.store.get(prefix, text(session, field).unwrap_or_default());
        intent.is_some_and(|intent| text(intent, "status") == Some("requires_action"))
    };
    text(session, "status") == Some("open")
        && (waits("pi", "_intent") || waits("seti", "setup_intent") || waits("seti", "_trial_setup"))
}

/// Where the buyer goes once a session is complete.
pub(crate) fn success_url(session: &Value) -> Option<String> {
    let url = text(session, "success_url").or_else(|| text(session, "return_url"))?;
    // Only the literal template is substituted; an escaped one stays as it is.
    Some(url.replace("{CHECKOUT_SESSION_ID}", text(session, "id").unwrap_or_default()))
}

/// The bank decides about a session that was completed unpaid.
pub(crate) fn settle(world: &mut World, id: &str, succeeded: bool) -> Answer<()> {
    let session = world.stripe.store.find("cs", id)?.clone();
    if text(&session, "status") != Some("complete") || text(&session, "payment_status") != Some("unpaid") {
        return Err(ApiError::invalid("Only a completed, unpaid Checkout Session can be settled."));
    }
    confirm::settle(world, text(&session, "payment_intent").unwrap_or_default(), succeeded)?;
    let event = if succeeded {
        world.stripe.store.change("cs", id, [("payment_status", "paid".into())]);
        "checkout.session.async_payment_succeeded"
    } else {
        "checkout.session.async_payment_failed"
    };
    let session = world.stripe.store.copy("cs", id);
    emit(world, event, &session);
    Ok(())
}

fn open_session(world: &World, id: &str) -> Answer<Value> {
    let session = world.stripe.store.find("cs", id)?;
    match text(session, "status") {
        Some("open") => Ok(session.clone()),
        status => {
            let status = status.unwrap_or_default();
            let message = format!("This Checkout Session is not open: its status is {status}.");
            Err(ApiError::invalid(message).code("checkout_session_not_open"))
        }
    }
}

fn buyer_email(world: &World, session: &Value, buyer: &Buyer) -> String {
    let customer = world.stripe.store.copy("cus", text(session, "customer").unwrap_or_default());
    let known = text(session, "customer_email").or_else(|| text(&customer, "email"));
    known.or(buyer.email.as_deref()).unwrap_or("buyer@example.com").to_owned()
}

fn note_buyer(world: &mut World, id: &str, email: &str, name: Option<&str>) {
    let details = json!({
        "address": {
            "city": null, "country": "US", "line1": null, "line2": null, "postal_code": null, "state": null,
        },
        "business_name": null, "email": email, "individual_name": null, "name": name, "phone": null,
        "tax_exempt": "none", "tax_ids": [],
    });
    world.stripe.store.change("cs", id, [("_buyer", details)]);
}

/// A session without a customer gets one where something has to belong to somebody.
fn ensure_customer(world: &mut World, id: &str, email: &str, name: Option<&str>) {
    let session = world.stripe.store.copy("cs", id);
    let known = text(&session, "customer").or_else(|| text(&session, "_customer"));
    let needed = text(&session, "mode") == Some("subscription")
        || text(&session, "customer_creation") == Some("always")
        || flag(&session, "_invoiced")
        || text(&session["_payment_data"], "setup_future_usage").is_some();
    if known.is_none() && needed {
        let customer = customers::create_for_buyer(world, email, name);
        world.stripe.store.change("cs", id, [("_customer", customer.into())]);
    }
}

fn customer_of(session: &Value) -> Option<String> {
    text(session, "customer").or_else(|| text(session, "_customer")).map(str::to_owned)
}

/// The intent of a session is made when it is first paid, and used again after a refusal.
fn ensure_intent(world: &mut World, id: &str) -> String {
    let session = world.stripe.store.copy("cs", id);
    if let Some(intent) = text(&session, "_intent") {
        return intent.to_owned();
    }
    let data = &session["_payment_data"];
    let subscribes = text(&session, "mode") == Some("subscription");
    let purpose = Purpose {
        amount: first_amount(&session),
        currency: owned(&session, "currency"),
        customer: customer_of(&session),
        description: if subscribes { "Subscription creation".into() } else { data["description"].clone() },
        metadata: data["metadata"].as_object().cloned().unwrap_or_default().into(),
        setup_future_usage: match text(data, "setup_future_usage") {
            None if subscribes => Some("off_session".to_owned()),
            usage => usage.map(str::to_owned),
        },
        capture_method: text(data, "capture_method").map(str::to_owned),
        receipt_email: data["receipt_email"].clone(),
    };
    let intent = payment_intents::open(world, purpose);
    world.stripe.store.change("cs", id, [("_intent", intent.as_str().into())]);
    intent
}

/// What is charged now: everything, except recurring lines during a trial.
fn first_amount(session: &Value) -> i64 {
    let on_trial = trial_days(session) > 0;
    let lines = session["_lines"].as_array().into_iter().flatten();
    lines.filter(|line| !(on_trial && is_recurring(line))).map(|line| integer(line, "amount_total")).sum()
}

fn trial_days(session: &Value) -> i64 {
    text(&session["_subscription_data"], "trial_period_days").and_then(|days| days.parse().ok()).unwrap_or(0)
}

fn after_charge(world: &mut World, id: &str, outcome: Outcome) -> Answer<Paid> {
    match outcome {
        Outcome::Declined(error) => Err(error),
        Outcome::ActionRequired => Ok(Paid::AuthenticationNeeded),
        Outcome::Succeeded => {
            complete(world, id, "paid");
            Ok(Paid::Complete)
        }
        Outcome::Authorized | Outcome::Processing => {
            complete(world, id, "unpaid");
            Ok(Paid::Complete)
        }
    }
}

fn after_setup(world: &mut World, id: &str, outcome: setup_intents::Outcome) -> Answer<Paid> {
    match outcome {
        setup_intents::Outcome::Declined(error) => Err(error),
        setup_intents::Outcome::ActionRequired => Ok(Paid::AuthenticationNeeded),
        setup_intents::Outcome::Succeeded => {
            complete(world, id, "no_payment_required");
            Ok(Paid::Complete)
        }
    }
}

fn complete(world: &mut World, id: &str, payment_status: &str) {
    let session = world.stripe.store.copy("cs", id);
    let customer = customer_of(&session);
    world.stripe.store.change(
        "cs",
        id,
        [
            ("status", "complete".into()),
            ("payment_status", payment_status.into()),
            ("url", Value::Null),
            ("customer", customer.as_deref().into()),
            ("customer_details", session["_buyer"].clone()),
        ],
    );
    match text(&session, "mode") {
        Some("payment") => {
            world.stripe.store.change("cs", id, [("payment_intent", session["_intent"].clone())]);
            let buyer = customer.as_deref().unwrap_or_default();
            let discount = session["_coupon"]
                .is_object()
                .then(|| coupons::redeem(world, &session["_coupon"], id, buyer, None));
            if flag(&session, "_invoiced") && payment_status == "paid" {
                let invoice = invoices::for_checkout(world, &session, customer.as_deref(), discount);
                world.stripe.store.change("cs", id, [("invoice", invoice.into())]);
            }
        }
        Some("subscription") => start_subscription(world, id, &session, customer),
        _ => {}
    }
    let session = world.stripe.store.copy("cs", id);
    emit(world, "checkout.session.completed", &session);
}

fn start_subscription(world: &mut World, id: &str, session: &Value, customer: Option<String>) {
    let intent = text(session, "_intent").map(str::to_owned);
    let paid_by = world.stripe.store.copy("pi", intent.as_deref().unwrap_or_default());
    let method = text(&paid_by, "payment_method").or_else(|| text(session, "_saved_method"));
    let data = &session["_subscription_data"];
    let started = subscriptions::start(
        world,
        Start {
            customer: customer.unwrap_or_default(),
            method: method.map(str::to_owned),
            lines: session["_lines"].as_array().cloned().unwrap_or_default(),
            metadata: data["metadata"].as_object().cloned().unwrap_or_default().into(),
            description: data["description"].clone(),
            trial_days: trial_days(session),
            paid_by: intent,
            coupon: Some(session["_coupon"].clone()).filter(Value::is_object),
            session: Some(id.to_owned()),
        },
    );
    world.stripe.store.change(
        "cs",
        id,
        [("subscription", started.subscription.into()), ("invoice", started.invoice.into())],
    );
}
