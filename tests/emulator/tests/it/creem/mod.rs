//! Creem: checkouts, subscriptions, refunds and disputes over its API and pages, and the events about them.

mod subscriptions;

use std::sync::atomic::Ordering;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::LOCATION;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Delivery, Emulator, Receiver, answer, text};

const KEY: &str = "creem_test_key";
const CREEM_SECRET: &str = "whsec_of_creem";
const MONTH: i64 = 31 * 86_400;
const DAY: i64 = 86_400;

async fn start(receiver: Option<&Receiver>) -> Emulator {
    Emulator::start_with(emulator::Config {
        creem_api_key: Some(KEY.to_owned()),
        creem_webhook_url: receiver.map(|receiver| receiver.url.clone()),
        creem_webhook_secret: Some(CREEM_SECRET.to_owned()),
        ..emulator::Config::default()
    })
    .await
}

async fn call(emulator: &Emulator, method: &str, path: &str, body: Value) -> Answer {
    let request = emulator.request(method, &format!("/creem/v1/{path}")).header("x-api-key", KEY);
    answer(if body.is_null() { request } else { request.body(body.to_string()) }).await
}

async fn ok(emulator: &Emulator, method: &str, path: &str, body: Value) -> Value {
    let answer = call(emulator, method, path, body).await;
    assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body);
    answer.body
}

