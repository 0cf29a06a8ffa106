//! Stripe's coupons on Checkout Sessions and on what follows from them, and what the account has in stock.

use serde_json::{Value, json};

use crate::harness::Emulator;

const MONTH: i64 = 31 * 86_400;

async fn advance(emulator: &Emulator, seconds: i64) {
    assert_eq!(emulator.control("PUT", "clock", json!({"advance_seconds": seconds})).await.status, 200);
}

async fn coupon(emulator: &Emulator, form: &str) -> Value {
    emulator.ok("POST", "coupons", form).await
}

/// A session over the monthly price of the plan "pro", 9.99 USD.
async fn subscription_session(emulator: &Emulator, more: &str) -> Value {
    let form = format!(
        "mode=subscription&success_url=https://shop.example/ok&line_items[0][quantity]=1\
         &line_items[0][price]=price_pro_month{more}"
    );
    emulator.ok("POST", "checkout/sessions", &form).await
}

/// The totals of the invoices of a subscription, oldest first.
async fn totals(emulator: &Emulator, subscription: &Value) -> Vec<i64> {
    let path = format!("invoices?subscription={}", subscription.as_str().expect("an id"));
    let list = emulator.ok("GET", &path, "").await;
    list["data"]
        .as_array()
        .expect("a list")
        .iter()
        .rev()
        .map(|one| one["total"].as_i64().expect("cents"))
        .collect()
}

#[tokio::test]
async fn a_percentage_is_taken_off_a_payment() {
    let emulator = Emulator::start(None).await;
    let made =
        coupon(&emulator, "id=QUARTER&percent_off=25&max_redemptions=1&name=A+quarter&metadata[a]=b").await;
    assert_eq!((&made["percent_off"], &made["duration"]), (&json!(25.0), &json!("once")));
    let session = emulator.session(1000, "&discounts[0][coupon]=QUARTER").await;
    assert_eq!((&session["amount_subtotal"], &session["amount_total"]), (&json!(1000), &json!(750)));
    assert_eq!(session["total_details"]["amount_discount"], 250);
    assert_eq!(session["discounts"], json!([{"coupon": "QUARTER", "promotion_code": null}]));
    let paid = emulator.pay(&session, json!({})).await;
    assert_eq!(paid["payment_status"], "paid");
    assert_eq!(emulator.events("charge.succeeded").await[0]["data"]["object"]["amount"], 750);
    let used = emulator.ok("GET", "coupons/QUARTER", "").await;
    assert_eq!((&used["times_redeemed"], &used["valid"]), (&json!(1), &json!(false)));
    let path = format!("checkout/sessions/{}/line_items", session["id"].as_str().expect("an id"));
    assert_eq!(emulator.ok("GET", &path, "").await["data"][0]["amount_discount"], 250);
}

