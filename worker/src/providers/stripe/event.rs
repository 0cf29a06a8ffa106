//! Reads a signed event: what it says about a payment, or that Stripe has to be asked about its object, or that it does
//! not concern payments.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::API_VERSION;
use super::objects::{Charge, Intent, Session};
use super::off_session::SetupIntent;
use super::reversals::{Dispute, FraudWarning, Refund};
use super::subscriptions::{Invoice, Subscription};
use billing::payments::{Fact, Provider};
use billing::provider_events::{Content, Event, IgnoreReason, Incoming};
use billing::reversals::{ReversalFact, ReversalState};
use kernel::clock;
use kernel::clock::Timestamp;

#[derive(Deserialize)]
struct Envelope<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    /// Seconds since 1970; a thin event has a text.
    #[serde(default)]
    created: Option<serde_json::Value>,
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    livemode: Option<bool>,
    /// None in a thin event, which only names its object.
    #[serde(default, borrow)]
    data: Option<Data<'a>>,
    #[serde(default)]
    object: Option<String>,
    #[serde(default)]
    related_object: Option<AnyObject>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct AnyObject {
    #[serde(default)]
    id: Option<String>,
}

/// An event that is not in the form that Stripe's snapshot events have.
#[derive(Debug, thiserror::Error)]
#[error("not a snapshot event of Stripe (line {line}, column {column})")]
pub struct UnreadableEvent {
    line: usize,
    column: usize,
}

/// Reads an event whose signature has been verified. `trust` says whether what it states may be applied without
/// asking Stripe; even then Stripe is asked about an object of another API version, or one that cannot be
/// read.
///
/// # Errors
/// When it is not an event at all.
pub fn read(body: &str, received_at: Timestamp, trust: bool) -> Result<Incoming, UnreadableEvent> {
    let envelope: Envelope<'_> = serde_json::from_str(body)
        .map_err(|error| UnreadableEvent { line: error.line(), column: error.column() })?;
    let Some(data) = &envelope.data else { return thin(envelope, body, received_at) };
    let object = data.object.get();
    let object_id = serde_json::from_str::<AnyObject>(object).ok().and_then(|object| object.id);
    let content = match reader(&envelope.kind) {
        None => Content::ignored(IgnoreReason::Type),
        Some(_) if !trust || envelope.api_version.as_deref() != Some(API_VERSION) => {
            Content::needs_verification()
        }
        Some(read) => {
            let created = envelope.created.as_ref().and_then(serde_json::Value::as_i64);
            let created = created.and_then(clock::from_unix_seconds);
            let context = EventContext { at: created.unwrap_or(received_at), livemode: envelope.livemode };
            read(object, &context).unwrap_or(Content::needs_verification())
        }
    };
    Ok(Incoming {
        event: Some(Event {
            provider: Provider::Stripe,
            id: envelope.id,
            kind: envelope.kind,
            object_id,
            received_at,
            body: body.to_owned(),
        }),
        content,
    })
}

/// A thin event: it says that something happened to an object, and Stripe is asked about the object. Pings, and events
/// of types that do not matter, are ignored.
fn thin(envelope: Envelope<'_>, body: &str, received_at: Timestamp) -> Result<Incoming, UnreadableEvent> {
    if envelope.object.as_deref() != Some("v2.core.event") {
        return Err(UnreadableEvent { line: 1, column: 0 });
    }
    // Those of objects that there are snapshots of too have their types after `v1.`.
    let kind = envelope.kind.strip_prefix("v1.").unwrap_or(&envelope.kind);
    let content = match reader(kind) {
        Some(_) => Content::needs_verification(),
        None => Content::ignored(IgnoreReason::Type),
    };
    let event = Event {
        provider: Provider::Stripe,
        id: envelope.id,
        kind: envelope.kind,
        object_id: envelope.related_object.and_then(|object| object.id),
        received_at,
        body: body.to_owned(),
    };
    Ok(Incoming { event: Some(event), content })
}

