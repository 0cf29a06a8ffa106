//! Reads a proven event of RevenueCat. Fields come and go without a version, so a field of an unexpected type counts as
//! missing.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use billing::app_stores::rules::{QUANTITY_MAX, joined};
use billing::app_stores::{StoreFact, StoreNews, Transaction};
use billing::payments::Provider;
use billing::provider_events::{Content, Event, IgnoreReason, Incoming};
use kernel::clock;
use kernel::clock::Timestamp;
use kernel::money::{Money, parse_scaled};

/// Longer texts are not ids. RevenueCat's own limit for the names of buyers is 100 characters.
const TEXT_MAX: usize = 255;

/// Currencies that are not counted in hundredths.
const NO_HUNDREDTHS: [&str; 17] = [
    "bif", "clp", "djf", "gnf", "isk", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf",
    "xof", "xpf",
];

#[derive(Deserialize)]
struct Envelope {
    event: StoreEvent,
}

#[derive(Deserialize)]
struct StoreEvent {
    #[serde(default, deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "lenient")]
    event_timestamp_ms: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    environment: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    app_user_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    original_app_user_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    aliases: Option<Vec<String>>,
    #[serde(default, deserialize_with = "lenient")]
    transferred_from: Option<Vec<String>>,
    #[serde(default, deserialize_with = "lenient")]
    transferred_to: Option<Vec<String>>,
    #[serde(default, deserialize_with = "lenient")]
    store: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    transaction_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    product_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    period_type: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    is_family_share: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    cancel_reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    entitlement_ids: Option<Vec<String>>,
    #[serde(default, deserialize_with = "lenient")]
    price_in_purchased_currency: Option<serde_json::Number>,
    #[serde(default, deserialize_with = "lenient")]
    currency: Option<String>,
    /// How many were bought: not among the documented fields.
    #[serde(default, deserialize_with = "lenient")]
    quantity: Option<i64>,
}

fn lenient<'de, T: DeserializeOwned, D: Deserializer<'de>>(field: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(serde_json::Value::deserialize(field)?).ok())
}

/// An event that is not in the form that RevenueCat's events have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableEvent {
    #[error("not an event of RevenueCat (line {line}, column {column})")]
    Form { line: usize, column: usize },
    /// A purchase or refund needs this field.
    #[error("an event of RevenueCat without a usable {0}")]
    Field(&'static str),
}

/// Reads an event that has been proven. Only purchases of these environments count.
///
/// # Errors
/// When it is not an event at all, or one about money that does not say what was bought.
pub fn read(
    body: &str,
    received_at: Timestamp,
    environments: &[String],
) -> Result<Incoming, UnreadableEvent> {
    let Envelope { event } = serde_json::from_str(body)
        .map_err(|error| UnreadableEvent::Form { line: error.line(), column: error.column() })?;
    // The dashboard's test says only that events arrive.
    if event.kind == "TEST" && text(event.id.as_deref()).is_none() {
        return Ok(Incoming { event: None, content: Content::ignored(IgnoreReason::Type) });
    }
    let content = content(&event, received_at, environments)?;
    let (id, kind) = (text(event.id.as_deref()), text(Some(&event.kind)));
    Ok(Incoming {
        event: Some(Event {
            provider: Provider::Revenuecat,
            id: id.ok_or(UnreadableEvent::Field("id"))?,
            kind: kind.ok_or(UnreadableEvent::Field("type"))?,
            object_id: text(event.transaction_id.as_deref()),
            received_at,
            body: body.to_owned(),
        }),
        content,
    })
}

