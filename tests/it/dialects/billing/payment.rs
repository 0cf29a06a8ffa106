//! Payment sessions and the provider's page on which a subscription is managed, over both providers.

use harness::world::{GOOD_CARD, World};
use serde_json::{Value, json};

use super::{RETURN, admin, complaint, data, get, post, refused, sell_over_creem, session};

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_credited_once_for_each_period() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let request = json!({"channel": "stripe", "type": "subscription", "plan_id": "pro", "success_url": RETURN,
                         "cancel_url": "http://localhost:3000/dashboard/subscription"});
    let opened = session(&world, &alice, request).await;
    let id = opened["session_id"].as_str().unwrap();
    // Two copies of every event.
    world.set_provider_faults(json!({"duplicate": 1.0})).await;
    world.pay(id, GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 10_000);
    assert_eq!(world.count("ledger_entries").await, 1);
    let events = world.emulator().get("/_emulator/events").expect(200).await;
    for event in events["data"].as_array().or_else(|| events["events"].as_array()).unwrap().iter().rev() {
        world.resend_event(event["id"].as_str().unwrap()).await;
    }
    world.drain().await;
    assert_eq!(world.count("ledger_entries").await, 1);

    let order = get(&world, &alice, &format!("/orders/{}", opened["order_id"].as_str().unwrap())).await;
    for (field, value) in [
        ("status", json!("paid")),
        ("type", json!("subscription")),
        ("plan_id", json!("pro")),
        ("channel", json!("stripe")),
        ("amount", json!(999)),
        ("credits", json!(10_000)),
    ] {
        assert_eq!(order[field], value, "{field}");
    }
    let subscription = get(&world, &alice, "/subscription").await;
    assert_eq!((&subscription["status"], &subscription["plan_id"]), (&json!("active"), &json!("pro")));
    assert!(subscription["current_period_end"].is_string());
    assert_eq!(get(&world, &alice, "/credits/balance").await, json!({"balance": 10_000}));
    let listed = get(&world, &alice, "/credits/transactions").await;
    assert_eq!((&listed[0]["type"], &listed[0]["amount"]), (&json!("subscription"), &json!(10_000)));
    let samsar = world.api().get("/v1/credits").bearer(&alice.api_key).expect(200).await;
    assert_eq!(samsar["lastTopUp"]["paymentType"], json!("subscription"));
    // A period has an invoice, and the order shows it to who asks Samsar's way.
    for field in ["stripeInvoiceNumber", "invoicePdfUrl", "hostedInvoiceUrl"] {
        assert!(samsar["lastTopUp"][field].is_string(), "{field} {samsar}");
    }
    assert!(samsar["lastTopUp"]["stripeInvoiceId"].as_str().unwrap().starts_with("in_"), "{samsar}");

    let portal = post(&world, &alice, "/subscription/portal", json!({"return_url": RETURN})).await;
    assert!(data(portal.json().unwrap())["url"].as_str().unwrap().contains("/p/session/"), "{portal}");
    let evil = json!({"return_url": "https://evil.example/"});
    let evil = post(&world, &alice, "/subscription/portal", evil).await;
    assert_eq!(complaint(&evil), (400, "URL_NOT_ALLOWED".to_owned()));
    let bob = world.create_user("bob").await;
    let none = post(&world, &bob, "/subscription/portal", json!({"return_url": RETURN})).await;
    assert_eq!(complaint(&none), (404, "NO_SUBSCRIPTION".to_owned()));
    let order = format!("/orders/{}", opened["order_id"].as_str().unwrap());
    let foreign = world.api().get(&order).bearer(&bob.api_key).send().await.unwrap();
    assert_eq!(complaint(&foreign), (404, "NOT_FOUND".to_owned()));

    // The next month: the provider's clock alone moves, and its events are signed with real time.
    let in_a_month = time::OffsetDateTime::now_utc().unix_timestamp() + 32 * 86_400;
    world.emulator().put("/_emulator/clock").json(json!({"now": in_a_month})).expect(200).await;
    world.drain().await;
    assert_eq!(world.count("ledger_entries where entry_type = 'subscription'").await, 2);
    assert_eq!(world.balance(&alice.wallet_id).await, 20_000);
    // What is left of a period lapses with it.
    assert_eq!(world.count("grants where expires_at is not null").await, 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creem_sells_plans_that_have_a_product() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let request =
        json!({"channel": "creem", "type": "subscription", "plan_id": "pro", "success_url": RETURN});
    assert_eq!(refused(&world, &alice, request.clone()).await, (400, "CREEM_PRODUCT_MISSING".to_owned()));
    sell_over_creem(&world).await;
    let opened = session(&world, &alice, request).await;
    let id = opened["session_id"].as_str().unwrap();
    assert!(id.starts_with("ch_"), "{opened}");
    let pay = world.emulator().post(&format!("/_emulator/creem/checkouts/{id}/pay"));
    pay.json(json!({"card": GOOD_CARD})).expect(200).await;
    world.drain().await;
    // checkout.completed, subscription.active and subscription.paid all tell of one payment.
    assert_eq!(world.balance(&alice.wallet_id).await, 10_000);
    assert_eq!(world.count("ledger_entries").await, 1);
    let subscription = get(&world, &alice, "/subscription").await;
    assert_eq!((&subscription["status"], &subscription["channel"]), (&json!("active"), &json!("creem")));
    let id: String = sqlx::query_scalar("select provider_subscription from subscriptions")
        .fetch_one(world.pool())
        .await
        .unwrap();
    world.emulator().post(&format!("/_emulator/creem/subscriptions/{id}/renew")).expect(200).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 20_000);
    assert_eq!(world.count("payments where kind = 'subscription' and state = 'completed'").await, 2);
    let portal = post(&world, &alice, "/subscription/portal", json!({"return_url": RETURN})).await;
    assert!(data(portal.json().unwrap())["url"].as_str().unwrap().contains("/creem/portal/"), "{portal}");

    let event = json!({"id": "evt_1", "eventType": "subscription.paid", "object": {}}).to_string();
    let unsigned = world.api().post("/payment/webhook/creem").header("creem-signature", &"0".repeat(64));
    let unsigned = unsigned.header("content-type", "application/json").body(event).send().await.unwrap();
    assert_eq!(unsigned.status(), 400);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsellable_goods_are_refused() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let with = |field: &str, value: Value| {
        let mut body = json!({"channel": "stripe", "type": "subscription", "plan_id": "pro"});
        body[field] = value;
        body
    };
    for (field, value, status, code) in [
        ("channel", json!("paypal"), 400, "INVALID_REQUEST"),
        ("type", json!("gift"), 400, "INVALID_REQUEST"),
        ("plan_id", json!(null), 400, "INVALID_REQUEST"),
        ("plan_id", json!("none"), 404, "NOT_FOUND"),
        ("plan_id", json!("\u{0}"), 400, "INVALID_REQUEST"),
        ("interval", json!("week"), 400, "INVALID_REQUEST"),
        ("success_url", json!("https://evil.example/"), 400, "URL_NOT_ALLOWED"),
        ("success_url", json!("http://localhost:3000@evil.example/"), 400, "URL_NOT_ALLOWED"),
        ("cancel_url", json!("javascript:alert(1)"), 400, "URL_NOT_ALLOWED"),
        ("type", json!("credits"), 400, "INVALID_REQUEST"),
    ] {
        let body = with(field, value);
        assert_eq!(refused(&world, &alice, body.clone()).await, (status, code.to_owned()), "{body}");
    }
    let pack = json!({"channel": "stripe", "type": "credits", "pack_id": "Fifty"});
    assert_eq!(refused(&world, &alice, pack).await, (404, "NOT_FOUND".to_owned()));
    assert_eq!(world.count("payments").await, 0);
    let text = world.api().post("/payment/create-session").bearer(&alice.api_key);
    let text = text.header("content-type", "text/plain").body("{}").send().await.unwrap();
    assert_eq!(complaint(&text), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
    world.finish().await;
}