/// What an event says besides its object.
struct EventContext {
    /// When the object was in the state that the event shows.
    at: Timestamp,
    livemode: Option<bool>,
}

/// Reads the object of an event; none if it cannot be read, or lacks something that has to be known.
type Reader = fn(&str, &EventContext) -> Option<Content>;

/// How the object of a type of event is read; none for types that do not concern payments.
fn reader(kind: &str) -> Option<Reader> {
    match kind {
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.expired" => Some(|object, _| session(parse(object)?)),
        "checkout.session.async_payment_failed" => {
            Some(|object, _| payment(parse::<Session>(object)?.fact(true)))
        }
        "payment_intent.succeeded"
        | "payment_intent.payment_failed"
        | "payment_intent.processing"
        | "payment_intent.canceled" => Some(|object, _| payment(parse::<Intent>(object)?.fact())),
        "setup_intent.succeeded" | "setup_intent.setup_failed" | "setup_intent.canceled" => {
            Some(|object, _| payment(parse::<SetupIntent>(object)?.fact()))
        }
        // Only Stripe's answer says whether the card still belongs to its customer now.
        "payment_method.detached" | "payment_method.updated" | "payment_method.automatically_updated" => {
            Some(|_, _| Some(Content::needs_verification()))
        }
        "charge.succeeded" | "charge.updated" => Some(|object, _| payment(parse::<Charge>(object)?.fact())),
        "invoice.paid" | "invoice.payment_failed" => Some(|object, context| {
            let invoice = parse::<Invoice>(object)?;
            if !invoice.is_for_subscription() {
                let other = Content::ignored(IgnoreReason::NoSubscription);
                return Some(invoice.purchase_fact().map_or(other, Content::fact));
            }
            if !invoice.is_whole() {
                return None;
            }
            Some(Content::Subscription(Box::new(invoice.fact(context.at)?)))
        }),
        "customer.subscription.created"
        | "customer.subscription.updated"
        | "customer.subscription.deleted"
        | "customer.subscription.paused"
        | "customer.subscription.resumed" => Some(|object, context| {
            Some(Content::Subscription(Box::new(parse::<Subscription>(object)?.fact(context.at))))
        }),
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            Some(|object, context| reversal(parse::<Refund>(object)?.fact(context.livemode?)?))
        }
        // It has only the sum of all refunds, which a failed one lowers again: Stripe is asked for the refunds.
        "charge.refunded" => Some(|_, _| None),
        "charge.dispute.created"
        | "charge.dispute.updated"
        | "charge.dispute.closed"
        | "charge.dispute.funds_reinstated" => Some(|object, _| reversal(parse::<Dispute>(object)?.fact()?)),
        "radar.early_fraud_warning.created" | "radar.early_fraud_warning.updated" => {
            Some(|object, said| reversal(parse::<FraudWarning>(object)?.fact(said.livemode?)))
        }
        "charge.dispute.funds_withdrawn" => Some(|object, _| {
            let fact = parse::<Dispute>(object)?.fact()?;
            // Without the movement that took the money, its return later could not be recognised.
            if fact.standing == ReversalState::Announced { None } else { reversal(fact) }
        }),
        _ => None,
    }
}

#[allow(clippy::unnecessary_wraps)] // As below.
fn session(session: Session) -> Option<Content> {
    if session.is_unordered() {
        return Some(Content::ignored(IgnoreReason::Unordered));
    }
    Some(Content::fact(session.fact(false)))
}

#[allow(clippy::unnecessary_wraps)] // It ends the readers, which may find nothing to read.
fn payment(fact: Fact) -> Option<Content> {
    Some(Content::fact(fact))
}

#[allow(clippy::unnecessary_wraps)] // As above.
fn reversal(fact: ReversalFact) -> Option<Content> {
    Some(Content::Reversal(Box::new(fact)))
}

