//! The Billing API, to the letter: its samples, its errors, and whose data is whose.

use harness::client::{Answer, Request};
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

/// What was answered well.
fn data(answer: Value) -> Value {
    assert_eq!(answer["success"], json!(true), "{answer}");
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(2), "{answer}");
    answer["data"].clone()
}

/// The status and code of an error, which has nothing else in it.
fn complaint(answer: &Answer) -> (u16, String) {
    let body = answer.json().unwrap();
    assert_eq!(body["success"], json!(false), "{answer}");
    assert!(body["error"]["message"].is_string(), "{answer}");
    (answer.status(), body["error"]["code"].as_str().unwrap().to_owned())
}

fn admin(world: &World, request: Request) -> Request {
    request.bearer(&world.settings().secrets.admin_api_key)
}

async fn get(world: &World, user: &User, path: &str) -> Value {
    data(world.api().get(path).bearer(&user.api_key).expect(200).await)
}

async fn post(world: &World, user: &User, path: &str, body: Value) -> Answer {
    world.api().post(path).bearer(&user.api_key).json(body).send().await.unwrap()
}

async fn refused(world: &World, user: &User, body: Value) -> (u16, String) {
    complaint(&post(world, user, "/payment/create-session", body).await)
}

/// Opens a payment page.
async fn session(world: &World, user: &User, body: Value) -> Value {
    let answer = post(world, user, "/payment/create-session", body).await;
    assert_eq!(answer.status(), 201, "{answer}");
    data(answer.json().unwrap())
}

async fn coupon(world: &World, body: Value) -> Value {
    data(admin(world, world.api().post("/admin/billing/coupons")).json(body).expect(201).await)
}

async fn sell_over_creem(world: &World) {
    let product = json!({"creem_product_id": "prod_pro"});
    admin(world, world.api().put("/admin/billing/plans/pro")).json(product).expect(200).await;
}

const RETURN: &str = "http://localhost:3000/dashboard/subscription?success=true";

