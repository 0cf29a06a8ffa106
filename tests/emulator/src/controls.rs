//! The controls under `/_emulator/`: what a buyer, a bank or bad luck would do, on demand.

use serde_json::{Value, json};

use crate::faults::Knobs;
use crate::requests::Requests;
use crate::server::{Reply, Request};
use crate::stripe::errors::{Answer, ApiError};
use crate::stripe::payment_intents::{confirm, decide};
use crate::stripe::sessions::pay::{self, Buyer, Paid};
use crate::stripe::store::{flag, owned, text, visible};
use crate::stripe::{
    banks, charges, disputes, events, foreign, fraud_warnings, payment_methods, refunds, sessions, settings,
    setup_intents,
};
use crate::world::{Emulator, Provider, World};
use crate::{creem, revenuecat};

pub(crate) fn answer(emulator: &Emulator, request: &Request) -> Reply {
    if let ["_emulator", "creem", rest @ ..] = request.segments().as_slice() {
        return creem::controls::answer(emulator, request, rest);
    }
    if let ["_emulator", "revenuecat", rest @ ..] = request.segments().as_slice() {
        return revenuecat::controls::answer(emulator, request, rest);
    }
    let body = if request.body.trim().is_empty() {
        json!({})
    } else {
        match serde_json::from_str(&request.body) {
            Ok(body) => body,
            Err(error) => return respond(Err(ApiError::invalid(format!("The body is not JSON: {error}")))),
        }
    };
    let segments = request.segments();
    let (method, segments) = (request.method.as_str(), &segments[1..]);
    if (method, segments) == ("POST", &["deliveries", "retry"][..]) {
        emulator.retry_now.notify_waiters();
        emulator.with(|world| world.deliveries.release_all());
        return respond(Ok(json!({})));
    }
    respond(emulator.with(|world| match segments.first().copied() {
        Some("checkout") => checkout(world, method, segments, &body),
        Some("clock") => clock(world, method, segments, &body),
        Some("deliveries") => deliveries(world, method, segments),
        Some("disputes") => dispute(world, method, segments, &body),
        Some("early_fraud_warnings") => early_fraud_warning(world, method, segments, &body),
        Some("events") => event(world, method, segments, &body, request),
        Some("faults") => faults(world, method, segments, body),
        Some("foreign") if (method, segments.len()) == ("POST", 1) => foreign::control(world, &body),
        Some("payment_intents" | "setup_intents") => authenticate(world, method, segments, &body),
        Some("payment_methods") => payment_method(world, method, segments, &body),
        Some("refunds") => refund(world, method, segments, &body),
        Some("requests") => requests(world, method, segments),
        Some("stripe") => settings::control(world, method, &segments[1..], body),
        _ => Err(unknown(method, segments)),
    }))
}

fn respond(answer: Answer) -> Reply {
    match answer {
        Ok(body) => Reply::json(200, body.to_string()),
        Err(error) => Reply::json(error.status(), error.body().to_string()),
    }
}

fn unknown(method: &str, segments: &[&str]) -> ApiError {
    ApiError::unknown_url(method, &format!("/_emulator/{}", segments.join("/")))
}

fn required_flag(body: &Value, field: &str) -> Answer<bool> {
    body[field].as_bool().ok_or_else(|| ApiError::missing(field))
}

fn checkout(world: &mut World, method: &str, segments: &[&str], body: &Value) -> Answer {
    let ("POST", [_, id, verb]) = (method, segments) else { return Err(unknown(method, segments)) };
    match *verb {
        "pay" => {
            world.stripe.store.find("cs", id)?;
            let buyer = buyer(body)?;
            if let Paid::AuthenticationNeeded = pay::pay(world, id, &buyer)? {
                // The buyer is there, so they authenticate unless told not to.
                pay::authenticate(world, id, body["authenticate"].as_bool().unwrap_or(true))?;
            }
        }
        "expire" => {
            sessions::expire(world, id)?;
        }
        "settle" => pay::settle(world, id, required_flag(body, "succeeded")?)?,
        _ => return Err(unknown(method, segments)),
    }
    let session = world.stripe.store.find("cs", id)?;
    Ok(json!({
        "session": id, "status": session["status"], "payment_status": session["payment_status"],
        "payment_intent": session["payment_intent"],
    }))
}

fn buyer(body: &Value) -> Answer<Buyer> {
    let owned = |field: &str| text(body, field).map(str::to_owned);
    let bank = match text(body, "bank_account") {
        Some(number) => Some(number),
        // One that never decides by itself.
        None => flag(body, "async").then_some("000000000009"),
    };
    Ok(Buyer {
        card: owned("card").unwrap_or_else(|| "4242424242424242".to_owned()),
        email: owned("email"),
        name: owned("name"),
        expiry: owned("expiry"),
        bank: bank.map(banks::by_number).transpose()?,
        processing: body["processing_seconds"].as_i64(),
        promotion_code: owned("promotion_code"),
        currency: owned("currency"),
        upsell: flag(body, "upsell"),
    })
}