fn parse<'a, T: Deserialize<'a>>(object: &'a str) -> Option<T> {
    serde_json::from_str(object).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use billing::payments::Stage;
    use billing::provider_events::PaymentNews;
    use serde_json::json;

    const NOW: Timestamp = time::macros::datetime!(2026-11-21 08:00 UTC);

    fn session_event(status: &str, payment_status: &str, version: &str) -> String {
        json!({"id": "evt_1", "object": "event", "api_version": version, "type": "checkout.session.completed",
               "livemode": false, "data": {"object": {"id": "cs_1", "livemode": false, "mode": "payment",
               "status": status, "payment_status": payment_status, "amount_total": 2500, "currency": "usd",
               "client_reference_id": "019a0000-0000-7000-8000-000000000001", "metadata": null,
               "payment_intent": {"id": "pi_1", "object": "payment_intent"}, "customer": "cus_1"}}})
        .to_string()
    }

    fn stage(body: &str) -> Option<Stage> {
        match read(body, NOW, true).unwrap().content {
            Content::Payment(PaymentNews::Fact(fact)) => Some(fact.stage),
            _ => None,
        }
    }

    #[test]
    fn completed_is_not_paid() {
        assert_eq!(stage(&session_event("complete", "paid", API_VERSION)), Some(Stage::Paid));
        assert_eq!(stage(&session_event("complete", "unpaid", API_VERSION)), Some(Stage::Open));
        assert_eq!(stage(&session_event("open", "unpaid", API_VERSION)), Some(Stage::Open));
        assert_eq!(stage(&session_event("expired", "unpaid", API_VERSION)), Some(Stage::Expired));
        assert_eq!(
            stage(&session_event("expired", "no_payment_required", API_VERSION)),
            Some(Stage::Expired)
        );
        assert_eq!(stage(&session_event("complete", "no_payment_required", API_VERSION)), Some(Stage::Paid));
        assert_eq!(stage(&session_event("complete", "a_new_status", API_VERSION)), Some(Stage::Open));
    }

    #[test]
    fn what_an_event_does_not_prove_is_asked_about() {
        let unproven = |body: &str, trust| {
            matches!(
                read(body, NOW, trust).unwrap().content,
                Content::Payment(PaymentNews::NeedsVerification)
            )
        };
        assert!(unproven(&session_event("complete", "paid", "2024-06-20"), true));
        assert!(unproven(&session_event("complete", "paid", API_VERSION), false));
        let odd = session_event("complete", "paid", API_VERSION).replace("\"livemode\":false,\"me", "\"me");
        assert!(unproven(&odd, true));
    }

    #[test]
    fn other_types_are_ignored_and_rubbish_is_refused() {
        let other = json!({"id": "evt_1", "type": "customer.created", "data": {"object": {}}}).to_string();
        assert!(matches!(
            read(&other, NOW, true).unwrap().content,
            Content::Payment(PaymentNews::Ignored(IgnoreReason::Type))
        ));
        let thin = |kind: &str| {
            let body = json!({"id": "evt_2", "object": "v2.core.event", "type": kind, "livemode": false,
                              "created": "2026-11-21T08:00:00.000Z",
                              "related_object": {"id": "cs_1", "type": "checkout.session", "url": "/v1/…"}});
            read(&body.to_string(), NOW, true).unwrap()
        };
        for kind in ["v2.core.event_destination.ping", "v1.customer.created"] {
            let content = thin(kind).content;
            assert!(matches!(content, Content::Payment(PaymentNews::Ignored(IgnoreReason::Type))), "{kind}");
        }
        let told = thin("v1.checkout.session.completed");
        assert!(matches!(told.content, Content::Payment(PaymentNews::NeedsVerification)));
        assert_eq!(told.event.unwrap().object_id.as_deref(), Some("cs_1"));
        for body in ["", "null", "[]", "{}", "{\"id\":1}", "{\"object\":\"v2.core.event\"}"] {
            assert!(read(body, NOW, true).is_err(), "{body}");
        }
    }
}