#[tokio::test(flavor = "multi_thread")]
async fn plans_as_documented_and_without_ids_of_providers() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let plans = get(&world, &alice, "/subscription/plans").await;
    assert_eq!(
        plans[0],
        json!({"id": "pro", "name": "Pro", "description": "For growing teams", "price_monthly": 999,
               "price_yearly": 9990, "currency": "usd", "credits_included": 10_000,
               "credits_included_yearly": 120_000, "features": ["Unlimited AI chat", "Priority support"]})
    );
    let missing = world.api().get("/subscription/plans").send().await.unwrap();
    assert_eq!(complaint(&missing), (401, "UNAUTHORIZED".to_owned()));
    let not_admin = world.api().get("/admin/billing/plans").bearer(&alice.api_key).send().await.unwrap();
    assert_eq!(complaint(&not_admin), (403, "FORBIDDEN".to_owned()));

    let new = json!({"id": "solo", "name": "Solo", "price_monthly": 100, "credits_included": 5.5});
    let create = || admin(&world, world.api().post("/admin/billing/plans")).json(new.clone());
    let made = data(create().expect(201).await);
    assert_eq!((&made["credits_included"], &made["credits_included_yearly"]), (&json!(5.5), &json!(66)));
    assert_eq!(complaint(&create().send().await.unwrap()), (409, "PLAN_EXISTS".to_owned()));
    let change = json!({"is_active": false, "stripe_price_id_monthly": "price_solo"});
    let update = admin(&world, world.api().put("/admin/billing/plans/solo")).json(change);
    let changed = data(update.expect(200).await);
    assert_eq!(
        (&changed["name"], &changed["stripe_price_id_monthly"]),
        (&json!("Solo"), &json!("price_solo"))
    );
    let unknown = admin(&world, world.api().put("/admin/billing/plans/none")).json(json!({}));
    assert_eq!(complaint(&unknown.send().await.unwrap()), (404, "NOT_FOUND".to_owned()));
    let all = data(admin(&world, world.api().get("/admin/billing/plans")).expect(200).await);
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(get(&world, &alice, "/subscription/plans").await.as_array().unwrap().len(), 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_credited_once_for_each_period() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let request = json!({"channel": "stripe", "type": "subscription", "plan_id": "pro", "success_url": RETURN,
                         "cancel_url": "http://localhost:3000/dashboard/subscription"});
    let opened = session(&world, &alice, request).await;
    let id = opened["session_id"].as_str().unwrap();
    // Two copies of every event.
    world.emulator().put("/_emulator/faults").json(json!({"duplicate": 1.0})).expect(200).await;
    world.pay(id, GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 10_000);
    assert_eq!(world.count("ledger_entries").await, 1);
    let events = world.emulator().get("/_emulator/events").expect(200).await;
    for event in events["data"].as_array().or_else(|| events["events"].as_array()).unwrap().iter().rev() {
        let path = format!("/_emulator/events/{}/resend", event["id"].as_str().unwrap());
        world.emulator().post(&path).expect(200).await;
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
async fn coupons_cut_prices_and_add_credits_within_their_limits() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    coupon(&world, json!({"code": "half", "kind": "percent", "value": 50, "plan_ids": ["pro"]})).await;
    coupon(&world, json!({"code": "GIFT", "kind": "bonus_credits", "value": 25.5})).await;
    coupon(
        &world,
        json!({"code": "FEW", "kind": "amount", "value": 100, "currency": "usd", "max_redemptions": 3}),
    )
    .await;
    let plan = |code: &str| json!({"channel": "stripe", "type": "subscription", "plan_id": "pro", "coupon_code": code});
    let pack =
        |code: &str| json!({"channel": "stripe", "type": "credits", "pack_id": "micro", "coupon_code": code});

    let opened = session(&world, &alice, plan("half")).await;
    world.pay(opened["session_id"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 10_000);
    let order = get(&world, &alice, &format!("/orders/{}", opened["order_id"].as_str().unwrap())).await;
    assert_eq!((&order["amount"], &order["status"]), (&json!(500), &json!("paid")));

    let opened = session(&world, &alice, pack("gift")).await;
    world.pay(opened["session_id"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 10_125);
    assert_eq!(world.count("ledger_entries where entry_type = 'coupon' and amount = 25500000").await, 1);

    // Twenty at once: three get it.
    let tries = (0..20).map(|_| post(&world, &alice, "/payment/create-session", pack("FEW")));
    let answers = futures::future::join_all(tries).await;
    let taken: Vec<&Answer> = answers.iter().filter(|answer| answer.status() == 201).collect();
    assert_eq!(taken.len(), 3);
    for answer in answers.iter().filter(|answer| answer.status() != 201) {
        assert_eq!(complaint(answer), (422, "COUPON_USED_UP".to_owned()));
    }
    // One of them expires and gives its use back, once.
    let expired = data(taken[0].json().unwrap())["session_id"].as_str().unwrap().to_owned();
    world.emulator().post(&format!("/_emulator/checkout/{expired}/expire")).expect(200).await;
    world.drain().await;
    assert_eq!(world.count("coupons where code = 'FEW' and redemptions = 2").await, 1);
    session(&world, &alice, pack("FEW")).await;
    assert_eq!(refused(&world, &alice, pack("FEW")).await, (422, "COUPON_USED_UP".to_owned()));
    assert_eq!(refused(&world, &alice, pack("half")).await, (422, "COUPON_NOT_APPLICABLE".to_owned()));
    assert_eq!(refused(&world, &alice, pack("none")).await, (422, "COUPON_UNKNOWN".to_owned()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_bought_is_refused() {
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

#[tokio::test(flavor = "multi_thread")]
async fn one_check_in_a_day_however_many_try() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let config = json!({"enabled": true, "credits_per_day": 10, "time_zone": "UTC",
                        "streak_bonuses": [{"days": 2, "bonus_credits": 5}]});
    admin(&world, world.api().put("/admin/checkin/config")).json(config).expect(200).await;
    let tries = (0..20).map(|_| world.api().post("/checkin").bearer(&alice.api_key).send());
    let answers: Vec<Answer> =
        futures::future::join_all(tries).await.into_iter().map(Result::unwrap).collect();
    let done: Vec<&Answer> = answers.iter().filter(|answer| answer.status() == 200).collect();
    assert_eq!(done.len(), 1);
    let first = data(done[0].json().unwrap());
    assert_eq!((&first["credits"], &first["balance"], &first["streak"]), (&json!(10), &json!(10), &json!(1)));
    for answer in answers.iter().filter(|answer| answer.status() != 200) {
        assert_eq!(complaint(answer), (409, "ALREADY_CHECKED_IN".to_owned()));
    }
    world.clock().advance(std::time::Duration::from_hours(24));
    let next = data(world.api().post("/checkin").bearer(&alice.api_key).expect(200).await);
    assert_eq!((&next["credits"], &next["streak"]), (&json!(15), &json!(2)));
    assert_eq!(world.balance(&alice.wallet_id).await, 25);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adjustments_are_audited_and_never_overdraw() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let adjust = |amount: Value, key: &str| {
        let body = json!({"user_id": "alice", "amount": amount, "description": "an apology"});
        admin(&world, world.api().post("/admin/credits/manual")).idempotency_key(key).json(body)
    };
    let given = data(adjust(json!(100), "a").expect(201).await);
    assert_eq!((&given["amount"], &given["balance"]), (&json!(100), &json!(100)));
    assert_eq!(data(adjust(json!(100), "a").expect(201).await)["transaction_id"], given["transaction_id"]);
    assert_eq!(complaint(&adjust(json!(50), "a").send().await.unwrap()).0, 409);
    data(adjust(json!(-40), "b").expect(201).await);
    let overdraw = adjust(json!(-61), "c").send().await.unwrap();
    assert_eq!(complaint(&overdraw), (422, "INSUFFICIENT_CREDITS".to_owned()));
    assert_eq!(complaint(&adjust(json!(0), "d").send().await.unwrap()).0, 400);
    assert_eq!(world.balance(&alice.wallet_id).await, 60);
    assert_eq!(world.count("admin_actions").await, 2);
    let body = json!({"user_id": "alice", "amount": 1, "description": "mine"});
    let own = post(&world, &alice, "/admin/credits/manual", body).await;
    assert_eq!(complaint(&own), (403, "FORBIDDEN".to_owned()));
    let all = data(admin(&world, world.api().get("/admin/credits/transactions")).expect(200).await);
    assert_eq!((&all[0]["amount"], &all[0]["user_id"]), (&json!(-40), &json!("alice")));
    world.finish().await;
}
