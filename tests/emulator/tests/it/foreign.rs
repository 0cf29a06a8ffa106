//! What others do on the same account and on connected ones: <https://docs.stripe.com/connect/webhooks>,
//! <https://docs.stripe.com/connect/authentication>.

use serde_json::{Value, json};

use crate::harness::{Emulator, Receiver, answer, text};

#[tokio::test]
async fn another_product_is_paid_on_the_same_account() {
    let mut receiver = Receiver::start().await;
    let emulator = Emulator::start(Some(receiver.url.clone())).await;
    let metadata = json!({"payment_id": "0b9c1d6e-9a7b-4b3f-8d56-1f2e3a4b5c6d", "quantity": 2});
    for (kind, event) in [
        ("checkout", "checkout.session.completed"),
        ("subscription", "invoice.paid"),
        ("payment_link", "checkout.session.completed"),
        ("payment_intent", "payment_intent.succeeded"),
        ("charge", "charge.succeeded"),
        ("invoice", "invoice.paid"),
    ] {
        let wanted = json!({
            "kind": kind, "amount": 1234, "currency": "eur", "metadata": metadata, "client_reference_id": "order-9",
        });
        let made = emulator.done("POST", "foreign", wanted).await;
        let told = receiver.next_of(event).await.event();
        let object = &told["data"]["object"];
        let id = match kind {
            "checkout" | "payment_link" => &made["session"],
            "subscription" | "invoice" => &made["invoice"],
            other => &made[other],
        };
        assert_eq!((&object["id"], &told["account"]), (id, &Value::Null), "{kind}");
        let held = match kind {
            "subscription" => &object["parent"]["subscription_details"]["metadata"],
            _ => &object["metadata"],
        };
        assert_eq!(
            (&held["payment_id"], &held["quantity"]),
            (&metadata["payment_id"], &json!("2")),
            "{kind}"
        );
        while receiver.waiting().pop().is_some() {}
    }
    let session = emulator.events("checkout.session.completed").await.remove(0);
    assert_eq!(session["data"]["object"]["client_reference_id"], "order-9");
    let wrong = emulator.control("POST", "foreign", json!({"kind": "gift"})).await;
    assert_eq!((wrong.status, &wrong.body["error"]["param"]), (400, &json!("kind")));
}

#[tokio::test]
async fn a_connected_account_has_events_and_objects_of_its_own() {
    let mut receiver = Receiver::start().await;
    let emulator = Emulator::start(Some(receiver.url.clone())).await;
    let made = emulator.done("POST", "foreign", json!({"kind": "checkout", "account": "acct_other"})).await;
    let told = receiver.next_of("checkout.session.completed").await.event();
    assert_eq!((&told["account"], &told["data"]["object"]["id"]), (&json!("acct_other"), &made["session"]));
    assert!(!told.to_string().contains("\"_"), "an inner field got out: {told}");
    let path = format!("/v1/checkout/sessions/{}", text(&made["session"]));
    let get = async |account: Option<&str>, path: &str| {
        let request = emulator.request("GET", path).bearer_auth("sk_test_x");
        answer(match account {
            Some(account) => request.header("stripe-account", account),
            None => request,
        })
        .await
    };
    assert_eq!(get(None, &path).await.status, 404);
    assert_eq!(get(Some("acct_other"), &path).await.body["id"], made["session"]);
    assert_eq!(get(Some("acct_third"), &path).await.status, 404);
    assert_eq!(get(Some("nobody"), &path).await.body["error"]["code"], "account_invalid");
    assert_eq!(get(None, "/v1/charges").await.body["data"], json!([]));
    let event = format!("/v1/events/{}", text(&told["id"]));
    assert_eq!((get(None, &event).await.status, get(Some("acct_other"), &event).await.status), (404, 200));
    emulator.done("POST", &format!("events/{}/resend", text(&told["id"])), json!({})).await;
    assert_eq!(receiver.next_of("checkout.session.completed").await.event()["id"], told["id"]);
}

#[tokio::test]
async fn a_connected_account_lives_on() {
    let emulator = Emulator::start(None).await;
    emulator.done("POST", "foreign", json!({"kind": "subscription", "account": "acct_other"})).await;
    emulator.advance(32 * 86_400).await;
    let renewed = emulator.events("invoice.paid").await;
    let accounts: Vec<&Value> = renewed.iter().map(|event| &event["account"]).collect();
    assert_eq!(accounts, ["acct_other", "acct_other"]);
}

#[tokio::test]
async fn an_endpoint_hears_its_own_account_or_the_connected_ones() {
    let emulator = Emulator::start(None).await;
    let mut receivers = Vec::new();
    for connect in [false, true] {
        let receiver = Receiver::start().await;
        let form = format!("url={}&enabled_events[0]=charge.succeeded&connect={connect}", receiver.url);
        emulator.ok("POST", "webhook_endpoints", &form).await;
        receivers.push(receiver);
    }
    for account in [Value::Null, json!("acct_other")] {
        emulator.done("POST", "foreign", json!({"kind": "charge", "account": account})).await;
    }
    for (receiver, account) in receivers.iter_mut().zip([Value::Null, json!("acct_other")]) {
        assert_eq!(receiver.next().await.event()["account"], account);
    }
    let made_up = json!({"type": "charge.succeeded", "object": {"id": "ch_x"}, "account": "acct_third"});
    emulator.done("POST", "events", made_up).await;
    assert_eq!(receivers[1].next().await.event()["account"], "acct_third");
    assert!(receivers[0].waiting().is_empty());
}
