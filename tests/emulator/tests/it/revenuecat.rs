//! RevenueCat's webhooks, checked against its documentation:
//! <https://www.revenuecat.com/docs/integrations/webhooks/event-types-and-fields> and the samples beside it.

use std::sync::atomic::Ordering;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{Emulator, Receiver, text};

const AUTHORIZATION: &str = "Bearer agreed-text";

async fn start(receiver: &Receiver, signing_secret: Option<&str>) -> Emulator {
    let emulator = Emulator::start(None).await;
    let endpoint =
        json!({"url": receiver.url, "authorization": AUTHORIZATION, "signing_secret": signing_secret});
    emulator.done("PUT", "revenuecat/endpoint", endpoint).await;
    emulator
}

async fn act(emulator: &Emulator, what: &str, body: Value) -> Value {
    emulator.done("POST", &format!("revenuecat/{what}"), body).await
}

async fn buy(emulator: &Emulator, more: Value) -> Value {
    let mut body = json!({"app_user_id": "ada", "product_id": "com.example.credits.100"});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    act(emulator, "purchases", body).await
}

/// The fields that the sample of every event about a purchase has.
fn complete(event: &Value) {
    for field in [
        "event_timestamp_ms",
        "product_id",
        "period_type",
        "purchased_at_ms",
        "expiration_at_ms",
        "environment",
        "entitlement_id",
        "entitlement_ids",
        "presented_offering_id",
        "transaction_id",
        "original_transaction_id",
        "is_family_share",
        "country_code",
        "app_user_id",
        "aliases",
        "original_app_user_id",
        "currency",
        "price",
        "price_in_purchased_currency",
        "subscriber_attributes",
        "store",
        "takehome_percentage",
        "tax_percentage",
        "commission_percentage",
        "offer_code",
        "type",
        "id",
        "app_id",
    ] {
        assert!(event.get(field).is_some(), "{field} is missing in {event:#}");
    }
}

#[tokio::test]
async fn a_pack_is_told_authorized_and_signed() {
    let mut receiver = Receiver::start().await;
    let emulator = start(&receiver, Some("rcsecret")).await;
    let bought = buy(&emulator, json!({"price_minor": 899})).await;
    complete(&bought);
    assert_eq!((&bought["type"], &bought["price"]), (&json!("NON_RENEWING_PURCHASE"), &json!(8.99)));
    assert_eq!((&bought["expiration_at_ms"], &bought["entitlement_ids"]), (&Value::Null, &Value::Null));
    let delivery = receiver.next().await;
    assert_eq!(delivery.signature, AUTHORIZATION);
    assert_eq!(delivery.event(), json!({"api_version": "1.0", "event": bought}));
    let signature = delivery.revenuecat_signature.expect("a signature");
    let (time, digest) =
        signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).expect("t, v1");
    let mut mac = Hmac::<Sha256>::new_from_slice(b"rcsecret").expect("any key");
    mac.update(format!("{time}.{}", delivery.body).as_bytes());
    mac.verify_slice(&hex::decode(digest).expect("hex")).expect("the signature is right");
    let listed = emulator.events("NON_RENEWING_PURCHASE").await.remove(0);
    assert_eq!((&listed["provider"], &listed["event"]["id"]), (&json!("revenuecat"), &bought["id"]));
    emulator.done("POST", &format!("events/{}/resend", text(&bought["id"])), json!({})).await;
    assert_eq!(receiver.next().await.body, delivery.body);
}

