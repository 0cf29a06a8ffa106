//! What happens when the emulated clock is moved: expiry, renewals, refunds that settle.

use serde_json::{Value, json};

use crate::harness::{Emulator, Receiver};

const MONTH: i64 = 31 * 86_400;

async fn advance(emulator: &Emulator, seconds: i64) {
    assert_eq!(emulator.control("PUT", "clock", json!({"advance_seconds": seconds})).await.status, 200);
}

/// A session in subscription mode, paid; returns the id of the subscription.
async fn subscribe(emulator: &Emulator, more: &str) -> String {
    let form = format!(
        "mode=subscription&success_url=https://shop.example/ok&line_items[0][quantity]=1\
         &line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=2900\
         &line_items[0][price_data][recurring][interval]=month\
         &line_items[0][price_data][product_data][name]=Pro{more}"
    );
    let session = emulator.ok("POST", "checkout/sessions", &form).await;
    let paid = emulator.pay(&session, json!({"card": "4242424242424242"})).await;
    paid["subscription"].as_str().expect("a subscription").to_owned()
}

async fn invoices(emulator: &Emulator, subscription: &str) -> Vec<Value> {
    let list = emulator.ok("GET", &format!("invoices?subscription={subscription}"), "").await;
    list["data"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_session_expires_a_day_after_it_was_opened() {
    let mut receiver = Receiver::start().await;
    let emulator = Emulator::start(Some(receiver.url.clone())).await;
    let session = emulator.session(1000, "").await;
    advance(&emulator, 86_400 - 60).await;
    assert!(emulator.events("checkout.session.expired").await.is_empty());
    advance(&emulator, 61).await;
    let event = receiver.next_of("checkout.session.expired").await.event();
    assert_eq!(event["data"]["object"]["id"], session["id"]);
    assert_eq!(event["data"]["object"]["url"], Value::Null);
    let late = format!("checkout/{}/pay", session["id"].as_str().expect("an id"));
    assert_eq!(emulator.control("POST", &late, json!({})).await.status, 400);
}

#[tokio::test]
async fn a_subscription_renews_once_for_each_period_that_passes() {
    let emulator = Emulator::start(None).await;
    let id = subscribe(&emulator, "&subscription_data[metadata][plan]=pro").await;
    advance(&emulator, 2 * MONTH + 86_400).await;
    let reasons: Vec<Value> =
        invoices(&emulator, &id).await.iter().map(|invoice| invoice["billing_reason"].clone()).collect();
    assert_eq!(reasons, ["subscription_cycle", "subscription_cycle", "subscription_create"]);
    let paid = emulator.events("invoice.paid").await;
    let last = &paid.last().expect("an event")["data"]["object"];
    assert_eq!(last["amount_paid"], 2900);
    assert_eq!(last["parent"]["subscription_details"]["metadata"]["plan"], "pro");
    let line = &last["lines"]["data"][0];
    let item = &emulator.ok("GET", &format!("subscriptions/{id}"), "").await["items"]["data"][0];
    assert_eq!(line["period"]["end"], item["current_period_end"]);
    assert!(item["current_period_start"].as_i64() < item["current_period_end"].as_i64());
}

#[tokio::test]
async fn a_renewal_that_fails_is_tried_again_and_then_ends_the_subscription() {
    let emulator = Emulator::start(None).await;
    let id = subscribe(&emulator, "").await;
    let before = emulator.ok("GET", &format!("subscriptions/{id}"), "").await;
    let customer = before["customer"].as_str().expect("an id");
    // The card is saved, but every charge to it fails.
    let method = emulator
        .ok("POST", "payment_methods/pm_card_chargeCustomerFail/attach", &format!("customer={customer}"))
        .await;
    let method = method["id"].as_str().expect("an id");
    emulator.ok("POST", &format!("subscriptions/{id}"), &format!("default_payment_method={method}")).await;
    advance(&emulator, MONTH).await;
    let status = emulator.ok("GET", &format!("subscriptions/{id}"), "").await["status"].clone();
    assert_eq!(status, "past_due");
    let invoice = invoices(&emulator, &id).await.remove(0);
    assert_eq!((&invoice["status"], &invoice["attempt_count"]), (&json!("open"), &json!(1)));
    for _ in 0..3 {
        advance(&emulator, 3 * 86_400 + 1).await;
    }
    assert_eq!(emulator.events("invoice.payment_failed").await.len(), 4);
    let ended = emulator.ok("GET", &format!("subscriptions/{id}"), "").await;
    assert_eq!(ended["status"], "canceled");
    assert_eq!(ended["cancellation_details"]["reason"], "payment_failed");
}

#[tokio::test]
async fn a_subscription_that_is_to_end_ends_with_its_period() {
    let emulator = Emulator::start(None).await;
    let id = subscribe(&emulator, "").await;
    emulator.ok("POST", &format!("subscriptions/{id}"), "cancel_at_period_end=true").await;
    advance(&emulator, MONTH).await;
    assert_eq!(emulator.events("customer.subscription.deleted").await.len(), 1);
    assert_eq!(invoices(&emulator, &id).await.len(), 1);
}

#[tokio::test]
async fn a_trial_is_charged_when_it_is_over() {
    let emulator = Emulator::start(None).await;
    let id = subscribe(&emulator, "&subscription_data[trial_period_days]=7").await;
    let trial = emulator.ok("GET", &format!("subscriptions/{id}"), "").await;
    assert_eq!(trial["status"], "trialing");
    assert_eq!(emulator.events("charge.succeeded").await.len(), 0);
    advance(&emulator, 7 * 86_400 + 3601).await;
    let charged = emulator.events("charge.succeeded").await;
    assert_eq!(charged.len(), 1);
    assert_eq!(charged[0]["data"]["object"]["amount"], 2900);
}

#[tokio::test]
async fn changing_the_plan_at_once_charges_the_rest_of_the_period() {
    let emulator = Emulator::start(None).await;
    let id = subscribe(&emulator, "").await;
    let subscription = emulator.ok("GET", &format!("subscriptions/{id}"), "").await;
    let item = &subscription["items"]["data"][0];
    let (start, end) = (item["current_period_start"].as_i64(), item["current_period_end"].as_i64());
    let half = (start.expect("a start") + end.expect("an end")) / 2;
    emulator.control("PUT", "clock", json!({"now": half})).await;
    let form = format!(
        "proration_behavior=always_invoice&items[0][id]={}&items[0][quantity]=3",
        item["id"].as_str().expect("an id")
    );
    emulator.ok("POST", &format!("subscriptions/{id}"), &form).await;
    let invoice = invoices(&emulator, &id).await.remove(0);
    assert_eq!(
        (&invoice["billing_reason"], &invoice["status"]),
        (&json!("subscription_update"), &json!("paid"))
    );
    // Half a period of two more seats; the seconds this test takes are not worth a cent.
    assert_eq!(invoice["total"], 2900);
}

#[tokio::test]
async fn slow_refunds_settle_by_the_clock() {
    let emulator = Emulator::start(None).await;
    for (card, before, after) in
        [("4000000000007726", "pending", "succeeded"), ("4000000000005126", "succeeded", "failed")]
    {
        let session = emulator.session(1000, "").await;
        let paid = emulator.pay(&session, json!({"card": card})).await;
        let form = format!("payment_intent={}", paid["payment_intent"].as_str().expect("an intent"));
        let refund = emulator.ok("POST", "refunds", &form).await;
        assert_eq!(refund["status"], before);
        advance(&emulator, 10).await;
        let path = format!("refunds/{}", refund["id"].as_str().expect("an id"));
        assert_eq!(emulator.ok("GET", &path, "").await["status"], after);
    }
    assert_eq!(emulator.events("refund.failed").await.len(), 1);
}
