//! Creem's subscriptions: begun, renewed, changed, discounted, ended.

use serde_json::{Value, json};

use super::{DAY, MONTH, advance, buy, call, control, id, ok, pay, start, story, subscription, verify};
use crate::harness::Receiver;

#[tokio::test]
async fn a_subscription_is_paid_at_once_and_again_every_month() {
    let mut receiver = Receiver::start().await;
    let emulator = start(Some(&receiver)).await;
    let wanted = json!({"product_id": "prod_pro", "request_id": "order-2", "metadata": {"plan": "pro"}});
    let paid = buy(&emulator, wanted).await;
    assert_eq!(paid["order"]["type"], "recurring");
    let sub = id(&paid["subscription"]).to_owned();
    let first = ["checkout.completed", "subscription.active", "subscription.paid"];
    assert_eq!(story(&emulator).await, first);
    let event = receiver.next_of("subscription.paid").await;
    verify(&event);
    let object = event.event()["object"].clone();
    assert_eq!((&object["id"], &object["status"]), (&json!(sub), &json!("active")));
    assert_eq!((&object["product"]["id"], &object["product"]["price"]), (&json!("prod_pro"), &json!(999)));
    assert_eq!((&object["metadata"], &object["request_id"]), (&json!({"plan": "pro"}), &json!("order-2")));
    assert_eq!(object["last_transaction_id"], paid["order"]["transaction"]);
    assert_eq!(object["last_transaction"]["amount_paid"], 999);
    // Two months and a day: two more payments, each with a transaction and a period of its own.
    advance(&emulator, 2 * MONTH + DAY).await;
    let mut transactions = vec![object["last_transaction_id"].clone()];
    let mut end = object["current_period_end_date"].clone();
    for _ in 0..2 {
        let renewed = receiver.next_of("subscription.paid").await.event()["object"].clone();
        assert_eq!(renewed["current_period_start_date"], end);
        assert_eq!(renewed["metadata"], json!({"plan": "pro"}));
        end = renewed["current_period_end_date"].clone();
        assert!(!transactions.contains(&renewed["last_transaction_id"]));
        transactions.push(renewed["last_transaction_id"].clone());
    }
    assert_eq!(story(&emulator).await.len(), 5);
    control(&emulator, &format!("subscriptions/{sub}/renew"), json!({})).await;
    let renewed = subscription(&emulator, &sub).await;
    assert_eq!(renewed["current_period_start_date"], end);
    let all = format!("transactions/search?customer_id={}", id(&renewed["customer"]));
    assert_eq!(ok(&emulator, "GET", &all, Value::Null).await["pagination"]["total_records"], 4);
    // The period that the control began is not billed a second time by the clock.
    advance(&emulator, MONTH - DAY).await;
    assert_eq!(subscription(&emulator, &sub).await["last_transaction_id"], renewed["last_transaction_id"]);
}

#[tokio::test]
async fn a_refused_card_makes_a_subscription_past_due_then_expired_then_canceled() {
    let emulator = start(None).await;
    let refused = ok(&emulator, "POST", "checkouts", json!({"product_id": "prod_pro"})).await;
    let path = format!("creem/checkouts/{}/pay", id(&refused));
    let declined = emulator.control("POST", &path, json!({"card": "4000000000009995"})).await;
    assert_eq!((declined.status, story(&emulator).await.len()), (402, 0));
    let sub = id(&pay(&emulator, &refused, json!({})).await["subscription"]).to_owned();
    let card = format!("subscriptions/{sub}/card");
    control(&emulator, &card, json!({"card": "4000000000000341"})).await;
    advance(&emulator, MONTH).await;
    assert_eq!(subscription(&emulator, &sub).await["status"], "past_due");
    // A working card makes it active again, and what was refused is paid.
    control(&emulator, &card, json!({"card": "4242424242424242"})).await;
    advance(&emulator, 3 * DAY).await;
    assert_eq!(subscription(&emulator, &sub).await["status"], "active");
    control(&emulator, &card, json!({"card": "4000000000000341"})).await;
    // Months differ in length, and each retry is three days after the attempt before it.
    let mut days = 0;
    while subscription(&emulator, &sub).await["status"] != "unpaid" {
        advance(&emulator, DAY).await;
        days += 1;
        assert!(days < 50, "it never became unpaid");
    }
    advance(&emulator, 3 * DAY).await;
    let canceled = subscription(&emulator, &sub).await;
    assert_eq!(canceled["status"], "canceled");
    assert!(canceled["canceled_at"].is_string() && canceled.get("next_transaction_date").is_none());
    advance(&emulator, 3 * MONTH).await;
    let expected = [
        "checkout.completed",
        "subscription.active",
        "subscription.paid",
        "subscription.past_due",
        "subscription.paid",
        "subscription.past_due",
        "subscription.unpaid",
        "subscription.expired",
        "subscription.canceled",
    ];
    assert_eq!(story(&emulator).await, expected);
}

