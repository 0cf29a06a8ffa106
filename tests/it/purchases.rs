//! Credited once, and only for what was ordered and paid.

use billing::payments::ordering::take_stale;
use futures::future::join_all;
use harness::world::{GOOD_CARD, World};
use serde_json::{Value, json};

use crate::events::{API_VERSION, deliver, event, intent_of, paid_session, publish};

const DEV: &str = env!("CARGO_BIN_EXE_dev");

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_credited_and_pushed_to_its_buyer() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let mut socket = world.api().open_websocket("/ws", &alice.api_key).await.unwrap();
    let checkout = world.buy(&alice, 2_500).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    let message = socket.receive_within(std::time::Duration::from_secs(10)).await.unwrap();
    assert_eq!((&message["type"], &message["credits"]), (&json!("credits.added"), &json!(2_500)));
    let path = format!("/v1/payment_status?checkoutSessionId={}", checkout.session_id);
    let status = world.api().get(&path).bearer(&alice.api_key).expect(200).await;
    assert_eq!(status["status"], "succeeded");
    let credits = world.api().get("/v1/credits").bearer(&alice.api_key).expect(200).await;
    assert_eq!(credits["remainingCredits"], 2_500);
    assert_eq!(credits["lastTopUp"]["receiptAvailable"], true);
    world.finish().await;
}

/// The same payment told in every way at once, while the worker is killed again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_credited_once_despite_duplicates_and_dying_workers() {
    let world = World::builder().worker_process(DEV).start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    let session = paid_session(&world, &alice, &checkout).await;
    let completed = event("checkout.session.completed", &session);
    let completed_again = event("checkout.session.completed", &session);
    let succeeded = event("payment_intent.succeeded", &intent_of(&session));

    let mut events: Vec<&Value> = vec![&completed; 20];
    events.extend([&completed_again, &succeeded, &completed_again, &succeeded]);
    let delivering = join_all(events.into_iter().map(|event| deliver(&world, event)));
    let polling = join_all((0..20).map(|_| {
        let path = format!("/v1/payment_status?checkoutSessionId={}", checkout.session_id);
        world.api().get(&path).bearer(&alice.api_key).expect(200)
    }));
    let killing = async {
        for _ in 0..3 {
            world.worker().kill9().unwrap();
            world.worker().start().unwrap();
        }
    };
    let (answers, _, ()) = futures::join!(delivering, polling, killing);
    assert!(answers.iter().all(|answer| answer.status() == 200));
    // The provider itself also says so, later.
    world.pay(&checkout.session_id, GOOD_CARD).await;
    world.drain().await;

    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    assert_eq!(world.count("ledger_entries where source_kind = 'payment'").await, 1);
    assert_eq!(world.count("grants").await, 1);
    assert_eq!(world.count("payments where state = 'completed'").await, 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_session_credits_only_when_the_money_arrives() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    let mut session = paid_session(&world, &alice, &checkout).await;
    session["payment_status"] = json!("unpaid");
    deliver(&world, &event("checkout.session.completed", &session)).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    assert_eq!(world.count("payments where state = 'pending' and session_status = 'complete'").await, 1);

    session["payment_status"] = json!("paid");
    deliver(&world, &event("checkout.session.async_payment_succeeded", &session)).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delayed_payment_credits_nothing_and_notifies_its_buyer() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let mut socket = world.api().open_websocket("/ws", &alice.api_key).await.unwrap();
    let checkout = world.start_checkout(&alice, 2_500).await;
    let mut session = paid_session(&world, &alice, &checkout).await;
    session["payment_status"] = json!("unpaid");
    deliver(&world, &event("checkout.session.async_payment_failed", &session)).await;
    let message = socket.receive_within(std::time::Duration::from_secs(10)).await.unwrap();
    assert_eq!(message["type"], "payment.failed");
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    let path = format!("/v1/payment_status?checkoutSessionId={}", checkout.session_id);
    assert_eq!(world.api().get(&path).bearer(&alice.api_key).expect(200).await["status"], "failed");
    world.finish().await;
}

/// Authentic, and yet not what was ordered.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_contradicts_its_order_is_quarantined() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 8] = [
        ("amount", |session| session["amount_total"] = json!(100)),
        ("amount", |session| session["amount_total"] = Value::Null),
        ("currency", |session| session["currency"] = json!("jpy")),
        ("owner", |session| session["metadata"]["user_id"] = json!("mallory")),
        ("mode", |session| session["mode"] = json!("subscription")),
        ("livemode", |session| session["livemode"] = json!(true)),
        ("session", |session| session["id"] = json!("cs_test_of_somebody_else")),
        ("customer", |session| session["customer"] = json!("cus_of_somebody_else")),
    ];
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    for (reason, change) in cases {
        let checkout = world.start_checkout(&alice, 2_500).await;
        let mut session = paid_session(&world, &alice, &checkout).await;
        change(&mut session);
        let event = event("checkout.session.completed", &session);
        // Twice, because it is delivered again: reported once.
        for _ in 0..2 {
            assert_eq!(deliver(&world, &event).await.status(), 200);
        }
        world.drain().await;
        assert_eq!(world.balance(&alice.wallet_id).await, 0, "{reason}");
        let path = "/purser/v1/provider-events?state=open&limit=1";
        let admin = &world.settings().secrets.admin_api_key;
        let shown = world.api().get(path).bearer(admin).expect(200).await;
        assert!(shown.to_string().contains(event["id"].as_str().unwrap()), "{reason}: {shown}");
        assert!(shown.to_string().contains(reason), "{reason}: {shown}");
    }
    assert_eq!(world.count("provider_events where outcome = 'quarantined'").await, 8);
    assert_eq!(world.count("provider_events where outcome = 'quarantined' and body is null").await, 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_for_an_unknown_order_credits_nothing() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    let mut session = paid_session(&world, &alice, &checkout).await;
    let unknown = uuid::Uuid::new_v4();
    session["metadata"]["payment_id"] = json!(unknown);
    session["client_reference_id"] = json!(unknown);
    deliver(&world, &event("checkout.session.completed", &session)).await;
    world.drain().await;
    assert_eq!(world.count("ledger_entries").await, 0);
    assert_eq!(world.count("provider_events where reason = 'unknown_order'").await, 1);
    world.finish().await;
}

