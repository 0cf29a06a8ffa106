//! Reads a signed event of Creem. Its envelope has `eventType` and `object` where others have `type` and `data`; both
//! spellings are read, as Creem's own SDK does.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::objects::{Checkout, Subscription};
use super::reversals::{Asked, Dispute, Refund};
use billing::payments::Provider;
use billing::provider_events::{Content, Event, IgnoreReason, Incoming};
use billing::reversals::ReversalFact;
use kernel::clock;
use kernel::clock::Timestamp;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(rename = "eventType", alias = "type")]
    kind: String,
    /// Milliseconds since 1970.
    #[serde(default)]
    created_at: Option<i64>,
    #[serde(default, borrow, alias = "data")]
    object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AnyObject {
    #[serde(default)]
    id: Option<String>,
    /// Of a subscription.
    #[serde(default)]
    last_transaction_id: Option<String>,
}

impl AnyObject {
    /// The object to ask Creem about. For a paid period that is its payment: the subscription would only lead to the
    /// last one.
    fn id(self, kind: &str) -> Option<String> {
        match self.last_transaction_id {
            Some(payment) if kind == "subscription.paid" => Some(payment),
            _ => self.id,
        }
    }
}

/// An event that is not in the form that Creem's events have.
#[derive(Debug, thiserror::Error)]
#[error("not an event of Creem (line {line}, column {column})")]
pub struct UnreadableEvent {
    line: usize,
    column: usize,
}

/// Reads an event whose signature has been verified. `trust` says whether what it states may be applied without
/// asking Creem; even then Creem is asked about an object that cannot be read.
///
/// # Errors
/// When it is not an event at all.
pub fn read(body: &str, received_at: Timestamp, trust: bool) -> Result<Incoming, UnreadableEvent> {
    let envelope: Envelope<'_> = serde_json::from_str(body)
        .map_err(|error| UnreadableEvent { line: error.line(), column: error.column() })?;
    let Some(object) = envelope.object.map(RawValue::get) else { return ping(envelope, body, received_at) };
    let about = match envelope.kind.as_str() {
        // Creem cannot be asked for these, but for the payment that they are about.
        "refund.created" | "dispute.created" => serde_json::from_str::<Asked>(object).ok(),
        _ => None,
    };
    let own_id =
        || serde_json::from_str::<AnyObject>(object).ok().and_then(|object| object.id(&envelope.kind));
    let object_id = about.map(|about| about.id().to_owned()).or_else(own_id);
    let at = envelope.created_at.and_then(clock::from_unix_milliseconds).unwrap_or(received_at);
    let content = match reader(&envelope.kind) {
        None => Content::ignored(IgnoreReason::Type),
        Some(_) if !trust => Content::needs_verification(),
        Some(read) => read(object, at).unwrap_or(Content::needs_verification()),
    };
    let id = envelope.id.ok_or(UnreadableEvent { line: 1, column: 0 })?;
    Ok(Incoming {
        event: Some(Event {
            provider: Provider::Creem,
            id,
            kind: envelope.kind,
            object_id,
            received_at,
            body: body.to_owned(),
        }),
        content,
    })
}

/// A test of the dashboard, which is about nothing.
fn ping(envelope: Envelope<'_>, body: &str, received_at: Timestamp) -> Result<Incoming, UnreadableEvent> {
    if reader(&envelope.kind).is_some() {
        return Err(UnreadableEvent { line: 1, column: 0 });
    }
    let event = envelope.id.map(|id| Event {
        provider: Provider::Creem,
        id,
        kind: envelope.kind,
        object_id: None,
        received_at,
        body: body.to_owned(),
    });
    Ok(Incoming { event, content: Content::ignored(IgnoreReason::Type) })
}

/// Reads an object in the state of a time; none if it cannot be read.
type Reader = fn(&str, Timestamp) -> Option<Content>;

/// How the object of a type of event is read; none for types that do not concern payments. A first payment comes
/// in three events (`checkout.completed`, `subscription.active`, `subscription.paid`): only the last one credits.
fn reader(kind: &str) -> Option<Reader> {
    match kind {
        "checkout.completed" => Some(|object, _| {
            let checkout: Checkout = serde_json::from_str(object).ok()?;
            Some(Content::fact(checkout.fact()))
        }),
        "subscription.paid" => Some(|object, at| {
            let subscription: Subscription = serde_json::from_str(object).ok()?;
            Some(Content::Subscription(Box::new(subscription.paid(at)?)))
        }),
        "subscription.active"
        | "subscription.trialing"
        | "subscription.canceled"
        | "subscription.scheduled_cancel"
        | "subscription.expired"
        | "subscription.unpaid"
        | "subscription.update"
        | "subscription.past_due"
        | "subscription.paused" => Some(|object, at| {
            let subscription: Subscription = serde_json::from_str(object).ok()?;
            Some(Content::Subscription(Box::new(subscription.standing(at))))
        }),
        "refund.created" => Some(|object, _| reversal(serde_json::from_str::<Refund>(object).ok()?.fact()?)),
        "dispute.created" => {
            Some(|object, _| reversal(serde_json::from_str::<Dispute>(object).ok()?.fact()?))
        }
        _ => None,
    }
}