#[tokio::test]
async fn a_customer_cancels_in_the_portal_and_changes_their_mind() {
    let emulator = start(None).await;
    let paid = buy(&emulator, json!({"product_id": "prod_pro"})).await;
    let sub = id(&paid["subscription"]);
    let wanted = json!({"customer_id": id(&paid["customer"])});
    let link = ok(&emulator, "POST", "customers/billing", wanted).await["customer_portal_link"].clone();
    let path = link.as_str().expect("a link").strip_prefix(&emulator.url).expect("a page here").to_owned();
    let shown = emulator.request("GET", &path).send().await.expect("a page");
    assert!(shown.text().await.expect("a page").contains("Cancel at period end"));
    let press = async |action: &str, sub: &str| {
        let form = format!("subscription={sub}&action={action}");
        emulator.request("POST", &path).body(form).send().await.expect("a page").status().as_u16()
    };
    assert_eq!(press("cancel", sub).await, 303);
    assert_eq!(subscription(&emulator, sub).await["status"], "scheduled_cancel");
    assert_eq!(press("resume", sub).await, 303);
    assert_eq!(subscription(&emulator, sub).await["status"], "active");
    let stranger =
        buy(&emulator, json!({"product_id": "prod_team", "customer": {"email": "other@example.com"}})).await;
    press("cancel", id(&stranger["subscription"])).await;
    assert_eq!(subscription(&emulator, id(&stranger["subscription"])).await["status"], "active");
    press("cancel", sub).await;
    advance(&emulator, MONTH).await;
    assert_eq!(subscription(&emulator, sub).await["status"], "canceled");
    let about_the_first = ["subscription.scheduled_cancel", "subscription.update", "subscription.canceled"];
    let story = story(&emulator).await;
    for kind in about_the_first {
        assert!(story.iter().any(|known| known == kind), "no {kind} in {story:?}");
    }
    // Cancelling over the API is at once unless told otherwise.
    let path = format!("subscriptions/{}/cancel", id(&stranger["subscription"]));
    let scheduled = ok(&emulator, "POST", &path, json!({"mode": "scheduled"})).await;
    assert_eq!(scheduled["status"], "scheduled_cancel");
    assert_eq!(ok(&emulator, "POST", &path, json!({"mode": "immediate"})).await["status"], "canceled");
    assert_eq!(call(&emulator, "POST", &path, json!({})).await.status, 400);
}

#[tokio::test]
async fn an_upgrade_charges_the_rest_of_the_period() {
    let emulator = start(None).await;
    let paid = buy(&emulator, json!({"product_id": "prod_pro"})).await;
    let sub = id(&paid["subscription"]).to_owned();
    let start = subscription(&emulator, &sub).await;
    let to_now = ok(
        &emulator,
        "GET",
        &format!("transactions?transaction_id={}", start["last_transaction_id"].as_str().expect("an id")),
        Value::Null,
    )
    .await;
    let middle = (to_now["period_start"].as_i64().expect("a time")
        + to_now["period_end"].as_i64().expect("a time"))
        / 2000;
    emulator.control("PUT", "clock", json!({"now": middle})).await;
    let path = format!("subscriptions/{sub}/upgrade");
    let upgraded = ok(&emulator, "POST", &path, json!({"product_id": "prod_team"})).await;
    assert_eq!((&upgraded["product"]["id"], &upgraded["metadata"]), (&json!("prod_team"), &json!({})));
    // Half of the difference between 2999 and 999; the second this test takes is not worth a cent.
    assert_eq!(upgraded["last_transaction"]["amount_paid"], 1000);
    assert_eq!(upgraded["current_period_end_date"], start["current_period_end_date"]);
    assert_eq!(story(&emulator).await[3..], ["subscription.update", "subscription.paid"]);
    advance(&emulator, MONTH).await;
    assert_eq!(subscription(&emulator, &sub).await["last_transaction"]["amount_paid"], 2999);
    // Back again: nothing is paid out, the next payment is smaller.
    let down = ok(
        &emulator,
        "POST",
        &path,
        json!({"product_id": "prod_pro", "update_behavior": "proration-charge"}),
    );
    assert_eq!(down.await["last_transaction"]["amount_paid"], 2999);
    let same = call(&emulator, "POST", &path, json!({"product_id": "prod_pro"})).await;
    assert_eq!(same.status, 400);
    advance(&emulator, MONTH).await;
    assert!(subscription(&emulator, &sub).await["last_transaction"]["amount_paid"].as_i64() < Some(999));
}