async fn control(emulator: &Emulator, path: &str, body: Value) -> Value {
    let answer = emulator.control("POST", &format!("creem/{path}"), body).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

async fn pay(emulator: &Emulator, checkout: &Value, body: Value) -> Value {
    control(emulator, &format!("checkouts/{}/pay", id(checkout)), body).await
}

/// A paid checkout of a product.
async fn buy(emulator: &Emulator, body: Value) -> Value {
    let checkout = ok(emulator, "POST", "checkouts", body).await;
    pay(emulator, &checkout, json!({})).await
}

async fn advance(emulator: &Emulator, seconds: i64) {
    assert_eq!(emulator.control("PUT", "clock", json!({"advance_seconds": seconds})).await.status, 200);
}

fn id(object: &Value) -> &str {
    object["id"].as_str().expect("an id")
}

fn verify(delivery: &Delivery) {
    let mut mac = Hmac::<Sha256>::new_from_slice(CREEM_SECRET.as_bytes()).expect("any key");
    mac.update(delivery.body.as_bytes());
    mac.verify_slice(&hex::decode(&delivery.signature).expect("hex")).expect("the signature is right");
    assert!(!delivery.body.contains("\"_"), "an inner field got out: {}", delivery.body);
}

/// The types of all events so far, oldest first.
async fn story(emulator: &Emulator) -> Vec<String> {
    let recorded = emulator.control("GET", "events", Value::Null).await.body["events"].clone();
    let recorded = recorded.as_array().expect("a list");
    assert!(recorded.iter().all(|event| event["provider"] == "creem"));
    recorded.iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect()
}

async fn subscription(emulator: &Emulator, id: &str) -> Value {
    ok(emulator, "GET", &format!("subscriptions?subscription_id={id}"), Value::Null).await
}

#[tokio::test]
async fn a_pack_is_paid_with_tax_and_the_event_is_signed() {
    let mut receiver = Receiver::start().await;
    let emulator = start(Some(&receiver)).await;
    emulator.control("PUT", "creem/tax", json!({"basis_points": 2100})).await;
    let checkout = ok(
        &emulator,
        "POST",
        "checkouts",
        json!({
            "product_id": "prod_pack", "request_id": "order-1", "units": 2, "custom_price": 1500,
            "customer": {"email": "ada@example.com"}, "metadata": {"user": "ada"},
            "success_url": "https://shop.example/done?from=creem",
        }),
    )
    .await;
    assert_eq!((&checkout["status"], &checkout["product"]), (&json!("pending"), &json!("prod_pack")));
    assert!(checkout["checkout_url"].as_str().expect("a link").ends_with(id(&checkout)));
    pay(&emulator, &checkout, json!({"email": "eve@example.com"})).await;
    let delivery = receiver.next().await;
    verify(&delivery);
    let event = delivery.event();
    assert_eq!(event["eventType"], "checkout.completed");
    assert!(event["created_at"].as_i64().expect("milliseconds") > 1_600_000_000_000);
    let object = &event["object"];
    assert_eq!((&object["status"], &object["request_id"]), (&json!("completed"), &json!("order-1")));
    assert_eq!(object["metadata"], json!({"user": "ada"}));
    assert_eq!(object["customer"]["email"], "ada@example.com", "the page cannot change it");
    assert_eq!(object["subscription"], Value::Null);
    let order = &object["order"];
    let amounts =
        ["amount", "tax_amount", "discount_amount", "amount_paid"].map(|field| order[field].as_i64());
    assert_eq!(amounts, [Some(3000), Some(630), Some(0), Some(3630)]);
    assert_eq!((&order["type"], &order["currency"]), (&json!("onetime"), &json!("USD")));
    let path = format!("transactions?transaction_id={}", order["transaction"].as_str().expect("an id"));
    let transaction = ok(&emulator, "GET", &path, Value::Null).await;
    assert_eq!((&transaction["amount_paid"], &transaction["type"]), (&json!(3630), &json!("payment")));
    let retrieved =
        ok(&emulator, "GET", &format!("checkouts?checkout_id={}", id(&checkout)), Value::Null).await;
    assert_eq!(&retrieved, object);
    let found = ok(&emulator, "GET", "transactions/search?product_id=prod_pack", Value::Null).await;
    assert_eq!(found["pagination"]["total_records"], 1);
    assert_eq!(found["items"][0], transaction);
    assert!(receiver.waiting().is_empty());
}

#[tokio::test]
async fn callers_are_refused_in_creems_words() {
    let emulator = start(None).await;
    let url = "/creem/v1/products?product_id=prod_pro";
    let missing = answer(emulator.request("GET", url)).await;
    let wrong = answer(emulator.request("GET", url).header("x-api-key", "creem_other")).await;
    assert_eq!((missing.status, &missing.body["error"]), (401, &json!("Unauthorized")));
    assert_eq!(
        (wrong.status, &wrong.body["error"], &wrong.body["message"]),
        (403, &json!("Forbidden"), &Value::Null)
    );
    let unknown = call(&emulator, "GET", "products?product_id=prod_none", Value::Null).await;
    assert_eq!((unknown.status, &unknown.body["message"]), (404, &json!(["Product not found"])));
    assert_eq!(unknown.body["status"], 404);
    assert_eq!(unknown.body["trace_id"].as_str().map(str::len), Some(36));
    for (body, complaint) in [
        (json!({}), "product_id"),
        (json!({"product_id": "prod_pack", "cancel_url": "https://a.example"}), "cancel_url"),
        (json!({"product_id": "prod_pack", "custom_price": 99}), "custom_price"),
        (json!({"product_id": "prod_pro", "custom_price": 1500}), "one-time"),
        (json!({"product_id": "prod_pack", "units": 0}), "units"),
        (json!({"product_id": "prod_pack", "discount_code": "NONE"}), "NONE"),
        (json!({"product_id": "prod_pack", "success_url": "shop"}), "success_url"),
        (
            json!({"product_id": "prod_pack", "customer": {"id": "a", "email": "b@c.example"}}),
            "only specify one",
        ),
    ] {
        let refused = call(&emulator, "POST", "checkouts", body).await;
        assert_eq!((refused.status, &refused.body["error"]), (400, &json!("Bad Request")), "{complaint}");
        let message = refused.body["message"][0].as_str().expect("a message");
        assert!(message.contains(complaint), "{message}");
    }
}

#[tokio::test]
async fn an_event_is_repeated_by_the_clock_until_the_answer_is_200() {
    let mut receiver = Receiver::start().await;
    // Stripe would be content with this.
    receiver.status.store(202, Ordering::SeqCst);
    let emulator = start(Some(&receiver)).await;
    buy(&emulator, json!({"product_id": "prod_pack"})).await;
    let first = receiver.next().await;
    let path = format!("events/{}", id(&first.event()));
    for (attempt, wait) in [30, 60, 300, 3600].into_iter().enumerate() {
        // The retry is set when the answer has been noted, which is after it was received here.
        noted(&emulator, &path, attempt + 1).await;
        advance(&emulator, wait - 15).await;
        assert!(receiver.waiting().is_empty(), "it came before {wait} seconds were over");
        advance(&emulator, 15).await;
        let again = receiver.next().await;
        assert_eq!((&again.body, &again.signature), (&first.body, &first.signature));
    }
    noted(&emulator, &path, 5).await;
    assert_eq!(emulator.control("GET", &path, Value::Null).await.body["deliveries"][0]["state"], "failed");
    advance(&emulator, 10 * DAY).await;
    assert!(receiver.waiting().is_empty());
    receiver.status.store(200, Ordering::SeqCst);
    emulator.control("POST", &format!("{path}/resend"), json!({})).await;
    let resent = receiver.next().await;
    verify(&resent);
    assert_eq!(resent.body, first.body);
    while emulator.control("GET", &path, Value::Null).await.body["deliveries"][1]["state"] != "delivered" {
        tokio::task::yield_now().await;
    }
}

/// Waits until as many attempts of an event's first delivery have been noted.
async fn noted(emulator: &Emulator, path: &str, count: usize) {
    loop {
        let deliveries = emulator.control("GET", path, Value::Null).await.body["deliveries"].clone();
        if deliveries[0]["attempts"].as_array().map(Vec::len) == Some(count) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn refunds_take_the_tax_back_too() {
    let emulator = start(None).await;
    emulator.control("PUT", "creem/tax", json!({"basis_points": 2100})).await;
    let paid = buy(&emulator, json!({"product_id": "prod_pack", "request_id": "order-3"})).await;
    let transaction = paid["order"]["transaction"].clone();
    let part = json!({"transaction_id": transaction, "amount": 210});
    assert_eq!(control(&emulator, "refunds", part).await["transaction"]["status"], "partialRefund");
    let rest = ok(&emulator, "POST", "refunds", json!({"transaction_id": transaction})).await;
    assert_eq!(rest, json!({"status": "succeeded"}));
    let events = emulator.events("refund.created").await;
    let object = &events[1]["object"];
    assert_eq!((&object["refund_amount"], &object["refund_currency"]), (&json!(1000), &json!("USD")));
    assert_eq!(object["transaction"]["refunded_amount"], 1210);
    assert_eq!(
        (&object["transaction"]["status"], &object["checkout"]["request_id"]),
        (&json!("refunded"), &json!("order-3"))
    );
    assert_eq!(object["order"]["id"], paid["order"]["id"]);
    let again = call(&emulator, "POST", "refunds", json!({"transaction_id": transaction})).await;
    assert_eq!(again.status, 400);
    assert_eq!(call(&emulator, "POST", "refunds", json!({"transaction_id": "tran_none"})).await.status, 404);
    // One that the bank takes its time for: the transaction tells when it is over.
    let checkout = ok(&emulator, "POST", "checkouts", json!({"product_id": "prod_pack"})).await;
    let slow =
        pay(&emulator, &checkout, json!({"card": "4000000000007726"})).await["order"]["transaction"].clone();
    let pending = ok(&emulator, "POST", "refunds", json!({"transaction_id": slow})).await;
    assert_eq!(pending["status"], "pending");
    let path = format!("transactions?transaction_id={}", slow.as_str().expect("an id"));
    assert_eq!(ok(&emulator, "GET", &path, Value::Null).await["status"], "paid");
    advance(&emulator, 10).await;
    assert_eq!(ok(&emulator, "GET", &path, Value::Null).await["status"], "refunded");
}

#[tokio::test]
async fn a_dispute_takes_the_payment_back() {
    let emulator = start(None).await;
    let paid = buy(&emulator, json!({"product_id": "prod_pro"})).await;
    let transaction = paid["order"]["transaction"].clone();
    control(&emulator, "disputes", json!({"transaction_id": transaction})).await;
    let event = emulator.events("dispute.created").await.remove(0);
    let object = &event["object"];
    assert_eq!((&object["amount"], &object["transaction"]["id"]), (&json!(999), &transaction));
    assert_eq!(object["transaction"]["status"], "chargedBack");
    assert_eq!(object["subscription"]["id"], paid["subscription"]["id"]);
    let checkout = ok(&emulator, "POST", "checkouts", json!({"product_id": "prod_pack"})).await;
    pay(&emulator, &checkout, json!({"card": "4000000000000259"})).await;
    assert_eq!(emulator.events("dispute.created").await.len(), 2, "the test card disputes by itself");
}

/// <https://docs.creem.io/code/webhooks>: samples with few fields, type definitions that allow ids.
#[tokio::test]
async fn inner_objects_come_in_short_form_or_as_ids() {
    let emulator = start(None).await;
    let short = json!({"order": "short", "subscription": "short", "customer": "id"});
    let forms = emulator.done("PUT", "creem/forms", short).await;
    assert_eq!((&forms["order"], &forms["product"]), (&json!("short"), &json!("full")));
    let paid = buy(&emulator, json!({"product_id": "prod_pro", "metadata": {"user": "ada"}})).await;
    let object = &emulator.events("checkout.completed").await[0]["object"];
    assert_eq!((&object["order"]["amount"], &object["order"]["amount_paid"]), (&json!(999), &Value::Null));
    assert_eq!(object["subscription"]["metadata"], json!({"user": "ada"}));
    assert!(object["subscription"].get("last_transaction_id").is_none());
    assert!(text(&object["customer"]).starts_with("cust_"));
    let about = &emulator.events("subscription.paid").await[0]["object"];
    assert_eq!(about["last_transaction"]["amount_paid"], 999, "it is the event's own object");
    let ids =
        json!({"order": "id", "subscription": "id", "transaction": "id", "product": "id", "checkout": "id"});
    emulator.done("PUT", "creem/forms", ids).await;
    let transaction = text(&about["last_transaction_id"]);
    control(&emulator, "refunds", json!({"transaction_id": transaction, "amount": 400})).await;
    let refund = &emulator.events("refund.created").await[0]["object"];
    assert_eq!((&refund["refund_amount"], &refund["transaction"]), (&json!(400), &json!(transaction)));
    assert_eq!(refund["subscription"], paid["subscription"]["id"]);
    assert!(text(&refund["order"]).starts_with("ord_"));
    // In parts, until nothing is left.
    control(&emulator, "refunds", json!({"transaction_id": transaction, "amount": 500})).await;
    let path = format!("transactions?transaction_id={transaction}");
    let left = ok(&emulator, "GET", &path, Value::Null).await;
    assert_eq!((&left["status"], &left["refunded_amount"]), (&json!("partialRefund"), &json!(900)));
    let too_much = json!({"transaction_id": transaction, "amount": 100});
    assert_eq!(emulator.control("POST", "creem/refunds", too_much).await.status, 400);
    control(&emulator, "refunds", json!({"transaction_id": transaction})).await;
    assert_eq!(ok(&emulator, "GET", &path, Value::Null).await["status"], "refunded");
    let wrong = emulator.control("PUT", "creem/forms", json!({"order": "long"})).await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn a_person_pays_on_the_page_and_returns_signed() {
    let emulator = start(None).await;
    let wanted = json!({
        "product_id": "prod_pro", "request_id": "a b", "success_url": "https://shop.example/done?x=1",
    });
    let checkout = ok(&emulator, "POST", "checkouts", wanted).await;
    let path = format!("/creem/checkout/{}", id(&checkout));
    let shown = emulator.request("GET", &path).send().await.expect("a page").text().await.expect("a page");
    assert!(shown.contains("$9.99") && shown.contains("Pay every month"), "{shown}");
    let post = async |form: &str| {
        emulator.request("POST", &path).body(form.to_owned()).send().await.expect("a page")
    };
    assert!(post("action=leave").await.text().await.expect("a page").contains("Nothing was charged"));
    let refused = post("action=pay&card=4000000000000002&email=ada%40example.com").await;
    assert_eq!(refused.status(), 402);
    assert!(refused.text().await.expect("a page").contains("Your card was declined."));
    let paid = post("action=pay&card=4242+4242+4242+4242&email=ada%40example.com").await;
    let location = paid.headers()[LOCATION].to_str().expect("text").to_owned();
    let address = reqwest::Url::parse(&location).expect("an address");
    let mut signed = String::new();
    let mut names = Vec::new();
    let mut signature = String::new();
    for (name, value) in address.query_pairs().skip(1) {
        if name == "signature" {
            signature = value.into_owned();
        } else {
            signed.push_str(&format!("{name}={value}|"));
            names.push(name.into_owned());
        }
    }
    let expected = hex::encode(Sha256::digest(format!("{signed}salt={KEY}").as_bytes()));
    assert_eq!(signature, expected);
    let all = ["checkout_id", "order_id", "customer_id", "subscription_id", "product_id", "request_id"];
    assert_eq!(names, all);
    assert!(location.starts_with("https://shop.example/done?x=1&"));
    assert!(post("action=pay&card=4242424242424242").await.status() == 200);
    assert_eq!(story(&emulator).await.len(), 3, "paying twice charges once");
    let found = ok(&emulator, "GET", "customers?email=ada@example.com", Value::Null).await;
    assert_eq!(found["country"], "US");
    let other = ok(&emulator, "POST", "checkouts", json!({"product_id": "prod_pack"})).await;
    control(&emulator, &format!("checkouts/{}/expire", id(&other)), json!({})).await;
    let late = emulator.control("POST", &format!("creem/checkouts/{}/pay", id(&other)), json!({})).await;
    assert_eq!(late.status, 400);
}

#[tokio::test]
async fn faults_hold_for_creem_and_requests_are_counted() {
    let mut receiver = Receiver::start().await;
    let emulator = start(Some(&receiver)).await;
    let wanted = json!({"product_id": "prod_pack"});
    for (fault, status) in [("rate_429", 429), ("rate_500", 500)] {
        let only = ["POST /creem/v1/checkouts"];
        emulator.control("PUT", "faults", json!({fault: 1.0, "only": only, "limit": 1})).await;
        let refused = call(&emulator, "POST", "checkouts", wanted.clone()).await;
        assert_eq!((refused.status, &refused.body["status"]), (status, &json!(status)));
    }
    emulator
        .control("PUT", "faults", json!({"timeout_after_success": 1.0, "timeout_ms": 1, "limit": 1}))
        .await;
    let lost =
        emulator.request("POST", "/creem/v1/checkouts").header("x-api-key", KEY).body(wanted.to_string());
    assert!(lost.send().await.is_err());
    let usage = emulator.usage("POST /creem/v1/checkouts").await;
    assert_eq!(usage, json!({"received": 3, "executed": 1, "replayed": 0, "faulted": 3}));
    emulator.control("PUT", "faults", json!({"duplicate": 1.0})).await;
    buy(&emulator, wanted.clone()).await;
    assert_eq!(receiver.next().await.body, receiver.next().await.body);
    emulator.control("PUT", "faults", json!({"drop": 1.0})).await;
    buy(&emulator, wanted.clone()).await;
    emulator.control("PUT", "faults", json!({"reorder": 1.0})).await;
    let first = buy(&emulator, wanted.clone()).await;
    emulator.control("PUT", "faults", json!({})).await;
    let second = buy(&emulator, wanted).await;
    assert_eq!(receiver.next().await.event()["object"]["id"], second["id"]);
    assert_eq!(receiver.next().await.event()["object"]["id"], first["id"]);
    let forged = json!({"provider": "creem", "type": "subscription.paid", "object": {"id": "sub_x"}});
    assert_eq!(emulator.control("POST", "events", forged).await.body["provider"], "creem");
    let arrived = receiver.next().await;
    verify(&arrived);
    assert_eq!(arrived.event()["eventType"], "subscription.paid");
}