fn clock(world: &mut World, method: &str, segments: &[&str], body: &Value) -> Answer {
    match (method, segments) {
        ("GET", [_]) => {}
        ("PUT", [_]) => move_clock(world, body)?,
        _ => return Err(unknown(method, segments)),
    }
    Ok(json!({
        "now": world.clock.unskewed(), "skew_seconds": world.clock.skew(), "stopped": world.clock.is_stopped(),
        "next_due": world.next_due(),
    }))
}

fn move_clock(world: &mut World, body: &Value) -> Answer<()> {
    let fields = ["now", "advance_seconds", "skew_seconds", "signs", "stopped"];
    if let Some(field) =
        body.as_object().and_then(|body| body.keys().find(|key| !fields.contains(&key.as_str())))
    {
        return Err(ApiError::invalid(format!("The clock has no {field}.")).param(field));
    }
    let now = match (body["now"].as_i64(), body["advance_seconds"].as_i64()) {
        (Some(now), None) => Some(now),
        (None, Some(seconds)) => Some(world.clock.unskewed().saturating_add(seconds)),
        (None, None) if fields[2..].iter().any(|field| !body[field].is_null()) => None,
        _ => {
            return Err(ApiError::invalid(
                "Send now (Unix seconds) or advance_seconds, or only skew_seconds, signs or stopped.",
            ));
        }
    };
    if let Some(skew) = body["skew_seconds"].as_i64() {
        world.clock.set_skew(skew);
    }
    if let Some(signs) = body["signs"].as_bool() {
        world.clock.sign(signs);
    }
    if let Some(stops) = body["stopped"].as_bool() {
        world.clock.stop(stops);
    }
    if let Some(now) = now {
        world.clock.set(now);
    }
    world.run_due();
    Ok(())
}

/// How many deliveries stand where: a short answer however many there were.
fn deliveries(world: &World, method: &str, segments: &[&str]) -> Answer {
    match (method, segments) {
        ("GET", [_]) => Ok(json!(world.deliveries.count())),
        _ => Err(unknown(method, segments)),
    }
}

fn dispute(world: &mut World, method: &str, segments: &[&str], body: &Value) -> Answer {
    match (method, segments) {
        ("POST", [_]) => {
            let charge = charges::named(world, body)?;
            let reason = text(body, "reason").unwrap_or("fraudulent");
            Ok(disputes::open(world, &charge, reason, flag(body, "inquiry"), body["amount"].as_i64()))
        }
        ("POST", [_, id, "close"]) => {
            let verdict = match (body["returned"].as_i64(), required_flag(body, "won")?) {
                (Some(part), false) => disputes::Verdict::PartlyReturned(part),
                (None, false) => disputes::Verdict::Lost,
                (None, true) => disputes::Verdict::Won,
                (Some(_), true) => {
                    return Err(ApiError::invalid("What is won is returned as a whole.").param("returned"));
                }
            };
            disputes::close(world, id, verdict)?;
            Ok(visible(world.stripe.store.find("dp", id)?))
        }
        ("POST", [_, id, "escalate"]) => {
            disputes::escalate(world, id)?;
            Ok(visible(world.stripe.store.find("dp", id)?))
        }
        _ => Err(unknown(method, segments)),
    }
}

fn early_fraud_warning(world: &mut World, method: &str, segments: &[&str], body: &Value) -> Answer {
    let ("POST", [_]) = (method, segments) else { return Err(unknown(method, segments)) };
    let charge = charges::named(world, body)?;
    fraud_warnings::open(world, &charge, text(body, "fraud_type").unwrap_or("misc"))
}

fn event(world: &mut World, method: &str, segments: &[&str], body: &Value, request: &Request) -> Answer {
    match (method, segments) {
        ("GET", [_]) => {
            let wanted = |name: &str| {
                let pairs = request.query.split('&').filter_map(|pair| pair.split_once('='));
                pairs.filter(|(field, _)| *field == name).map(|(_, value)| value).next()
            };
            // In the order they happened: the newest last.
            let mut happened = world.happened.as_slice();
            if let Some(after) = wanted("after") {
                let position = happened.iter().rposition(|(_, id)| id == after);
                let position = position.ok_or_else(|| ApiError::no_such("event", after))?;
                happened = &happened[position + 1..];
            }
            // Told apart before they are copied: there may be very many.
            let kind = wanted("type");
            let of_kind = happened
                .iter()
                .filter(|(provider, id)| kind.is_none_or(|kind| has_type(world, *provider, id, kind)));
            let shown = of_kind.map(|(provider, id)| shown(world, *provider, id));
            Ok(json!({ "events": shown.collect::<Value>() }))
        }
        ("GET", [_, id]) => {
            let provider = provider_of(world, id)?;
            Ok(shown(world, provider, id))
        }
        ("POST", [_]) if body["provider"] == "creem" => {
            let id = creem::events::emit_arbitrary(world, body).map_err(ApiError::invalid)?;
            Ok(shown(world, Provider::Creem, &id))
        }
        ("POST", [_]) => {
            let event = events::emit_arbitrary(world, body).map_err(ApiError::invalid)?;
            Ok(shown(world, Provider::Stripe, &owned(&event, "id")))
        }
        ("POST", [_, id, "resend"]) => {
            let endpoints = match provider_of(world, id)? {
                Provider::Stripe => events::resend(world, id),
                Provider::Creem => creem::events::resend(world, id),
                Provider::RevenueCat => revenuecat::events::resend(world, id),
            };
            Ok(json!({ "event": id, "endpoints": endpoints.unwrap_or(0) }))
        }
        _ => Err(unknown(method, segments)),
    }
}