#[tokio::test]
async fn products_are_created_searched_and_sold_at_their_rhythm() {
    let emulator = start(None).await;
    let wanted = json!({
        "name": "Yearly", "description": "All year", "price": 9990, "currency": "EUR",
        "billing_type": "recurring", "billing_period": "every-year", "tax_mode": "inclusive",
    });
    let yearly = ok(&emulator, "POST", "products", wanted.clone()).await;
    let found = ok(&emulator, "GET", "products/search?page_size=1", Value::Null).await;
    assert_eq!((&found["items"][0], &found["pagination"]["total_pages"]), (&yearly, &json!(4)));
    let mut incomplete = wanted.clone();
    incomplete["billing_period"] = Value::Null;
    assert_eq!(call(&emulator, "POST", "products", incomplete).await.status, 400);
    let mut chosen = wanted;
    chosen["id"] = "prod_mine".into();
    assert_eq!(id(&control(&emulator, "products", chosen).await), "prod_mine");
    let paid = buy(&emulator, json!({"product_id": id(&yearly)})).await;
    let sub = id(&paid["subscription"]);
    advance(&emulator, 300 * DAY).await;
    assert_eq!(story(&emulator).await.len(), 3);
    advance(&emulator, 67 * DAY).await;
    assert_eq!(subscription(&emulator, sub).await["last_transaction"]["currency"], "EUR");
    assert_eq!(story(&emulator).await.len(), 4);
    // From a month to a week: the first week begins now, and what is left of the month pays for it.
    let weekly = json!({
        "name": "Weekly", "description": "A week", "price": 5000, "currency": "USD", "billing_type": "recurring",
        "billing_period": "custom", "recurring_interval": "week", "recurring_interval_count": 1,
    });
    let weekly = ok(&emulator, "POST", "products", weekly).await;
    let monthly = buy(&emulator, json!({"product_id": "prod_pro"})).await;
    let sub = id(&monthly["subscription"]);
    let path = format!("subscriptions/{sub}/upgrade");
    let moved = ok(&emulator, "POST", &path, json!({"product_id": id(&weekly)})).await;
    let paid = moved["last_transaction"]["amount_paid"].as_i64().expect("cents");
    assert!((4001..=4002).contains(&paid), "{paid}");
    let length = |sub: &Value| {
        let last = &sub["last_transaction"];
        last["period_end"].as_i64().expect("a time") - last["period_start"].as_i64().expect("a time")
    };
    assert_eq!(length(&moved), 7 * DAY * 1000);
    advance(&emulator, 8 * DAY).await;
    let renewed = subscription(&emulator, sub).await;
    assert_eq!(
        (&renewed["last_transaction"]["amount_paid"], length(&renewed)),
        (&json!(5000), 7 * DAY * 1000)
    );
    assert_eq!(renewed["current_period_start_date"], moved["current_period_end_date"]);
}