/// Any other status than 200 is a failure; five retries after 5, 10, 20, 40 and 80 minutes, then none.
#[tokio::test]
async fn an_event_is_repeated_by_the_clock_until_the_answer_is_200() {
    let mut receiver = Receiver::start().await;
    receiver.status.store(202, Ordering::SeqCst);
    let emulator = start(&receiver, None).await;
    let bought = buy(&emulator, json!({})).await;
    let first = receiver.next().await;
    assert_eq!(first.revenuecat_signature, None);
    let path = format!("events/{}", text(&bought["id"]));
    let noted = async |count: usize| {
        loop {
            let delivery = emulator.control("GET", &path, Value::Null).await.body["deliveries"][0].clone();
            if delivery["attempts"].as_array().map(Vec::len) == Some(count) {
                return delivery;
            }
            tokio::task::yield_now().await;
        }
    };
    for (attempt, minutes) in [5, 10, 20, 40, 80].into_iter().enumerate() {
        noted(attempt + 1).await;
        emulator.advance(minutes * 60 - 20).await;
        assert!(receiver.waiting().is_empty(), "it came before {minutes} minutes were over");
        emulator.advance(20).await;
        assert_eq!(receiver.next().await.body, first.body);
    }
    assert_eq!(noted(6).await["state"], "failed");
}

#[tokio::test]
async fn faults_hold_for_revenuecat() {
    let mut receiver = Receiver::start().await;
    let emulator = start(&receiver, None).await;
    emulator.control("PUT", "faults", json!({"duplicate": 1.0})).await;
    buy(&emulator, json!({})).await;
    assert_eq!(receiver.next().await.body, receiver.next().await.body);
    emulator.control("PUT", "faults", json!({"duplicate_event": 1.0})).await;
    buy(&emulator, json!({"transaction_id": "1"})).await;
    let twins =
        [receiver.next().await.event()["event"].clone(), receiver.next().await.event()["event"].clone()];
    assert_ne!(twins[0]["id"], twins[1]["id"]);
    assert_eq!(twins.map(|twin| twin["transaction_id"].clone()), ["1", "1"]);
    let again = json!({"app_user_id": "ada", "product_id": "p", "transaction_id": "1"});
    assert_eq!(emulator.control("POST", "revenuecat/purchases", again).await.status, 400);
}

#[tokio::test]
async fn stores_sell_for_good_several_at_once_and_by_the_month() {
    let emulator = Emulator::start(None).await;
    let unlock = buy(&emulator, json!({"kind": "lifetime", "product_id": "com.example.lifetime"})).await;
    assert_eq!(
        (&unlock["type"], &unlock["expiration_at_ms"]),
        (&json!("NON_RENEWING_PURCHASE"), &Value::Null)
    );
    assert_eq!(unlock["entitlement_ids"], json!(["pro"]));
    let three = buy(&emulator, json!({"store": "PLAY_STORE", "quantity": 3, "price_minor": 899})).await;
    assert_eq!((&three["price"], three.get("quantity")), (&json!(26.97), None));
    assert!(text(&three["transaction_id"]).starts_with("GPA."));
    let trial = buy(&emulator, json!({"kind": "trial"})).await;
    assert_eq!(
        (&trial["type"], &trial["period_type"], trial["price"].as_f64()),
        (&json!("INITIAL_PURCHASE"), &json!("TRIAL"), Some(0.0))
    );
    let renewed = act(&emulator, "renewals", json!({"transaction_id": trial["transaction_id"]})).await;
    complete(&renewed);
    assert_eq!(
        (&renewed["type"], &renewed["price"], &renewed["is_trial_conversion"]),
        (&json!("RENEWAL"), &json!(9.99), &json!(true))
    );
    assert_eq!(renewed["original_transaction_id"], trial["transaction_id"]);
    assert_ne!(renewed["transaction_id"], trial["transaction_id"]);
    let unsubscribed =
        act(&emulator, "cancellations", json!({"transaction_id": renewed["transaction_id"]})).await;
    assert_eq!(
        (&unsubscribed["cancel_reason"], unsubscribed["price"].as_f64()),
        (&json!("UNSUBSCRIBE"), Some(0.0))
    );
    let wrong = json!({"transaction_id": renewed["transaction_id"], "reason": "BORED"});
    assert_eq!(
        emulator.control("POST", "revenuecat/cancellations", wrong).await.body["error"]["param"],
        "reason"
    );
    let pack = json!({"transaction_id": three["transaction_id"]});
    assert_eq!(emulator.control("POST", "revenuecat/renewals", pack).await.status, 400);
    assert_eq!(
        emulator.control("POST", "revenuecat/refunds", json!({"transaction_id": "0"})).await.status,
        404
    );
}