fn provider_of(world: &World, id: &str) -> Answer<Provider> {
    if world.creem.store.get("evt", id).is_some() {
        return Ok(Provider::Creem);
    }
    if world.revenuecat.store.get("evt", id).is_some() {
        return Ok(Provider::RevenueCat);
    }
    let known = world.stripe.store.of_any_account("evt", id).is_some();
    known.then_some(Provider::Stripe).ok_or_else(|| ApiError::no_such("event", id))
}

fn has_type(world: &World, provider: Provider, id: &str, kind: &str) -> bool {
    let (event, field) = match provider {
        Provider::Stripe => (world.stripe.store.of_any_account("evt", id), "type"),
        Provider::Creem => (world.creem.store.get("evt", id), "eventType"),
        Provider::RevenueCat => (world.revenuecat.store.get("evt", id), "type"),
    };
    event.is_some_and(|event| text(event, field) == Some(kind))
}

/// An event as it was sent, with whose it is, its type under the name that Stripe has for it, and its deliveries.
fn shown(world: &World, provider: Provider, id: &str) -> Value {
    let mut shown = match provider {
        Provider::Stripe => world.stripe.store.of_any_account("evt", id).map(visible).unwrap_or_default(),
        Provider::Creem => world.creem.store.copy("evt", id),
        Provider::RevenueCat => world.revenuecat.store.copy("evt", id),
    };
    match provider {
        Provider::Stripe => shown["provider"] = "stripe".into(),
        Provider::Creem => {
            shown["provider"] = "creem".into();
            shown["type"] = shown["eventType"].clone();
        }
        Provider::RevenueCat => shown["provider"] = "revenuecat".into(),
    }
    shown["deliveries"] = json!(world.deliveries.of(id));
    shown
}

fn faults(world: &mut World, method: &str, segments: &[&str], body: Value) -> Answer {
    match (method, segments) {
        ("GET", [_]) => {}
        ("PUT", [_]) => {
            let knobs: Knobs =
                serde_json::from_value(body).map_err(|error| ApiError::invalid(error.to_string()))?;
            world.faults.replace(knobs).map_err(ApiError::invalid)?;
        }
        _ => return Err(unknown(method, segments)),
    }
    Ok(json!(world.faults.knobs))
}

fn authenticate(world: &mut World, method: &str, segments: &[&str], body: &Value) -> Answer {
    match (method, segments) {
        ("POST", ["payment_intents", id, "authenticate"]) => {
            let succeeded = required_flag(body, "succeeded")?;
            if let confirm::Outcome::Declined(error) = confirm::authenticate(world, id, succeeded)? {
                return Err(error);
            }
            Ok(visible(world.stripe.store.find("pi", id)?))
        }
        ("POST", ["payment_intents", id, "settle"]) => {
            let refusal = (!required_flag(body, "succeeded")?).then_some(decide::BANK_REFUSED);
            decide::decide(world, id, refusal)?;
            Ok(visible(world.stripe.store.find("pi", id)?))
        }
        ("POST", ["setup_intents", id, "authenticate"]) => {
            let succeeded = required_flag(body, "succeeded")?;
            if let setup_intents::Outcome::Declined(error) =
                setup_intents::authenticate(world, id, succeeded)?
            {
                return Err(error);
            }
            Ok(visible(world.stripe.store.find("seti", id)?))
        }
        _ => Err(unknown(method, segments)),
    }
}

fn payment_method(world: &mut World, method: &str, segments: &[&str], body: &Value) -> Answer {
    match (method, segments) {
        ("POST", [_, id, "decline"]) => payment_methods::decline_from_now_on(world, id, text(body, "reason")),
        ("POST", [_, id, "processing"]) => {
            let seconds = body["seconds"].as_i64().ok_or_else(|| ApiError::missing("seconds"))?;
            payment_methods::decide_later_from_now_on(world, id, seconds)
        }
        _ => Err(unknown(method, segments)),
    }
}

fn refund(world: &mut World, method: &str, segments: &[&str], body: &Value) -> Answer {
    let ("POST", [_, id, "settle"]) = (method, segments) else { return Err(unknown(method, segments)) };
    let succeeded = required_flag(body, "succeeded")?;
    world.stripe.store.find("re", id)?;
    if !refunds::settle(world, id, succeeded) {
        return Err(ApiError::invalid("This refund is settled already."));
    }
    Ok(visible(world.stripe.store.find("re", id)?))
}

fn requests(world: &mut World, method: &str, segments: &[&str]) -> Answer {
    match (method, segments) {
        ("GET", [_]) => {}
        ("DELETE", [_]) => world.requests = Requests::default(),
        _ => return Err(unknown(method, segments)),
    }
    Ok(json!({ "requests": world.requests.routes }))
}