#[tokio::test]
async fn discounts_count_and_end() {
    let emulator = start(None).await;
    let wanted = json!({
        "name": "Launch", "code": "HALF", "type": "percentage", "percentage": 50, "duration": "once",
        "max_redemptions": 1, "applies_to_products": ["prod_pro"],
    });
    let discount = ok(&emulator, "POST", "discounts", wanted.clone()).await;
    assert_eq!(call(&emulator, "POST", "discounts", wanted).await.status, 400, "the code is taken");
    let elsewhere = json!({"product_id": "prod_pack", "discount_code": "HALF"});
    assert_eq!(call(&emulator, "POST", "checkouts", elsewhere).await.status, 400);
    let paid = buy(&emulator, json!({"product_id": "prod_pro", "discount_code": "HALF"})).await;
    let order = &paid["order"];
    assert_eq!((&order["discount_amount"], &order["amount_paid"]), (&json!(500), &json!(499)));
    assert_eq!(paid["discount"]["discountCode"], "HALF");
    let by_code = ok(&emulator, "GET", "discounts?discount_code=HALF", Value::Null).await;
    assert_eq!((&by_code["id"], &by_code["redeem_count"]), (&discount["id"], &json!(1)));
    let used_up = json!({"product_id": "prod_pro", "discount_code": "HALF"});
    assert_eq!(call(&emulator, "POST", "checkouts", used_up).await.status, 400);
    let sub = id(&paid["subscription"]);
    advance(&emulator, MONTH).await;
    assert_eq!(subscription(&emulator, sub).await["last_transaction"]["amount_paid"], 999, "only once");

    let repeating = json!({
        "name": "Two months", "type": "fixed", "amount": 5000, "currency": "USD", "duration": "repeating",
        "duration_in_months": 2, "applies_to_products": ["prod_pro"],
        "expiry_date": "2099-01-01T00:00:00.000Z",
    });
    let code = ok(&emulator, "POST", "discounts", repeating).await["code"].clone();
    let checkout =
        ok(&emulator, "POST", "checkouts", json!({"product_id": "prod_pro", "discount_code": code})).await;
    let free = pay(&emulator, &checkout, json!({"card": "4000000000000002", "email": "b@example.com"})).await;
    assert_eq!(free["order"]["amount_paid"], 0, "never below nothing, and no card is charged for it");
    let sub = id(&free["subscription"]);
    control(&emulator, &format!("subscriptions/{sub}/card"), json!({"card": "4242424242424242"})).await;
    for expected in [0, 999] {
        advance(&emulator, MONTH).await;
        assert_eq!(subscription(&emulator, sub).await["last_transaction"]["amount_paid"], expected);
    }
    let gone = ok(&emulator, "DELETE", &format!("discounts/{}/delete", id(&discount)), Value::Null).await;
    assert_eq!(gone["status"], "deleted");
    assert_eq!(call(&emulator, "GET", "discounts?discount_code=HALF", Value::Null).await.status, 404);
}

/// A price of 9.99, a code over 2.00 typed on the page, 21 % tax on what is left: 9.67 are paid.
#[tokio::test]
async fn a_code_typed_on_the_page_and_tax_change_what_is_paid() {
    let emulator = start(None).await;
    emulator.control("PUT", "creem/tax", json!({"basis_points": 2100})).await;
    let wanted = json!({
        "name": "Two off", "code": "TWO", "type": "fixed", "amount": 200, "currency": "USD",
        "duration": "forever", "applies_to_products": ["prod_pro"],
    });
    ok(&emulator, "POST", "discounts", wanted).await;
    let checkout = ok(&emulator, "POST", "checkouts", json!({"product_id": "prod_pro"})).await;
    let path = format!("creem/checkouts/{}/pay", id(&checkout));
    let wrong = emulator.control("POST", &path, json!({"discount_code": "NONE"})).await;
    assert_eq!((wrong.status, &wrong.body["error"]), (400, &json!("Bad Request")));
    let past = emulator.control("POST", &path, json!({"expiry": "01/20"})).await;
    assert_eq!(past.status, 402);
    let paid = pay(&emulator, &checkout, json!({"discount_code": "TWO"})).await;
    let fields = ["amount", "discount_amount", "tax_amount", "amount_paid"];
    let amounts = |object: &Value| fields.map(|field| object[field].as_i64().expect("cents"));
    assert_eq!(amounts(&paid["order"]), [999, 200, 168, 967]);
    assert_eq!(paid["discount"]["discountCode"], "TWO");
    advance(&emulator, MONTH).await;
    let renewed = subscription(&emulator, id(&paid["subscription"])).await;
    assert_eq!(amounts(&renewed["last_transaction"]), [999, 200, 168, 967], "every month");
    // The page has a field for it.
    let other = ok(&emulator, "POST", "checkouts", json!({"product_id": "prod_pro"})).await;
    let path = format!("/creem/checkout/{}", id(&other));
    let shown = emulator.request("GET", &path).send().await.expect("a page").text().await.expect("a page");
    assert!(shown.contains("Discount code") && shown.contains("Purser emulator"), "{shown}");
    let form = "action=pay&card=4242424242424242&expiry=12+/+40&discount_code=TWO";
    assert_eq!(emulator.request("POST", &path).body(form).send().await.expect("a page").status(), 200);
    let paid = ok(&emulator, "GET", &format!("checkouts?checkout_id={}", id(&other)), Value::Null).await;
    assert_eq!(paid["order"]["amount_paid"], 967);
}