fn content(
    event: &StoreEvent,
    received_at: Timestamp,
    environments: &[String],
) -> Result<Content, UnreadableEvent> {
    let is_counted = event.environment.as_ref().map(|environment| environments.contains(environment));
    let about_transaction = |news: fn(Transaction) -> StoreNews, buys_access| {
        if is_counted != Some(true) {
            return Ok(Content::ignored(IgnoreReason::Environment));
        }
        let transaction = Transaction {
            store: text(event.store.as_deref()).ok_or(UnreadableEvent::Field("store"))?,
            id: text(event.transaction_id.as_deref()).ok_or(UnreadableEvent::Field("transaction_id"))?,
            product_id: text(event.product_id.as_deref()).ok_or(UnreadableEvent::Field("product_id"))?,
            environment: event.environment.clone().unwrap_or_default(),
            buys_access,
            paid: event.paid(),
            quantity: event.quantity.filter(|quantity| (1..=QUANTITY_MAX).contains(quantity)),
        };
        Ok(fact(event, received_at, event.buyers(), news(transaction)))
    };
    match event.kind.as_str() {
        // The seller's own gifts: nobody paid for them, and no store knows their transactions.
        "NON_RENEWING_PURCHASE" | "INITIAL_PURCHASE" | "RENEWAL" | "CANCELLATION" | "REFUND_REVERSED"
            if event.is_gift() =>
        {
            Ok(Content::ignored(IgnoreReason::UnpaidPeriod))
        }
        // The buyer's family may use it too, but only the buyer has paid.
        "NON_RENEWING_PURCHASE" | "INITIAL_PURCHASE" | "RENEWAL" if event.is_family_share == Some(true) => {
            Ok(Content::ignored(IgnoreReason::FamilyShare))
        }
        "NON_RENEWING_PURCHASE" => about_transaction(StoreNews::Bought, event.unlocks()),
        // A trial is not paid.
        "INITIAL_PURCHASE" | "RENEWAL" if event.period_type.as_deref() == Some("TRIAL") => {
            Ok(Content::ignored(IgnoreReason::UnpaidPeriod))
        }
        "INITIAL_PURCHASE" | "RENEWAL" => about_transaction(StoreNews::Bought, true),
        "CANCELLATION" if event.cancel_reason.as_deref() == Some("CUSTOMER_SUPPORT") => {
            about_transaction(StoreNews::Refunded, true)
        }
        // It only says that the next period will not be bought.
        "CANCELLATION" => Ok(Content::ignored(IgnoreReason::NoRefund)),
        "REFUND_REVERSED" => about_transaction(StoreNews::RefundReversed, true),
        "TRANSFER" | "SUBSCRIBER_ALIAS" if is_counted == Some(false) => {
            Ok(Content::ignored(IgnoreReason::Environment))
        }
        "TRANSFER" => {
            let (from, to) = (names(&event.transferred_from), names(&event.transferred_to));
            if from.is_empty() || to.is_empty() {
                return Ok(Content::ignored(IgnoreReason::NoBuyer));
            }
            Ok(fact(event, received_at, to, StoreNews::MovedFrom(from)))
        }
        "SUBSCRIBER_ALIAS" => Ok(fact(event, received_at, event.buyers(), StoreNews::SamePerson)),
        _ => Ok(Content::ignored(IgnoreReason::Type)),
    }
}

fn fact(event: &StoreEvent, received_at: Timestamp, buyers: Vec<String>, news: StoreNews) -> Content {
    let at = event.event_timestamp_ms.and_then(clock::from_unix_milliseconds).unwrap_or(received_at);
    Content::Store(Box::new(StoreFact { at, buyers, news }))
}

impl StoreEvent {
    fn is_gift(&self) -> bool {
        self.store.as_deref() == Some("PROMOTIONAL") || self.period_type.as_deref() == Some("PROMOTIONAL")
    }

    /// What was charged. Currencies without hundredths are left out.
    fn paid(&self) -> Option<Money> {
        let currency = self.currency.as_deref()?.to_ascii_lowercase();
        if NO_HUNDREDTHS.contains(&currency.as_str()) {
            return None;
        }
        let minor = parse_scaled(&self.price_in_purchased_currency.as_ref()?.to_string(), 2).ok()?;
        Some(Money::new(minor, currency.parse().ok()?))
    }

    /// Whether it entitles to something, as an unlock for life does and credits do not.
    fn unlocks(&self) -> bool {
        self.entitlement_ids.as_ref().is_some_and(|entitlements| !entitlements.is_empty())
    }

    /// All names of the buyer; the one that the app uses now is first.
    fn buyers(&self) -> Vec<String> {
        let current =
            [&self.app_user_id, &self.original_app_user_id].into_iter().flatten().cloned().collect();
        joined(&names(&Some(current)), &names(&self.aliases))
    }
}

fn names(all: &Option<Vec<String>>) -> Vec<String> {
    all.iter().flatten().filter_map(|name| text(Some(name))).collect()
}

