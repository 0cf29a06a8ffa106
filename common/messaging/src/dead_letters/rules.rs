//! Decides which parts of a message may be shown. Pure.
//!
//! Messages carry what providers and clients wrote: addresses, receipts, links that open without a login. So only
//! values known to be harmless are shown: those of a few keys, and only if they look like an id, a name or a number.

use kernel::redaction::{DIGITS_MAX, is_plain};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The keys whose values may be shown, at any depth.
const SHOWN: &[&str] = &[
    "adjustment_id",
    "at",
    "created",
    "currency",
    "customer",
    "day",
    "entry_type",
    "event",
    "eventType",
    "id",
    "kind",
    "livemode",
    "minor",
    "mode",
    "object",
    "object_id",
    "payment",
    "payment_id",
    "payment_intent",
    "provider",
    "provider_payment",
    "received_at",
    "session",
    "stage",
    "status",
    "subscription",
    "subscription_id",
    "type",
    "user_id",
    "wallet_id",
];
/// How many elements of an array are shown.
const ELEMENTS_MAX: usize = 20;
/// How many characters of a reason are stored.
const REASON_MAX: usize = 500;

/// The job's kind on the wire, if the message has one.
pub fn kind(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        kind: String,
    }
    let named: Named = serde_json::from_slice(body).ok()?;
    is_plain(&named.kind).then_some(named.kind)
}

/// The part of a message that may be shown; none if it is not JSON or no part may be shown.
pub fn redacted(body: &[u8]) -> Option<Value> {
    let whole: Value = serde_json::from_slice(body).ok()?;
    shown("", whole)
}

/// A reason as it is stored: cut to a limit, and without NUL, which the database cannot store.
pub fn reason(text: &str) -> String {
    text.chars().filter(|character| *character != '\0').take(REASON_MAX).collect()
}

/// The message as text that the outbox can store: UTF-8 without NUL.
pub fn text(body: Vec<u8>) -> Option<String> {
    String::from_utf8(body).ok().filter(|text| !text.contains('\0'))
}

fn shown(key: &str, value: Value) -> Option<Value> {
    let may = SHOWN.contains(&key);
    match value {
        Value::Object(fields) => {
            let fields: Map<String, Value> = fields
                .into_iter()
                .filter(|(key, _)| is_plain(key))
                .filter_map(|(key, value)| shown(&key, value).map(|value| (key, value)))
                .collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        Value::Array(elements) => {
            let elements = elements.into_iter().take(ELEMENTS_MAX);
            let elements: Vec<Value> = elements.filter_map(|element| shown(key, element)).collect();
            (!elements.is_empty()).then_some(Value::Array(elements))
        }
        Value::String(text) => (may && is_plain(&text)).then_some(Value::String(text)),
        Value::Number(number) => {
            (may && number.to_string().len() <= DIGITS_MAX).then_some(Value::Number(number))
        }
        Value::Bool(flag) => may.then_some(Value::Bool(flag)),
        Value::Null => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_and_types_are_shown_and_nothing_else() {
        let event = json!({
            "id": "evt_1", "type": "checkout.session.completed", "livemode": false, "created": 1_795_000_000,
            "data": {"object": {
                "id": "cs_test_1", "object": "checkout.session", "payment_intent": "pi_1",
                "customer_details": {"email": "alice@example.com", "name": "Alice", "phone": "+39 06 1"},
                "url": "https://checkout.stripe.com/c/pay/cs_test_1", "client_secret": "pi_1_secret_2",
                "payment_method_details": {"card": {"number": "4242424242424242", "last4": "4242"}},
            }},
        });
        let job = json!({"kind": "provider.events", "payload": {"events": [
            {"provider": "stripe", "received_at": "2026-11-25T12:00:00Z", "body": event},
        ]}});
        let expected = json!({"kind": "provider.events", "payload": {"events": [
            {"provider": "stripe", "received_at": "2026-11-25T12:00:00Z", "body": {
                "id": "evt_1", "type": "checkout.session.completed", "livemode": false, "created": 1_795_000_000,
                "data": {"object": {"id": "cs_test_1", "object": "checkout.session", "payment_intent": "pi_1"}},
            }},
        ]}});
        assert_eq!(redacted(job.to_string().as_bytes()), Some(expected));
    }

    #[test]
    fn what_hides_behind_a_harmless_key_is_not_shown() {
        for hostile in [
            "alice@example.com",
            "4242424242424242",
            "4242-4242-4242-4242",
            "card4242424242424242",
            "https://pay.example/1",
            "pi_1_secret_2",
            "sk_live_1",
            "eyJhbGciOi",
            "two words",
            "",
        ] {
            assert_eq!(redacted(json!({"id": hostile}).to_string().as_bytes()), None, "{hostile}");
        }
        assert_eq!(redacted(br#"{"id":4242424242424242}"#), None);
        assert_eq!(redacted(br#"{"alice@example.com":{"id":"x"}}"#), None);
        assert_eq!(redacted(br#"["a","b"]"#), None);
    }

    #[test]
    fn a_message_that_is_no_job_has_no_kind() {
        assert_eq!(kind(br#"{"kind":"from.the.future","payload":{}}"#).as_deref(), Some("from.the.future"));
        for body in [&b"not json"[..], b"\xff\x00", b"[]", br#"{"kind":7}"#, br#"{"kind":"a b"}"#] {
            assert_eq!(kind(body), None);
        }
        assert_eq!(text(b"\xff".to_vec()), None);
        assert_eq!(text(b"a\0b".to_vec()), None);
        assert_eq!(reason("a\0b"), "ab");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let key = prop_oneof![prop::sample::select(SHOWN).prop_map(str::to_owned), ".{0,12}"];
        let leaf = prop_oneof![
            ".{0,40}".prop_map(Value::String),
            "[0-9 -]{10,24}".prop_map(Value::String),
            "[a-z]{1,9}@[a-z]{1,9}\\.com".prop_map(Value::String),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec((key.clone(), inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn leaves<'a>(key: &'a str, value: &'a Value, found: &mut Vec<(&'a str, &'a Value)>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| leaves(key, value, found)),
            Value::Array(elements) => elements.iter().for_each(|element| leaves(key, element, found)),
            leaf => found.push((key, leaf)),
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_in_only_harmless_values_come_out(message in any_json()) {
            let Some(out) = redacted(message.to_string().as_bytes()) else { return Ok(()) };
            let mut found = Vec::new();
            leaves("", &out, &mut found);
            for (key, leaf) in found {
                prop_assert!(SHOWN.contains(&key), "{key}");
                let text = leaf.as_str().map_or_else(|| leaf.to_string(), str::to_owned);
                prop_assert!(!text.contains(['@', '/', ' ']), "{text}");
                let digits = text.chars().filter(char::is_ascii_digit).count();
                prop_assert!(digits < 12 || text.chars().any(|c| c.is_ascii_alphabetic()), "{text}");
            }
        }
    }
}
