//! Delivery: signatures, retries, resends, and the misbehaviour that can be asked for.

use std::sync::atomic::Ordering;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::harness::{Delivery, Emulator, Receiver, SECRET};

/// The timestamp of a delivery, if its signature is right.
fn verify(delivery: &Delivery, secret: &str) -> i64 {
    let (timestamp, signature) = delivery.signature.split_once(",v1=").expect("the form t=…,v1=…");
    let timestamp = timestamp.strip_prefix("t=").expect("a timestamp");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(format!("{timestamp}.{}", delivery.body).as_bytes());
    mac.verify_slice(&hex::decode(signature).expect("hex")).expect("the signature is right");
    timestamp.parse().expect("a number")
}

async fn state(emulator: &Emulator, event: &Value) -> Value {
    let id = event["id"].as_str().expect("an id");
    emulator.control("GET", &format!("events/{id}"), Value::Null).await.body["deliveries"].clone()
}

#[tokio::test]
async fn a_payment_tells_the_whole_story_signed() {
    let mut receiver = Receiver::start().await;
    let emulator = Emulator::start(Some(receiver.url.clone())).await;
    let session = emulator.session(1000, "&metadata[order]=7").await;
    emulator.pay(&session, json!({"card": "4242424242424242"})).await;
    let mut kinds = Vec::new();
    for _ in 0..4 {
        let delivery = receiver.next().await;
        verify(&delivery, SECRET);
        let event = delivery.event();
        assert_eq!((&event["object"], &event["livemode"]), (&json!("event"), &json!(false)));
        assert_eq!(event["api_version"], emulator::DEFAULT_API_VERSION);
        assert_eq!(event["request"]["id"], Value::Null, "the buyer caused it, not an API call");
        let text = delivery.body.as_str();
        assert!(!text.contains("\"_"), "an inner field got out: {text}");
        kinds.push(event["type"].as_str().expect("a type").to_owned());
    }
    kinds.sort();
    let expected = [
        "charge.succeeded",
        "checkout.session.completed",
        "payment_intent.created",
        "payment_intent.succeeded",
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn a_failed_delivery_is_retried_until_it_is_taken() {
    let mut receiver = Receiver::start().await;
    receiver.status.store(503, Ordering::SeqCst);
    let emulator = Emulator::start(Some(receiver.url.clone())).await;
    let customer = emulator.ok("POST", "customers", "name=a").await;
    let first = receiver.next().await.event();
    assert_eq!(first["data"]["object"]["id"], customer["id"]);
    // A redirect is no success either.
    receiver.status.store(302, Ordering::SeqCst);
    assert_eq!(receiver.next().await.event()["id"], first["id"]);
    assert_eq!(receiver.next().await.event()["id"], first["id"]);
    receiver.status.store(204, Ordering::SeqCst);
    loop {
        let deliveries = state(&emulator, &first).await;
        let attempts = deliveries[0]["attempts"].as_array().expect("a list").clone();
        if deliveries[0]["state"] == "delivered" {
            assert!(attempts.len() >= 3, "{attempts:?}");
            assert_eq!(attempts[0]["status"], 503);
            assert_eq!(attempts.last().expect("an attempt")["status"], 204);
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_dropped_event_comes_only_when_it_is_resent() {
    let mut receiver = Receiver::start().await;
    let emulator = Emulator::start(Some(receiver.url.clone())).await;
    emulator.control("PUT", "faults", json!({"drop": 1.0})).await;
    emulator.ok("POST", "customers", "name=lost").await;
    emulator.control("PUT", "faults", json!({})).await;
    let lost = emulator.events("customer.created").await.remove(0);
    assert_eq!(lost["deliveries"][0]["state"], "dropped");
    let resend = format!("events/{}/resend", lost["id"].as_str().expect("an id"));
    assert_eq!(emulator.control("POST", &resend, json!({})).await.body["endpoints"], 1);
    let delivery = receiver.next().await;
    verify(&delivery, SECRET);
    assert_eq!(delivery.event()["id"], lost["id"]);
    assert_eq!(emulator.control("POST", "events/evt_none/resend", json!({})).await.status, 404);
}

#[tokio::test]
async fn duplicates_repeat_an_id_and_twins_have_one_each() {
    let mut receiver = Receiver::start().await;
    let emulator = Emulator::start(Some(receiver.url.clone())).await;
    emulator.control("PUT", "faults", json!({"duplicate": 1.0})).await;
    emulator.ok("POST", "customers", "name=a").await;
    let (one, two) = (receiver.next().await.event(), receiver.next().await.event());
    assert_eq!(one, two);
    emulator.control("PUT", "faults", json!({"duplicate_event": 1.0})).await;
    emulator.ok("POST", "customers", "name=b").await;
    let (one, two) = (receiver.next().await.event(), receiver.next().await.event());
    assert_ne!(one["id"], two["id"]);
    assert_eq!(one["data"], two["data"]);
}

#[tokio::test]
async fn a_reordered_event_is_overtaken_by_the_next() {
    let mut receiver = Receiver::start().await;
    let emulator = Emulator::start(Some(receiver.url.clone())).await;
    emulator.control("PUT", "faults", json!({"reorder": 1.0})).await;
    emulator.ok("POST", "customers", "name=first").await;
    emulator.control("PUT", "faults", json!({})).await;
    emulator.ok("POST", "customers", "name=second").await;
    assert_eq!(receiver.next().await.event()["data"]["object"]["name"], "second");
    assert_eq!(receiver.next().await.event()["data"]["object"]["name"], "first");
}

#[tokio::test]
async fn a_delayed_event_arrives_after_its_delay() {
    let mut receiver = Receiver::start().await;
    let emulator = Emulator::start(Some(receiver.url.clone())).await;
    emulator.control("PUT", "faults", json!({"delay": 1.0, "delay_ms": 300})).await;
    let started = std::time::Instant::now();
    emulator.ok("POST", "customers", "name=a").await;
    assert!(started.elapsed().as_millis() < 250, "the API call must not wait for the delivery");
    receiver.next().await;
    assert!(started.elapsed().as_millis() >= 300);
}

#[tokio::test]
async fn any_event_can_be_made_up_and_is_signed() {
    let mut receiver = Receiver::start().await;
    let emulator = Emulator::start(Some(receiver.url.clone())).await;
    let wanted = json!({
        "type": "checkout.session.completed", "livemode": true, "api_version": "2020-08-27",
        "object": {"id": "cs_test_forged", "amount_total": 1},
    });
    let made = emulator.control("POST", "events", wanted).await;
    assert_eq!(made.status, 200);
    let delivery = receiver.next().await;
    verify(&delivery, SECRET);
    let event = delivery.event();
    assert_eq!(event["id"], made.body["id"]);
    assert_eq!((&event["livemode"], &event["api_version"]), (&json!(true), &json!("2020-08-27")));
    assert_eq!(event["data"]["object"]["amount_total"], 1);
    assert_eq!(emulator.control("POST", "events", json!({"type": "x"})).await.status, 400);
}

#[tokio::test]
async fn endpoints_get_what_they_listen_to_in_their_version() {
    let mut receiver = Receiver::start().await;
    let emulator = Emulator::start(None).await;
    let form = format!(
        "url={}&enabled_events[]=customer.deleted&enabled_events[]=product.*&api_version=2025-03-31.basil",
        receiver.url
    );
    let endpoint = emulator.ok("POST", "webhook_endpoints", &form).await;
    let secret = endpoint["secret"].as_str().expect("a secret");
    emulator.ok("POST", "customers", "name=a").await;
    emulator.ok("POST", "products", "name=b").await;
    let delivery = receiver.next().await;
    verify(&delivery, secret);
    assert_eq!(delivery.event()["type"], "product.created");
    assert_eq!(delivery.event()["api_version"], "2025-03-31.basil");
    let path = format!("webhook_endpoints/{}", endpoint["id"].as_str().expect("an id"));
    assert_eq!(emulator.ok("GET", &path, "").await["secret"], Value::Null, "it is shown once");
    emulator.ok("DELETE", &path, "").await;
    emulator.ok("POST", "products", "name=c").await;
    assert!(emulator.events("product.created").await[1]["deliveries"].as_array().expect("a list").is_empty());
    assert!(receiver.waiting().is_empty());
}

#[tokio::test]
async fn a_bank_debit_is_decided_after_the_session_completed() {
    let mut receiver = Receiver::start().await;
    let emulator = Emulator::start(Some(receiver.url.clone())).await;
    for (succeeded, kind, status) in [
        (true, "checkout.session.async_payment_succeeded", "paid"),
        (false, "checkout.session.async_payment_failed", "unpaid"),
    ] {
        let session = emulator.session(1000, "").await;
        let waiting = emulator.pay(&session, json!({"card": "4242424242424242", "async": true})).await;
        assert_eq!((&waiting["status"], &waiting["payment_status"]), (&json!("complete"), &json!("unpaid")));
        let completed = receiver.next_of("checkout.session.completed").await.event();
        assert_eq!(completed["data"]["object"]["payment_status"], "unpaid");
        let settle = format!("checkout/{}/settle", session["id"].as_str().expect("an id"));
        assert_eq!(emulator.control("POST", &settle, json!({"succeeded": succeeded})).await.status, 200);
        let event = receiver.next_of(kind).await.event();
        assert_eq!(event["data"]["object"]["payment_status"], status);
    }
}

#[tokio::test]
async fn a_dispute_by_card_follows_the_payment_it_disputes() {
    let emulator = Emulator::start(None).await;
    let session = emulator.session(1000, "").await;
    emulator.pay(&session, json!({"card": "4000000000000259"})).await;
    let recorded = emulator.control("GET", "events", Value::Null).await.body["events"].clone();
    let kinds: Vec<&str> =
        recorded.as_array().expect("a list").iter().filter_map(|event| event["type"].as_str()).collect();
    let story = [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
    ];
    assert_eq!(kinds, story);
}

#[tokio::test]
async fn a_signature_has_the_skew_of_the_clock_only_if_it_uses_that_clock() {
    let mut receiver = Receiver::start().await;
    let emulator = Emulator::start(Some(receiver.url.clone())).await;
    let signed_at = |delivery: &Delivery| -> i64 {
        let time = delivery.signature.strip_prefix("t=").and_then(|rest| rest.split_once(',')).expect("t");
        time.0.parse().expect("a number")
    };
    for signs in [false, true] {
        emulator.done("PUT", "clock", json!({"skew_seconds": -3600, "signs": signs})).await;
        emulator.session(1000, "").await;
        emulator.ok("POST", "customers", "name=a").await;
        let delivery = receiver.next_of("customer.created").await;
        let created = delivery.event()["created"].as_i64().expect("a time");
        let expected = if signs { created } else { created + 3600 };
        assert!((signed_at(&delivery) - expected).abs() < 30, "{signs}");
    }
}
