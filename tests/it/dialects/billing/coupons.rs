//! Coupons: what they cut or add, and that their limits hold.

use harness::client::Answer;
use harness::world::{GOOD_CARD, World};
use serde_json::{Value, json};

use super::{admin, complaint, coupon, data, get, post, refused, sell_over_creem, session};

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

    // Twenty buyers at once: three get it.
    let mut buyers = Vec::new();
    for number in 0..20 {
        buyers.push(world.create_user(&format!("buyer-{number}")).await);
    }
    let tries = buyers.iter().map(|buyer| post(&world, buyer, "/payment/create-session", pack("FEW")));
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
    let bob = world.create_user("bob").await;
    session(&world, &bob, pack("FEW")).await;
    assert_eq!(refused(&world, &alice, pack("FEW")).await, (422, "COUPON_USED_UP".to_owned()));
    assert_eq!(refused(&world, &alice, pack("half")).await, (422, "COUPON_NOT_APPLICABLE".to_owned()));
    assert_eq!(refused(&world, &alice, pack("none")).await, (422, "COUPON_UNKNOWN".to_owned()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_coupons_are_refused() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let create = |body: Value| admin(&world, world.api().post("/admin/billing/coupons")).json(body);
    for body in [
        json!({"code": "", "kind": "percent", "value": 5}),
        json!({"code": "no spaces", "kind": "percent", "value": 5}),
        json!({"code": "A", "kind": "percent", "value": 0}),
        json!({"code": "A", "kind": "percent", "value": 101}),
        json!({"code": "A", "kind": "percent", "value": 12.5}),
        json!({"code": "A", "kind": "percent", "value": 5, "currency": "usd"}),
        json!({"code": "A", "kind": "amount", "value": 5}),
        json!({"code": "A", "kind": "amount", "value": -5, "currency": "usd"}),
        json!({"code": "A", "kind": "bonus_credits", "value": 0}),
        json!({"code": "A", "kind": "bonus_credits", "value": 1e20}),
        json!({"code": "A", "kind": "percent", "value": 5, "max_redemptions": 0}),
        json!({"code": "A", "kind": "percent", "value": 5, "expires_at": "tomorrow"}),
        json!({"code": "A", "kind": "gift", "value": 5}),
    ] {
        let answer = create(body.clone()).send().await.unwrap();
        assert_eq!(complaint(&answer), (400, "INVALID_REQUEST".to_owned()), "{body}");
    }
    let made = coupon(&world, json!({"code": "spring", "kind": "percent", "value": 5})).await;
    assert_eq!((&made["code"], &made["redemptions"]), (&json!("SPRING"), &json!(0)));
    let twin = create(json!({"code": "Spring", "kind": "percent", "value": 6})).send().await.unwrap();
    assert_eq!(complaint(&twin), (409, "COUPON_EXISTS".to_owned()));
    let listed = data(admin(&world, world.api().get("/admin/billing/coupons")).expect(200).await);
    assert_eq!(listed, json!([made]));
    world.finish().await;
}

/// Why a coupon is not accepted, each in its own words.
#[tokio::test(flavor = "multi_thread")]
async fn an_inapplicable_coupon_is_refused() {
    let world = World::builder().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let until = time::OffsetDateTime::now_utc() + time::Duration::hours(1);
    let until = until.format(&time::format_description::well_known::Rfc3339).unwrap();
    for body in [
        json!({"code": "SOON", "kind": "percent", "value": 10, "expires_at": until}),
        json!({"code": "OFF", "kind": "percent", "value": 10, "is_active": false}),
        json!({"code": "EUROS", "kind": "amount", "value": 100, "currency": "eur"}),
        json!({"code": "TEAM", "kind": "percent", "value": 10, "plan_ids": ["team"]}),
        json!({"code": "ONCE", "kind": "percent", "value": 10, "max_per_user": 1}),
    ] {
        coupon(&world, body).await;
    }
    let with = |code: &str| json!({"channel": "stripe", "type": "subscription", "plan_id": "pro", "coupon_code": code});
    for (code, complaint) in [
        ("OFF", "COUPON_UNKNOWN"),
        ("NONE", "COUPON_UNKNOWN"),
        ("no such thing \u{1F600}", "COUPON_UNKNOWN"),
        ("EUROS", "COUPON_OTHER_CURRENCY"),
        ("TEAM", "COUPON_NOT_APPLICABLE"),
    ] {
        assert_eq!(refused(&world, &alice, with(code)).await, (422, complaint.to_owned()), "{code}");
    }
    session(&world, &alice, with(" soon ")).await;
    let page = session(&world, &alice, with("once")).await;
    world.pay(page["session_id"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    let pack = json!({"channel": "stripe", "type": "credits", "pack_id": "micro", "coupon_code": "ONCE"});
    assert_eq!(refused(&world, &alice, pack).await, (422, "COUPON_ALREADY_USED".to_owned()));
    let bob = world.create_user("bob").await;
    session(&world, &bob, with("ONCE")).await;
    world.advance(std::time::Duration::from_hours(2)).await;
    assert_eq!(refused(&world, &bob, with("SOON")).await, (422, "COUPON_EXPIRED".to_owned()));
    // No coupon is no coupon.
    for none in [json!(""), json!("  "), json!(null)] {
        let mut body = with("");
        body["coupon_code"] = none;
        assert_eq!(session(&world, &bob, body).await["url"].as_str().map(str::is_empty), Some(false));
    }
    world.finish().await;
}

/// One buyer tries many times at once, many buyers at once; what fails or expires is given back, and only once.
#[tokio::test(flavor = "multi_thread")]
async fn coupon_limits_hold_and_unpaid_orders_return_their_use() {
    let world = World::start().await;
    coupon(
        &world,
        json!({"code": "TEN", "kind": "percent", "value": 50, "max_redemptions": 10, "max_per_user": 2}),
    )
    .await;
    let mut users = Vec::new();
    for number in 0..8 {
        users.push(world.create_user(&format!("user-{number}")).await);
    }
    let pack = json!({"channel": "stripe", "type": "credits", "pack_id": "micro", "coupon_code": "TEN"});
    let tries = users.iter().flat_map(|user| (0..5).map(move |_| user));
    let tries = tries.map(|user| post(&world, user, "/payment/create-session", pack.clone()));
    let answers: Vec<Answer> = futures::future::join_all(tries).await;
    let (taken, refused): (Vec<&Answer>, Vec<&Answer>) =
        answers.iter().partition(|answer| answer.status() == 201);
    // One that came later took the place, and the use, of an earlier one of the same buyer.
    let standing = "select provider_session from payments where superseded_by is null and state = 'pending'";
    let pages: Vec<String> = sqlx::query_scalar(standing).fetch_all(world.pool()).await.unwrap();
    assert!(pages.len() == 10 && taken.len() >= 10, "{} {}", pages.len(), taken.len());
    for answer in refused {
        let (status, code) = complaint(answer);
        assert!(
            status == 409 || ["COUPON_USED_UP", "COUPON_ALREADY_USED"].contains(&code.as_str()),
            "{answer}"
        );
    }
    let by_user =
        "select max(uses) from (select count(*) as uses from coupon_redemptions group by user_id) as u";
    let most: i64 = sqlx::query_scalar(by_user).fetch_one(world.pool()).await.unwrap();
    assert_eq!(most, 2);
    // Three are paid, the others' pages expire; each of it is told twice.
    world.set_provider_faults(json!({"duplicate": 1.0})).await;
    for (number, page) in pages.iter().enumerate() {
        if number < 3 {
            world.pay(page, GOOD_CARD).await;
        } else {
            world.emulator().post(&format!("/_emulator/checkout/{page}/expire")).expect(200).await;
        }
    }
    world.drain().await;
    assert_eq!(world.count("coupons where redemptions = 3").await, 1);
    assert_eq!(world.count("coupon_redemptions").await, 3);
    world.finish().await;
}

/// What the provider refuses is not used up either; a coupon for everything makes an order that costs nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_order_returns_its_coupon_and_a_full_discount_is_free() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    // Stripe takes no less than 50 cents.
    coupon(&world, json!({"code": "MOST", "kind": "amount", "value": 1_460, "currency": "usd"})).await;
    coupon(&world, json!({"code": "ALL", "kind": "percent", "value": 100})).await;
    let with =
        |code: &str| json!({"channel": "stripe", "type": "credits", "pack_id": "micro", "coupon_code": code});
    assert_eq!(refused(&world, &alice, with("MOST")).await, (400, "PROVIDER_REFUSED".to_owned()));
    assert_eq!(world.count("coupons where redemptions > 0").await, 0);
    let free = session(&world, &alice, with("ALL")).await;
    world.pay(free["session_id"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    let order = get(&world, &alice, &format!("/orders/{}", free["order_id"].as_str().unwrap())).await;
    assert_eq!((&order["amount"], &order["status"]), (&json!(0), &json!("paid")));
    world.finish().await;
}

/// The discount is made before the page: when the page fails, the next attempt finds it, once Creem answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_discount_at_creem_that_is_there_is_used() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    coupon(&world, json!({"code": "THIRD", "kind": "percent", "value": 33})).await;
    let alice = world.create_user("alice").await;
    world
        .set_provider_faults(json!({"rate_500": 1.0, "limit": 2,
                                    "only": ["POST /creem/v1/checkouts", "GET /creem/v1/discounts"]}))
        .await;
    let body = json!({"channel": "creem", "type": "subscription", "plan_id": "pro", "coupon_code": "THIRD"});
    let ordered = post(&world, &alice, "/payment/create-session", body).await;
    assert!([201, 202].contains(&ordered.status()), "{ordered}");
    world.wait_for_rows(1, "payments where state = 'pending' and provider_session is not null").await;
    world.drain().await;
    world.finish().await;
}

/// Over Creem a coupon is a discount there, and a bonus comes with the first period only.
#[tokio::test(flavor = "multi_thread")]
async fn coupons_work_over_creem() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    coupon(&world, json!({"code": "THIRD", "kind": "percent", "value": 33})).await;
    coupon(&world, json!({"code": "MORE", "kind": "bonus_credits", "value": 500})).await;
    for (code, amount, bonus) in [("THIRD", 670, 0), ("MORE", 999, 500)] {
        let alice = world.create_user(&format!("alice-{code}")).await;
        let mut expected = 0;
        let body = json!({"channel": "creem", "type": "subscription", "plan_id": "pro", "coupon_code": code});
        let opened = session(&world, &alice, body).await;
        let path = format!("/_emulator/creem/checkouts/{}/pay", opened["session_id"].as_str().unwrap());
        let paid = world.emulator().post(&path).json(json!({"card": GOOD_CARD})).expect(200).await;
        world.drain().await;
        expected += 10_000 + bonus;
        assert_eq!(world.balance(&alice.wallet_id).await, expected, "{code}");
        let order = get(&world, &alice, &format!("/orders/{}", opened["order_id"].as_str().unwrap())).await;
        assert_eq!(order["amount"], json!(amount));
        let id = paid["subscription"]["id"].as_str().unwrap();
        world.emulator().post(&format!("/_emulator/creem/subscriptions/{id}/renew")).expect(200).await;
        world.drain().await;
        expected += 10_000;
        assert_eq!(world.balance(&alice.wallet_id).await, expected, "{code}");
    }
    world.finish().await;
}

/// A buyer who gives a page up and orders again has the coupon still, and it is never paid with twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_given_up_does_not_use_its_coupon_up() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    coupon(&world, json!({"code": "ONE", "kind": "percent", "value": 50, "max_redemptions": 1})).await;
    let with =
        |pack: &str| json!({"channel": "stripe", "type": "credits", "pack_id": pack, "coupon_code": "ONE"});
    let first = session(&world, &alice, with("micro")).await;
    assert_eq!(refused(&world, &bob, with("micro")).await, (422, "COUPON_USED_UP".to_owned()));
    let second = session(&world, &alice, with("basic")).await;
    let pay = |page: &Value| {
        let path = format!("/_emulator/checkout/{}/pay", page["session_id"].as_str().unwrap());
        world.emulator().post(&path).json(json!({"card": GOOD_CARD})).send()
    };
    assert!(pay(&first).await.unwrap().status() >= 400, "the first page is still open");
    assert_eq!(pay(&second).await.unwrap().status(), 200);
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 350);
    assert_eq!(refused(&world, &alice, with("micro")).await, (422, "COUPON_USED_UP".to_owned()));
    assert_eq!(world.count("coupons where redemptions = 1").await, 1);
    assert_eq!(world.count("payments where state = 'expired'").await, 1);
    world.finish().await;
}