/// A signed event of another API version proves nothing; the provider, asked, does.
#[tokio::test(flavor = "multi_thread")]
async fn an_inconclusive_event_is_verified_with_the_provider() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let honest = world.start_checkout(&alice, 2_500).await;
    let forged = world.start_checkout(&alice, 9_900).await;
    for checkout in [&honest, &forged] {
        let session = paid_session(&world, &alice, checkout).await;
        let mut event = event("checkout.session.completed", &session);
        event["api_version"] = json!("2024-06-20");
        deliver(&world, &event).await;
    }
    world.drain().await;
    // The provider says that neither is paid.
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    assert_ne!(API_VERSION, "2024-06-20");
    world.pay(&honest.session_id, GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_always_credits_nothing_on_a_signature_alone() {
    let world = World::builder().verify_always().start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    let session = paid_session(&world, &alice, &checkout).await;
    deliver(&world, &event("checkout.session.completed", &session)).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    world.pay(&checkout.session_id, GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    assert_eq!(world.count("ledger_entries").await, 1);
    world.finish().await;
}

/// The webhook is lost: polling is enough.
#[tokio::test(flavor = "multi_thread")]
async fn polling_recovers_a_lost_webhook() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    world.lose_events().await;
    world.pay(&checkout.session_id, GOOD_CARD).await;
    // A poll has the provider asked at most every few seconds.
    world.advance(std::time::Duration::from_secs(60)).await;
    let path = format!("/v1/payment_status?checkoutSessionId={}", checkout.session_id);
    world.api().get(&path).bearer(&alice.api_key).expect(200).await;
    world.drain().await;
    let status = world.api().get(&path).bearer(&alice.api_key).expect(200).await;
    assert_eq!(status["status"], "succeeded");
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_card_credits_nothing_and_leaves_the_page_open() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    let path = format!("/_emulator/checkout/{}/pay", checkout.session_id);
    for card in ["4000000000000002", "4000000000009995"] {
        world.emulator().post(&path).json(json!({"card": card})).expect(402).await;
    }
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    let poll = format!("/v1/payment_status?checkoutSessionId={}", checkout.session_id);
    assert_eq!(world.api().get(&poll).bearer(&alice.api_key).expect(200).await["status"], "pending");
    world.pay(&checkout.session_id, GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    world.finish().await;
}

/// Ten orders at once for one new wallet: one customer at the provider, ten pages.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_purchases_share_one_customer() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let checkouts = join_all((0..10).map(|_| world.start_checkout(&alice, 500))).await;
    assert_eq!(world.count("provider_customers").await, 1);
    let customers = world.stripe_get("customers?limit=100").expect(200).await;
    assert_eq!(customers["data"].as_array().unwrap().len(), 1);
    join_all(checkouts.iter().map(|checkout| world.pay(&checkout.session_id, GOOD_CARD))).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 5_000);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_deleted_at_the_provider_is_recreated() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 500).await;
    let lost = "update provider_customers set customer_id = 'cus_that_is_gone'";
    sqlx::query(lost).execute(world.pool()).await.unwrap();
    world.buy(&alice, 700).await;
    world.buy(&alice, 100).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 1_300);
    assert_eq!(world.count("provider_customers where customer_id <> 'cus_that_is_gone'").await, 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_order_expires_at_the_provider_too() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    // The provider's own word would come signed at another time than this clock shows.
    world.lose_events().await;
    world.advance(std::time::Duration::from_secs(25 * 3600)).await;
    let mut socket = world.api().open_websocket("/ws", &alice.api_key).await.unwrap();
    publish(&world, &billing::payments::ExpirePayments {}).await;
    let message = socket.receive_within(std::time::Duration::from_secs(10)).await.unwrap();
    assert_eq!(message["type"], "payment.expired");
    world.drain().await;
    let path = format!("checkout/sessions/{}", checkout.session_id);
    assert_eq!(world.stripe_get(&path).expect(200).await["status"], "expired");
    world.finish().await;
}

/// As with a provider whose answer about it cannot be read: it is not given up, and not asked about for ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_overdue_order_is_asked_about_ever_more_seldom() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let ordered = world.api().post("/v1/credits/recharge").bearer(&alice.api_key);
    ordered.header("prefer", "respond-async").json(json!({"credits": 500})).expect(202).await;
    let expires_at: time::OffsetDateTime =
        sqlx::query_scalar("select expires_at from payments").fetch_one(world.pool()).await.unwrap();
    let mut connection = world.pool().acquire().await.unwrap();
    let mut asked = Vec::new();
    for hour in 0_i64..=30 * 24 {
        let now = expires_at + time::Duration::hours(hour);
        if !take_stale(&mut connection, now, 10).await.unwrap().is_empty() {
            asked.push(hour);
        }
    }
    assert_eq!(asked[..9], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(asked.len() < 60 && asked.last().is_some_and(|hour| *hour > 20 * 24), "{asked:?}");
    drop(connection);
    world.abandon().await;
}