/// A text that can be an id.
fn text(given: Option<&str>) -> Option<String> {
    let fits =
        |text: &&str| (1..=TEXT_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    given.filter(fits).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use billing::provider_events::PaymentNews;

    const NOW: Timestamp = time::macros::datetime!(2026-11-24 08:00 UTC);

    fn purchase(kind: &str) -> Value {
        json!({"api_version": "1.0", "event": {
            "id": "CD489E0E-5D52-4E03-966B-A7F17788E432", "type": kind, "app_id": "app1",
            "event_timestamp_ms": 1_790_000_000_000_i64, "app_user_id": "alice",
            "original_app_user_id": "$RCAnonymousID:87c6049c58069238dce29853916d624c",
            "aliases": ["$RCAnonymousID:87c6049c58069238dce29853916d624c", "alice", "alice-old"],
            "product_id": "com.allmine.credits.100", "period_type": "NORMAL", "store": "APP_STORE",
            "environment": "PRODUCTION", "transaction_id": "170000869511114",
            "original_transaction_id": "1530648507000", "price": 8.99, "currency": "USD",
            "is_family_share": false, "country_code": "TR", "entitlement_ids": null, "expiration_at_ms": null,
        }})
    }

    fn with(mut event: Value, field: &str, value: Value) -> Value {
        event["event"][field] = value;
        event
    }

    fn content_of(event: &Value) -> Result<Content, UnreadableEvent> {
        Ok(read(&event.to_string(), NOW, &["PRODUCTION".to_owned()])?.content)
    }

    fn news(event: &Value) -> StoreFact {
        match content_of(event).unwrap() {
            Content::Store(fact) => *fact,
            other => panic!("{other:?}"),
        }
    }

    fn ignored(event: &Value) -> &'static str {
        match content_of(event).unwrap() {
            Content::Payment(PaymentNews::Ignored(reason)) => reason.as_str(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_purchase_says_what_was_bought_and_all_names_of_its_buyer() {
        let fact = news(&purchase("NON_RENEWING_PURCHASE"));
        let anonymous = "$RCAnonymousID:87c6049c58069238dce29853916d624c";
        assert_eq!(fact.buyers, ["alice", anonymous, "alice-old"]);
        assert_eq!(fact.at.unix_timestamp(), 1_790_000_000);
        let StoreNews::Bought(transaction) = fact.news else { panic!("{fact:?}") };
        assert_eq!((transaction.store.as_str(), transaction.id.as_str()), ("APP_STORE", "170000869511114"));
        assert!(!transaction.buys_access);
        for kind in ["INITIAL_PURCHASE", "RENEWAL"] {
            let StoreNews::Bought(period) = news(&purchase(kind)).news else { panic!("{kind}") };
            assert!(period.buys_access);
        }
    }

    #[test]
    fn what_nobody_paid_for_is_no_purchase() {
        for kind in ["INITIAL_PURCHASE", "RENEWAL"] {
            for period in ["TRIAL", "PROMOTIONAL"] {
                assert_eq!(ignored(&with(purchase(kind), "period_type", json!(period))), "unpaid_period");
            }
        }
        let shared = with(purchase("NON_RENEWING_PURCHASE"), "is_family_share", json!(true));
        assert_eq!(ignored(&shared), "family_share");
        for kind in [
            "TEST",
            "TEMPORARY_ENTITLEMENT_GRANT",
            "INVOICE_ISSUANCE",
            "PRODUCT_CHANGE",
            "UNCANCELLATION",
            "SUBSCRIPTION_PAUSED",
            "SUBSCRIPTION_EXTENDED",
            "EXPIRATION",
            "BILLING_ISSUE",
            "EXPERIMENT_ENROLLMENT",
            "VIRTUAL_CURRENCY_TRANSACTION",
            "OF_NEXT_YEAR",
            "non_renewing_purchase",
        ] {
            assert_eq!(ignored(&purchase(kind)), "type", "{kind}");
        }
    }

    #[test]
    fn gifts_are_no_purchases_and_unlocks_are_access() {
        for kind in
            ["NON_RENEWING_PURCHASE", "INITIAL_PURCHASE", "RENEWAL", "CANCELLATION", "REFUND_REVERSED"]
        {
            let gift = with(purchase(kind), "store", json!("PROMOTIONAL"));
            assert_eq!(ignored(&with(gift, "transaction_id", Value::Null)), "unpaid_period", "{kind}");
            let gift = with(purchase(kind), "period_type", json!("PROMOTIONAL"));
            assert_eq!(ignored(&gift), "unpaid_period", "{kind}");
        }
        let unlock = with(purchase("NON_RENEWING_PURCHASE"), "entitlement_ids", json!(["pro"]));
        let StoreNews::Bought(unlock) = news(&unlock).news else { panic!("no purchase") };
        assert!(unlock.buys_access);
    }

    #[test]
    fn only_customer_support_gives_money_back() {
        let cancelled = |reason: Value| with(purchase("CANCELLATION"), "cancel_reason", reason);
        assert!(matches!(news(&cancelled(json!("CUSTOMER_SUPPORT"))).news, StoreNews::Refunded(_)));
        for reason in ["UNSUBSCRIBE", "BILLING_ERROR", "DEVELOPER_INITIATED", "PRICE_INCREASE", "UNKNOWN"] {
            assert_eq!(ignored(&cancelled(json!(reason))), "no_refund");
        }
        assert_eq!(ignored(&cancelled(Value::Null)), "no_refund");
        assert!(matches!(news(&purchase("REFUND_REVERSED")).news, StoreNews::RefundReversed(_)));
    }

    #[test]
    fn other_environments_do_not_count() {
        for environment in [json!("SANDBOX"), json!("production"), Value::Null, json!(7)] {
            let event = with(purchase("NON_RENEWING_PURCHASE"), "environment", environment);
            assert_eq!(ignored(&event), "environment");
        }
        let sandbox = with(purchase("NON_RENEWING_PURCHASE"), "environment", json!("SANDBOX"));
        let both = ["PRODUCTION".to_owned(), "SANDBOX".to_owned()];
        let read = read(&sandbox.to_string(), NOW, &both).unwrap();
        assert!(matches!(read.content, Content::Store(_)));
    }

    #[test]
    fn a_transfer_names_both_sides() {
        let transfer = |from: Value, to: Value| {
            json!({"event": {"id": "1", "type": "TRANSFER", "store": "APP_STORE", "app_id": "app1",
                             "event_timestamp_ms": 1_790_000_000_000_i64,
                             "transferred_from": from, "transferred_to": to}})
        };
        let fact = news(&transfer(json!(["$RCAnonymousID:1", "bob"]), json!(["alice"])));
        assert_eq!(fact.buyers, ["alice"]);
        assert_eq!(fact.news, StoreNews::MovedFrom(vec!["$RCAnonymousID:1".to_owned(), "bob".to_owned()]));
        assert_eq!(ignored(&transfer(json!([]), json!(["alice"]))), "no_buyer");
        assert_eq!(ignored(&transfer(json!(["bob"]), Value::Null)), "no_buyer");
        let sandbox = with(transfer(json!(["bob"]), json!(["alice"])), "environment", json!("SANDBOX"));
        assert_eq!(ignored(&sandbox), "environment");
        assert_eq!(news(&purchase("SUBSCRIBER_ALIAS")).news, StoreNews::SamePerson);
    }

    #[test]
    fn a_purchase_of_nothing_cannot_be_read() {
        for field in ["store", "transaction_id", "product_id"] {
            for value in [Value::Null, json!(""), json!(7), json!("a\u{0}b"), json!("x".repeat(256))] {
                let event = with(purchase("NON_RENEWING_PURCHASE"), field, value);
                assert_eq!(content_of(&event).unwrap_err(), UnreadableEvent::Field(field));
            }
        }
        let ping = read(r#"{"event":{"id":1,"type":"TEST"}}"#, NOW, &[]).unwrap();
        assert!(ping.event.is_none(), "{ping:?}");
        for body in ["{}", "[]", r#"{"event":{}}"#, r#"{"event":{"id":"1"}}"#] {
            assert!(matches!(read(body, NOW, &[]), Err(UnreadableEvent::Form { .. })), "{body}");
        }
        let odd = json!({"event": {"id": "a\u{0}", "type": "EXPIRATION"}});
        assert_eq!(content_of(&odd).unwrap_err(), UnreadableEvent::Field("id"));
    }

    #[test]
    fn fields_of_another_type_are_as_good_as_missing() {
        let mut event = purchase("NON_RENEWING_PURCHASE");
        for (field, value) in [
            ("aliases", json!({"0": "alice"})),
            ("original_app_user_id", json!(["bob"])),
            ("event_timestamp_ms", json!("soon")),
            ("is_family_share", json!("no")),
            ("period_type", json!(1)),
        ] {
            event = with(event, field, value);
        }
        let fact = news(&event);
        assert_eq!((fact.buyers, fact.at), (vec!["alice".to_owned()], NOW));
        let extreme = with(purchase("NON_RENEWING_PURCHASE"), "event_timestamp_ms", json!(i64::MAX));
        assert_eq!(news(&extreme).at, NOW);
    }

    proptest! {
        /// Whatever a field holds, an event is read or refused, and nothing of another environment counts.
        #[test]
        fn no_value_of_a_field_breaks_the_reader(
            kind in "NON_RENEWING_PURCHASE|RENEWAL|CANCELLATION|TRANSFER|TEST",
            field in "environment|store|aliases|transaction_id|event_timestamp_ms|transferred_from|period_type",
            text in ".{0,300}", number in any::<i64>(), which in 0..5,
        ) {
            let value = match which {
                0 => json!(text),
                1 => json!(number),
                2 => json!([text, number]),
                3 => json!({ text: number }),
                _ => Value::Null,
            };
            let event = with(purchase(&kind), &field, value.clone());
            let counts = matches!(content_of(&event), Ok(Content::Store(_)));
            prop_assert!(!counts || field != "environment" || value == json!("PRODUCTION"));
        }
    }
}