/// What was paid on the page that was given up is paid: the second order is not taken, and the coupon is used once.
#[tokio::test(flavor = "multi_thread")]
async fn a_coupon_of_a_page_that_was_paid_just_now_is_used() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    coupon(&world, json!({"code": "ONE", "kind": "percent", "value": 50, "max_redemptions": 1})).await;
    let with = json!({"channel": "stripe", "type": "credits", "pack_id": "micro", "coupon_code": "ONE"});
    let first = session(&world, &alice, with.clone()).await;
    // Nothing is told of it yet.
    world.set_provider_faults(json!({"drop": 1.0})).await;
    world.pay(first["session_id"].as_str().unwrap(), GOOD_CARD).await;
    let answer = post(&world, &alice, "/payment/create-session", with).await;
    assert_eq!(answer.status(), 409, "{answer}");
    world.set_provider_faults(json!({"drop": 0.0})).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    assert_eq!(world.count("coupons where redemptions = 1").await, 1);
    let used = "coupon_redemptions r join payments p on p.id = r.payment_id where p.state = 'completed'";
    assert_eq!(world.count(used).await, 1);
    world.finish().await;
}

/// Unpaid orders keep a coupon from others for less than an hour, and at Creem for as long as its page can be paid on.
#[tokio::test(flavor = "multi_thread")]
async fn unpaid_orders_do_not_lock_a_coupon_for_long() {
    let world = World::builder().without_scheduler().start().await;
    sell_over_creem(&world).await;
    let users = [world.create_user("alice").await, world.create_user("bob").await];
    let [alice, bob] = &users;
    for code in ["STRIPE", "CREEM"] {
        coupon(&world, json!({"code": code, "kind": "percent", "value": 50, "max_redemptions": 1})).await;
    }
    let with = |channel: &str| {
        let coupon = channel;
        json!({"channel": channel, "type": "subscription", "plan_id": "pro", "coupon_code": coupon})
    };
    session(&world, alice, with("stripe")).await;
    let page = session(&world, bob, with("creem")).await;
    // The same again is the same page.
    assert_eq!(session(&world, bob, with("creem")).await["session_id"], page["session_id"]);
    world.lose_events().await;
    world.advance(std::time::Duration::from_mins(50)).await;
    crate::events::publish(&world, &billing::payments::ExpirePayments {}).await;
    world.drain().await;
    let carol = world.create_user("carol").await;
    session(&world, &carol, with("stripe")).await;
    assert_eq!(refused(&world, &carol, with("creem")).await, (422, "COUPON_USED_UP".to_owned()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coupon_can_be_switched_off() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    coupon(&world, json!({"code": "LEAK", "kind": "percent", "value": 90})).await;
    let switch = |code: &str, on: bool| {
        let request = world.api().put(&format!("/admin/billing/coupons/{code}"));
        admin(&world, request).json(json!({"is_active": on}))
    };
    assert_eq!(data(switch("leak", false).expect(200).await)["is_active"], json!(false));
    let with = json!({"channel": "stripe", "type": "credits", "pack_id": "micro", "coupon_code": "LEAK"});
    assert_eq!(refused(&world, &alice, with).await, (422, "COUPON_UNKNOWN".to_owned()));
    assert_eq!(switch("none", true).send().await.unwrap().status(), 404);
    assert_eq!(world.count("admin_actions where action = 'coupon.switch_off' and subject = 'LEAK'").await, 1);
    world.finish().await;
}