#[tokio::test]
async fn a_store_refunds_and_takes_it_back() {
    let emulator = Emulator::start(None).await;
    let bought = buy(&emulator, json!({"price_minor": 899})).await;
    let named = json!({"transaction_id": bought["transaction_id"]});
    emulator.advance(10).await;
    let refund = act(&emulator, "refunds", named.clone()).await;
    complete(&refund);
    assert_eq!(
        (&refund["type"], &refund["cancel_reason"], &refund["price"]),
        (&json!("CANCELLATION"), &json!("CUSTOMER_SUPPORT"), &json!(-8.99))
    );
    assert_eq!(refund["transaction_id"], bought["transaction_id"]);
    assert!(refund["event_timestamp_ms"].as_i64() > bought["event_timestamp_ms"].as_i64());
    let reversed = act(&emulator, "refunds/reverse", named).await;
    assert_eq!((&reversed["type"], &reversed["price"]), (&json!("REFUND_REVERSED"), &json!(8.99)));
}

#[tokio::test]
async fn grants_transfers_aliases_and_tests_are_told() {
    let emulator = Emulator::start(None).await;
    let granted =
        act(&emulator, "grants", json!({"app_user_id": "ada", "entitlement": "pro", "duration": "lifetime"}))
            .await;
    complete(&granted);
    assert_eq!(
        (&granted["product_id"], &granted["store"], &granted["period_type"]),
        (&json!("rc_promo_pro_lifetime"), &json!("PROMOTIONAL"), &json!("PROMOTIONAL"))
    );
    assert_eq!((granted["price"].as_f64(), &granted["type"]), (Some(0.0), &json!("NON_RENEWING_PURCHASE")));
    let anonymous = "$RCAnonymousID:8069238d6049ce87cc529853916d624c";
    let joined = act(&emulator, "aliases", json!({"app_user_id": "ada", "alias": anonymous})).await;
    assert_eq!(
        (&joined["type"], &joined["aliases"]),
        (&json!("SUBSCRIBER_ALIAS"), &json!([anonymous, "ada"]))
    );
    let bought = buy(&emulator, json!({"app_user_id": anonymous})).await;
    assert_eq!((&bought["app_user_id"], &bought["aliases"]), (&json!(anonymous), &json!([anonymous, "ada"])));
    let moved = act(&emulator, "transfers", json!({"from": [anonymous], "to": ["eve"]})).await;
    assert_eq!(
        (&moved["type"], &moved["transferred_to"], moved.get("app_user_id")),
        (&json!("TRANSFER"), &json!(["eve"]), None)
    );
    let refund = act(&emulator, "refunds", json!({"transaction_id": bought["transaction_id"]})).await;
    assert_eq!(refund["app_user_id"], "eve", "what comes later is about the new owner");
    let test = act(&emulator, "tests", json!({})).await;
    assert_eq!((&test["type"], &test["transaction_id"]), (&json!("TEST"), &Value::Null));
    let raw =
        act(&emulator, "events", json!({"type": "INVOICE_ISSUANCE", "app_user_id": "ada", "fancy": 1})).await;
    assert_eq!((&raw["type"], &raw["fancy"]), (&json!("INVOICE_ISSUANCE"), &json!(1)));
    for (what, body, field) in [
        ("grants", json!({"app_user_id": "ada", "entitlement": "pro", "duration": "soon"}), "duration"),
        ("purchases", json!({"app_user_id": "ada"}), "product_id"),
        ("purchases", json!({"app_user_id": "ada", "product_id": "p", "kind": "gift"}), "kind"),
        ("transfers", json!({"from": [], "to": ["eve"]}), "from"),
    ] {
        let refused = emulator.control("POST", &format!("revenuecat/{what}"), body).await;
        assert_eq!((refused.status, &refused.body["error"]["param"]), (400, &json!(field)), "{what}");
    }
}