/// Each channel sells plans and packs.
#[tokio::test(flavor = "multi_thread")]
async fn plans_and_packs_are_sold_over_both_channels() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    let packs = admin(&world, world.api().get("/purser/v1/catalog/packs")).expect(200).await;
    let packs = packs["data"].as_array().unwrap();
    let mut micro = packs.iter().find(|pack| pack["packId"] == "micro").unwrap().clone();
    (micro["creemProductId"], micro["price"]["minor"], micro["credits"]) =
        (json!("prod_pack"), json!(1_000), json!(60));
    admin(&world, world.api().put("/purser/v1/catalog/packs/micro")).json(micro).expect(200).await;
    let mut credits = 0;
    for (channel, what, id, granted) in [
        ("stripe", "plan_id", "pro", 10_000),
        ("stripe", "pack_id", "micro", 60),
        ("creem", "plan_id", "pro", 10_000),
        ("creem", "pack_id", "micro", 60),
    ] {
        let alice = world.create_user(&format!("{channel}-{id}")).await;
        let kind = if what == "plan_id" { "subscription" } else { "credits" };
        let body = json!({"channel": channel, "type": kind, what: id, "success_url": RETURN});
        let opened = session(&world, &alice, body).await;
        let fields: Vec<&String> = opened.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["order_id", "session_id", "url"], "{opened}");
        let page = opened["session_id"].as_str().unwrap();
        if channel == "creem" {
            let path = format!("/_emulator/creem/checkouts/{page}/pay");
            world.emulator().post(&path).json(json!({"card": GOOD_CARD})).expect(200).await;
        } else {
            world.pay(page, GOOD_CARD).await;
        }
        world.drain().await;
        assert_eq!(world.balance(&alice.wallet_id).await, granted, "{channel} {what}");
        let order = get(&world, &alice, &format!("/orders/{}", opened["order_id"].as_str().unwrap())).await;
        assert_eq!((&order["status"], &order["channel"]), (&json!("paid"), &json!(channel)));
        assert_eq!((&order["type"], &order[what]), (&json!(kind), &json!(id)));
        credits += granted;
    }
    assert_eq!(world.count("ledger_entries").await, 4);
    assert_eq!(credits, 20_120);
    // A pack without a product is not sold over Creem.
    let alice = world.create_user("alice").await;
    let body = json!({"channel": "creem", "type": "credits", "pack_id": "basic"});
    assert_eq!(refused(&world, &alice, body).await, (400, "CREEM_PRODUCT_MISSING".to_owned()));
    world.finish().await;
}