#[allow(clippy::unnecessary_wraps)] // It ends the readers, which may find nothing to read.
fn reversal(fact: ReversalFact) -> Option<Content> {
    Some(Content::Reversal(Box::new(fact)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use billing::payments::Stage;
    use billing::provider_events::PaymentNews;
    use billing::subscriptions::{News, PriceOf};
    use serde_json::{Value, json};

    const NOW: Timestamp = time::macros::datetime!(2026-11-24 08:00 UTC);
    const ORDER: &str = "019a0000-0000-7000-8000-000000000001";

    fn content(kind: &str, object: &Value) -> Content {
        let body =
            json!({"id": "evt_1", "eventType": kind, "created_at": 1_790_000_000_000_i64, "object": object});
        read(&body.to_string(), NOW, true).unwrap().content
    }

    fn checkout(kind: &str, amount_paid: i64) -> Value {
        json!({"id": "ch_1", "mode": "test", "status": "completed", "request_id": format!("{ORDER}:1"),
               "metadata": {"payment_id": ORDER, "user_id": "alice", "n": 1}, "customer": {"id": "cust_1"},
               "order": {"id": "ord_1", "amount": 1000, "amount_paid": amount_paid, "tax_amount": 210,
                         "discount_amount": 100, "currency": "USD", "status": "paid", "type": kind,
                         "transaction": "tran_1"}})
    }

    #[test]
    fn tax_is_not_ours_and_a_short_payment_is_not_full() {
        let paid = |amount_paid| match content("checkout.completed", &checkout("onetime", amount_paid)) {
            Content::Payment(PaymentNews::Fact(fact)) => (fact.stage, fact.money.unwrap().minor),
            other => panic!("{other:?}"),
        };
        assert_eq!(paid(1_089), (Stage::Paid, 900));
        assert_eq!(paid(900), (Stage::Paid, 900));
        assert_eq!(paid(899), (Stage::Paid, 899));
    }

    #[test]
    fn a_ping_is_ignored_and_an_event_without_its_object_is_refused() {
        for ping in [json!({"id": "evt_1", "eventType": "test"}), json!({"eventType": "webhook.test"})] {
            let content = read(&ping.to_string(), NOW, true).unwrap().content;
            assert!(matches!(content, Content::Payment(PaymentNews::Ignored(IgnoreReason::Type))), "{ping}");
        }
        for odd in [json!({"id": "evt_1", "eventType": "refund.created"}), json!({"id": "evt_1"}), json!([])]
        {
            assert!(read(&odd.to_string(), NOW, true).is_err(), "{odd}");
        }
    }

    /// Times as in events of Creem: of a renewal, of a first payment, and of a move after a renewal.
    #[test]
    fn the_product_is_as_old_as_the_last_change_of_its_subscription() {
        let price_of = |paid_at: i64, updated_at: &str| {
            let payment = json!({"id": "tran_1", "amount": 999, "amount_paid": 999, "currency": "USD",
                                 "status": "paid", "created_at": paid_at, "period_start": 1_754_484_817_000_i64});
            let object = json!({"id": "sub_1", "mode": "prod", "status": "active", "product": {"id": "prod_1"},
                                "updated_at": updated_at, "last_transaction": payment});
            let Content::Subscription(fact) = content("subscription.paid", &object) else { panic!("unread") };
            let News::Paid(paid) = fact.news else { panic!("not paid") };
            assert_eq!(paid.period_start.unwrap().unix_timestamp(), 1_754_484_817);
            paid.price_of
        };
        let unchanged = PriceOf::UnchangedSubscription;
        assert_eq!(price_of(1_754_484_874_979, "2025-07-06T12:54:42.638Z"), unchanged);
        assert_eq!(price_of(1_750_941_205_659, "2025-06-26T12:33:26.102Z"), unchanged);
        assert_eq!(price_of(1_754_484_874_979, "2025-08-06T13:20:00.000Z"), PriceOf::ChangedSubscription);
    }

    #[test]
    fn the_checkout_of_a_subscription_credits_nothing() {
        match content("checkout.completed", &checkout("recurring", 1_089)) {
            Content::Payment(PaymentNews::Fact(fact)) => {
                assert_eq!((fact.stage, fact.money), (Stage::Open, None))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_period_is_paid_by_its_transaction() {
        let mut object = json!({"id": "sub_1", "mode": "prod", "status": "active",
            "metadata": {"payment_id": ORDER}, "product": {"id": "prod_1", "price": 999},
            "customer": "cust_1", "last_transaction_id": "tran_2",
            "current_period_end_date": "2026-12-24T08:00:00.000Z",
            "last_transaction": {"id": "tran_2", "amount": 999, "amount_paid": 1_209, "currency": "USD",
                                 "status": "paid"}});
        match content("subscription.paid", &object) {
            Content::Subscription(fact) => {
                assert!(fact.livemode && fact.payment_id.is_some());
                let News::Paid(paid) = fact.news else { panic!("not paid") };
                assert_eq!((paid.payment.as_str(), paid.money.minor, paid.lines.len()), ("tran_2", 999, 1));
                assert!(paid.period_end.is_some());
                // Nothing says when it was paid and when the subscription was changed.
                assert_eq!(paid.price_of, PriceOf::ChangedSubscription);
            }
            other => panic!("{other:?}"),
        }
        // Without the payment it proves nothing.
        object["last_transaction"] = Value::Null;
        assert!(matches!(
            content("subscription.paid", &object),
            Content::Payment(PaymentNews::NeedsVerification)
        ));
        assert!(matches!(
            content("customer.created", &object),
            Content::Payment(PaymentNews::Ignored(IgnoreReason::Type))
        ));
    }
}