#[tokio::test]
async fn a_coupon_that_cannot_be_used_is_refused() {
    let emulator = Emulator::start(None).await;
    coupon(&emulator, "id=ONCE&amount_off=100&currency=usd&max_redemptions=1").await;
    let paid = emulator.session(1000, "&discounts[0][coupon]=ONCE").await;
    emulator.pay(&paid, json!({})).await;
    let now = emulator.control("GET", "clock", Value::Null).await.body["now"].as_i64().expect("a time");
    coupon(&emulator, &format!("id=SOON&percent_off=10&redeem_by={}", now + 3600)).await;
    advance(&emulator, 3700).await;
    coupon(&emulator, "id=EURO&amount_off=100&currency=eur").await;
    coupon(&emulator, "id=GONE&percent_off=10").await;
    assert_eq!(emulator.ok("DELETE", "coupons/GONE", "").await["deleted"], true);
    assert_eq!(emulator.api("GET", "coupons/GONE", "", None).await.status, 404);
    coupon(&emulator, "id=NEARLY&amount_off=980&currency=usd").await;
    for (id, code, message) in [
        ("NONE", json!("resource_missing"), "No such coupon: 'NONE'"),
        ("GONE", json!("resource_missing"), "No such coupon: 'GONE'"),
        ("ONCE", json!("coupon_expired"), "Coupon expired: ONCE"),
        ("SOON", json!("coupon_expired"), "Coupon expired: SOON"),
        ("EURO", Value::Null, "The coupon is in eur"),
        ("NEARLY", json!("amount_too_small"), "must add up to at least $0.50"),
    ] {
        let form = format!(
            "mode=payment&success_url=https://shop.example/ok&line_items[0][quantity]=1\
             &line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=1000\
             &line_items[0][price_data][product_data][name]=Credits&discounts[0][coupon]={id}"
        );
        let refused = emulator.api("POST", "checkout/sessions", &form, None).await;
        let error = &refused.body["error"];
        assert_eq!((refused.status, &error["code"]), (400, &code), "{id}: {error}");
        assert!(error["message"].as_str().expect("a message").contains(message), "{id}: {error}");
    }
    for wrong in [
        "percent_off=101",
        "percent_off=10&amount_off=10&currency=usd",
        "amount_off=10",
        "duration=once",
        "percent_off=10&duration=repeating",
        "percent_off=10&id=EURO",
    ] {
        assert_eq!(emulator.api("POST", "coupons", wrong, None).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_coupon_over_everything_makes_a_payment_without_an_intent() {
    let emulator = Emulator::start(None).await;
    coupon(&emulator, "id=FREE&amount_off=5000&currency=usd").await;
    let session = emulator.session(1000, "&discounts[0][coupon]=FREE").await;
    assert_eq!(
        (&session["amount_total"], &session["payment_status"]),
        (&json!(0), &json!("no_payment_required"))
    );
    assert_eq!(session["total_details"]["amount_discount"], 1000, "never more than there is");
    let paid = emulator.pay(&session, json!({})).await;
    assert_eq!(
        (&paid["status"], &paid["payment_status"]),
        (&json!("complete"), &json!("no_payment_required"))
    );
    assert_eq!(paid["payment_intent"], Value::Null);
    assert!(emulator.events("payment_intent.created").await.is_empty());
    let completed = emulator.events("checkout.session.completed").await;
    assert_eq!(completed[0]["data"]["object"]["amount_total"], 0);
}

#[tokio::test]
async fn the_duration_says_which_invoices_are_cheaper() {
    for (form, expected) in [
        ("id=C&percent_off=50&duration=once", [499, 999, 999, 999]),
        ("id=C&amount_off=100&currency=usd&duration=repeating&duration_in_months=2", [899, 899, 999, 999]),
        ("id=C&percent_off=100&duration=forever", [0, 0, 0, 0]),
    ] {
        let emulator = Emulator::start(None).await;
        coupon(&emulator, form).await;
        let session = subscription_session(&emulator, "&discounts[0][coupon]=C").await;
        let paid = emulator.pay(&session, json!({})).await;
        let status = if expected[0] == 0 { "no_payment_required" } else { "paid" };
        assert_eq!(paid["payment_status"], status, "{form}");
        // It goes on although the coupon does not.
        emulator.ok("DELETE", "coupons/C", "").await;
        for _ in 0..3 {
            advance(&emulator, MONTH).await;
        }
        assert_eq!(totals(&emulator, &paid["subscription"]).await, expected, "{form}");
        let first = emulator.events("invoice.paid").await[0]["data"]["object"].clone();
        assert_eq!(first["subtotal"], 999);
        assert_eq!(first["amount_paid"], expected[0]);
        assert_eq!(first["total_discount_amounts"][0]["amount"], 999 - expected[0]);
        assert_eq!(first["lines"]["data"][0]["discount_amounts"], first["total_discount_amounts"]);
        let path = format!("invoices/{}?expand[]=discounts", first["id"].as_str().expect("an id"));
        assert_eq!(emulator.ok("GET", &path, "").await["discounts"][0]["source"]["coupon"], "C");
    }
}

#[tokio::test]
async fn a_plan_in_stock_is_subscribed_to_changed_and_ended() {
    let emulator = Emulator::start(None).await;
    let more = "&subscription_data[metadata][order]=7&metadata[order]=7&client_reference_id=ada";
    let session = subscription_session(&emulator, more).await;
    let paid = emulator.pay(&session, json!({})).await;
    let subscription = paid["subscription"].as_str().expect("an id").to_owned();
    for kind in [
        "checkout.session.completed",
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
    ] {
        assert_eq!(emulator.events(kind).await.len(), 1, "{kind}");
    }
    let invoice = emulator.events("invoice.paid").await[0]["data"]["object"].clone();
    assert_eq!(
        (&invoice["billing_reason"], &invoice["amount_paid"]),
        (&json!("subscription_create"), &json!(999))
    );
    let details = json!({"subscription": subscription, "metadata": {"order": "7"}});
    assert_eq!(invoice["parent"]["subscription_details"], details);
    let line = &invoice["lines"]["data"][0];
    let price = json!({"price": "price_pro_month", "product": "prod_pro"});
    assert_eq!(line["pricing"]["price_details"], price);
    assert!(line["period"]["start"].as_i64() < line["period"]["end"].as_i64());
    let path = format!("invoices/{}?expand[]=payments", invoice["id"].as_str().expect("an id"));
    let payments = emulator.ok("GET", &path, "").await["payments"]["data"].clone();
    assert_eq!(payments[0]["payment"]["type"], "payment_intent");

    // A dearer plan of the same rhythm: half a month of the difference, at once.
    let before = emulator.ok("GET", &format!("subscriptions/{subscription}"), "").await;
    let item = before["items"]["data"][0].clone();
    let times =
        ["current_period_start", "current_period_end"].map(|field| item[field].as_i64().expect("a time"));
    emulator.control("PUT", "clock", json!({"now": (times[0] + times[1]) / 2})).await;
    let to = |price: &str| {
        let item = item["id"].as_str().expect("an id");
        format!("items[0][id]={item}&items[0][price]={price}")
    };
    let path = format!("subscriptions/{subscription}");
    emulator.ok("POST", &path, &(to("price_team_month") + "&proration_behavior=always_invoice")).await;
    let id = json!(subscription);
    assert_eq!(totals(&emulator, &id).await, [999, 1000]);
    let changed = emulator.events("invoice.paid").await[1]["data"]["object"].clone();
    assert_eq!(changed["billing_reason"], "subscription_update");
    assert_eq!(changed["lines"]["data"].as_array().map(Vec::len), Some(2));
    // Another rhythm begins a year now, which is paid at once and as a whole, less what is left of the month.
    let yearly = emulator.ok("POST", &path, &to("price_team_year")).await;
    let item = &yearly["items"]["data"][0];
    let length = item["current_period_end"].as_i64().expect("a time")
        - item["current_period_start"].as_i64().expect("a time");
    assert!(length > 300 * 86_400, "{length}");
    let year = totals(&emulator, &id).await[2];
    assert!((28_490..=28_491).contains(&year), "{year}");
    advance(&emulator, 300 * 86_400).await;
    assert_eq!(totals(&emulator, &id).await.len(), 3);
    advance(&emulator, 66 * 86_400).await;
    assert_eq!(totals(&emulator, &id).await[3], 29_990);
    emulator.ok("DELETE", &path, "").await;
    advance(&emulator, 400 * 86_400).await;
    assert_eq!(totals(&emulator, &id).await.len(), 4);
    assert_eq!(emulator.events("customer.subscription.deleted").await.len(), 1);
}

#[tokio::test]
async fn links_in_stock_open_sessions_that_know_their_visitor() {
    let emulator = Emulator::start(None).await;
    for (link, amount) in [("plink_Fifty", 5000), ("plink_OneHundred", 10_000)] {
        let opened = emulator.request("GET", &format!("/l/{link}?client_reference_id=user_7")).send().await;
        let address = opened.expect("a page").headers()["location"].to_str().expect("text").to_owned();
        let id = address.rsplit('/').next().expect("an id").to_owned();
        let session = emulator.ok("GET", &format!("checkout/sessions/{id}"), "").await;
        assert_eq!(
            (&session["payment_link"], &session["client_reference_id"]),
            (&json!(link), &json!("user_7"))
        );
        assert_eq!((&session["amount_total"], &session["currency"]), (&json!(amount), &json!("eur")));
        let path = address.strip_prefix(&emulator.url).expect("a page here").to_owned();
        let paid = emulator.request("POST", &path).body("action=pay&card=4242424242424242").send().await;
        let onward = paid.expect("a page").headers()["location"].to_str().expect("text").to_owned();
        assert_eq!(onward, format!("{}/confirmation/{id}", emulator.url));
    }
    let events = emulator.control("GET", "events", Value::Null).await.body["events"].clone();
    let kinds: Vec<&Value> = events.as_array().expect("a list").iter().map(|event| &event["type"]).collect();
    assert!(!kinds.contains(&&json!("payment_link.created")), "what is in stock happened before: {kinds:?}");
}