/// Buyers are sent to configured sites only, whatever an address looks like.
#[tokio::test(flavor = "multi_thread")]
async fn return_addresses_of_foreign_sites_are_refused() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let strange = [
        "https://evil.example/",
        "//localhost:3000/",
        "/dashboard",
        "",
        "https://localhost:3000/",
        "http://localhost:3001/",
        "http://localhost:3000.evil.example/",
        "http://localhost:3000@evil.example/",
        "http://evil.example/http://localhost:3000/",
        "http://evil.example\\@localhost:3000/",
        "http:localhost:3000/",
        " http://localhost:3000/",
        "http://localhost:3000/\r\nlocation: http://evil.example",
        "javascript:alert(1)//http://localhost:3000/",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "http:///localhost:3000/",
        "http://local\u{ad}host:3000/",
        "http://\u{ff4c}ocalhost:3000/",
        "http://%6cocalhost:3000/",
        "http://localhost:3000%2f@evil.example/",
        "http://localhost\t:3000/",
        "http://localhost:3000:80/",
        "http://0x7f000001:3000/",
    ];
    let not_allowed = (400, "URL_NOT_ALLOWED".to_owned());
    for url in strange {
        for field in ["success_url", "cancel_url"] {
            for channel in ["stripe", "creem"] {
                let body = json!({"channel": channel, "type": "subscription", "plan_id": "pro", field: url});
                assert_eq!(refused(&world, &alice, body).await, not_allowed, "{field} {url}");
            }
        }
        let portal = post(&world, &alice, "/subscription/portal", json!({"return_url": url})).await;
        assert_eq!(complaint(&portal), not_allowed, "{url}");
    }
    assert_eq!(world.count("payments").await, 0);
    world.finish().await;
}

/// The same request twice is one order, and another request under its key is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_sent_again_opens_one_order() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let open = |body: Value| {
        let request = world.api().post("/payment/create-session").bearer(&alice.api_key);
        request.idempotency_key("once").json(body)
    };
    let body = json!({"channel": "stripe", "type": "subscription", "plan_id": "pro"});
    let first = data(open(body.clone()).expect(201).await);
    assert_eq!(data(open(body.clone()).expect(201).await), first);
    let other = json!({"channel": "stripe", "type": "subscription", "plan_id": "team"});
    let other = open(other).send().await.unwrap();
    assert_eq!(complaint(&other), (409, "IDEMPOTENCY_KEY_REUSED".to_owned()));
    assert_eq!(world.count("payments").await, 1);
    world.finish().await;
}
