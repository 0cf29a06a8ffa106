//! A buyer pays a Checkout Session: on the hosted page or by a control, in one step or after the bank
//! asked them something, at once or days later.

use serde_json::{Value, json};

use super::choices;
use super::complete::{after_charge, after_setup, complete};
use super::lines::is_recurring;
use crate::stripe::banks::Account;
use crate::stripe::cards;
use crate::stripe::errors::{Answer, ApiError};
use crate::stripe::payment_intents::confirm::{self, Terms};
use crate::stripe::payment_intents::{self, Purpose, decide};
use crate::stripe::store::{flag, integer, owned, text};
use crate::stripe::{customer_balance, customers, payment_methods, setup_intents};
use crate::world::World;

/// Who pays, and with what.
#[derive(Debug, Default, Clone)]
pub(crate) struct Buyer {
    pub(crate) card: String,
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    /// As typed on the page, such as `12 / 34`; any future date if absent.
    pub(crate) expiry: Option<String>,
    /// Pay by a debit of this account, which its bank decides days later, instead of the card.
    pub(crate) bank: Option<&'static Account>,
    /// Seconds that the bank of the card takes to decide.
    pub(crate) processing: Option<i64>,
    /// Typed in where the session allows promotion codes.
    pub(crate) promotion_code: Option<String>,
    /// Chosen where the prices have several.
    pub(crate) currency: Option<String>,
    /// Take the yearly price that is offered instead of the monthly one.
    pub(crate) upsell: bool,
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
    check_method(&session, buyer)?;
    let card = if buyer.bank.is_some() { None } else { Some(cards::by_number(&buyer.card)?) };
    if let Some(expiry) = buyer.expiry.as_deref().filter(|_| card.is_some()) {
        cards::check_expiry(expiry, world.clock.now())?;
    }
    let email = buyer_email(world, &session, buyer);
    note_buyer(world, id, &email, buyer.name.as_deref());
    choices::apply(world, id, buyer)?;
    let session = world.stripe.store.copy("cs", id);
    if text(&session, "mode") == Some("payment") && integer(&session, "amount_total") == 0 {
        complete(world, id, "no_payment_required");
        return Ok(Paid::Complete);
    }
    let billing = json!({ "email": email, "name": buyer.name });
    let method = match (card, buyer.bank) {
        (_, Some(account)) => payment_methods::create_bank_debit(world, account, billing),
        (Some(card), None) => payment_methods::create(world, card, billing),
        (None, None) => return Err(ApiError::missing("card")),
    };
    if let Some(seconds) = buyer.processing {
        payment_methods::decide_later_from_now_on(world, &method, seconds)?;
    }
    ensure_customer(world, id, &email, buyer.name.as_deref());
    if text(&session, "mode") == Some("setup") {
        let intent = owned(&session, "setup_intent");
        let outcome = setup_intents::set_up(world, &intent, &method, false, None);
        return after_setup(world, id, outcome);
    }
    if amount_now(world, id) == 0 {
        // A trial, or the customer's balance, leaves nothing to charge now; the card is saved for what comes.
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

/// Refuses a debit where the session takes cards only, or nothing is to be debited.
fn check_method(session: &Value, buyer: &Buyer) -> Answer<()> {
    let Some(account) = buyer.bank else { return Ok(()) };
    if !takes(session, account.kind()) {
        let message = format!("This Checkout Session does not accept {}.", account.kind());
        return Err(ApiError::invalid(message).param("payment_method_type"));
    }
    if text(session, "mode") == Some("setup") || trial_days(session) > 0 {
        return Err(ApiError::invalid("Only what is paid at once can be paid by bank debit here."));
    }
    Ok(())
}

/// Whether the page of a session offers a type of payment method.
pub(crate) fn takes(session: &Value, kind: &str) -> bool {
    match session["allowed_payment_method_types"].as_array() {
        Some(allowed) => allowed.iter().any(|one| one == kind),
        None => true,
    }
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
    let refusal = (!succeeded).then_some(decide::BANK_REFUSED);
    decide::decide(world, text(&session, "_intent").unwrap_or_default(), refusal)
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

pub(super) fn customer_of(session: &Value) -> Option<String> {
    text(session, "customer").or_else(|| text(session, "_customer")).map(str::to_owned)
}

/// The intent of a session is made when it is first paid, and used again after a refusal.
fn ensure_intent(world: &mut World, id: &str) -> String {
    let amount = amount_now(world, id);
    let session = world.stripe.store.copy("cs", id);
    let currency = owned(&session, "currency");
    if let Some(intent) = text(&session, "_intent") {
        // What the buyer chose meanwhile, such as a promotion code, may have changed it.
        let fields = [("amount", amount.into()), ("currency", currency.into())];
        world.stripe.store.change("pi", intent, fields);
        return intent.to_owned();
    }
    let data = &session["_payment_data"];
    let subscribes = text(&session, "mode") == Some("subscription");
    let purpose = Purpose {
        amount,
        currency,
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
    world.stripe.store.change("pi", &intent, [("_session", id.into())]);
    intent
}

/// What is charged now: everything, except recurring lines during a trial. The customer's balance pays first
/// of what becomes the invoice of a subscription.
fn amount_now(world: &World, id: &str) -> i64 {
    let session = world.stripe.store.copy("cs", id);
    let on_trial = trial_days(&session) > 0;
    let lines = session["_lines"].as_array().into_iter().flatten();
    let total = { lines.filter(|line| !(on_trial && is_recurring(line))) }
        .map(|line| integer(line, "amount_total"))
        .sum();
    if text(&session, "mode") != Some("subscription") {
        return total;
    }
    let customer = world.stripe.store.copy("cus", &customer_of(&session).unwrap_or_default());
    let balance = customer_balance::of(&customer, text(&session, "currency").unwrap_or_default());
    customer_balance::settle(total, balance).due
}

pub(super) fn trial_days(session: &Value) -> i64 {
    text(&session["_subscription_data"], "trial_period_days").and_then(|days| days.parse().ok()).unwrap_or(0)
}
