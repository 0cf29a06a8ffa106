//! Purchases in app stores, as RevenueCat reports them: which events are accepted, what is credited, and to whom.

use std::time::Duration;

use billing::app_stores::ClaimPurchases;
use futures::future::join_all;
use harness::client::{Answer, Request};
use harness::world::World;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::events::{publish, signature, signature_at};

const DEV: &str = env!("CARGO_BIN_EXE_dev");
const PATH: &str = "/webhooks/revenuecat";
const ANONYMOUS: &str = "$RCAnonymousID:87c6049c58069238dce29853916d624c";

/// An event with an id of its own: a purchase of 100 credits by `buyer`, as RevenueCat's documentation shows one.
fn store_event(kind: &str, buyer: &str, transaction: &str) -> Value {
    json!({"api_version": "1.0", "event": {
        "id": Uuid::new_v4(), "type": kind, "app_id": "app1234567890", "event_timestamp_ms": 1_764_000_000_000_i64,
        "app_user_id": buyer, "original_app_user_id": buyer, "aliases": [buyer],
        "product_id": "com.allmine.credits.100", "entitlement_ids": null, "period_type": "NORMAL",
        "purchased_at_ms": 1_763_999_999_000_i64, "expiration_at_ms": null, "store": "APP_STORE",
        "environment": "PRODUCTION", "transaction_id": transaction, "original_transaction_id": transaction,
        "is_family_share": false, "country_code": "TR", "price": 8.99, "currency": "TRY",
        "price_in_purchased_currency": 299.99, "tax_percentage": 0.2, "commission_percentage": 0.3,
        "presented_offering_id": null, "offer_code": null, "subscriber_attributes": {},
    }})
}

fn purchase(buyer: &str, transaction: &str) -> Value {
    store_event("NON_RENEWING_PURCHASE", buyer, transaction)
}

fn with(mut event: Value, field: &str, value: Value) -> Value {
    event["event"][field] = value;
    event
}

/// A refund, or its reversal, so many milliseconds after the purchase.
fn refund(kind: &str, transaction: &str, after: i64) -> Value {
    let event = with(store_event(kind, "alice", transaction), "cancel_reason", json!("CUSTOMER_SUPPORT"));
    with(with(event, "price", json!(-8.99)), "event_timestamp_ms", json!(1_764_000_000_000_i64 + after))
}

fn transfer(from: &str, to: &str) -> Value {
    json!({"api_version": "1.0", "event": {
        "id": Uuid::new_v4(), "type": "TRANSFER", "app_id": "app1234567890", "store": "APP_STORE",
        "event_timestamp_ms": 1_764_000_001_000_i64, "transferred_from": [from], "transferred_to": [to],
    }})
}

fn request(world: &World, event: &Value) -> Request {
    world.api().post(PATH).header("content-type", "application/json").body(event.to_string())
}

async fn deliver(world: &World, event: &Value) -> Answer {
    let authorization = &world.settings().secrets.revenuecat_webhook_auth;
    request(world, event).header("authorization", authorization).send().await.unwrap()
}

/// Delivers events one after the other and waits until each is handled.
async fn deliver_all(world: &World, events: &[Value]) {
    for event in events {
        let answer = deliver(world, event).await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, r#"{"received":true}"#));
        world.drain().await;
    }
}

/// What became of an event.
async fn outcome(world: &World, event: &Value) -> (String, Option<String>) {
    sqlx::query_as(
        "select outcome, reason from provider_events where provider = 'revenuecat' and event_id = $1",
    )
    .bind(event["event"]["id"].as_str())
    .fetch_one(world.pool())
    .await
    .unwrap()
}

async fn parked(world: &World) -> Vec<Value> {
    let admin = &world.settings().secrets.admin_api_key;
    let listed = world.api().get("/purser/v1/parked-purchases").bearer(admin).expect(200).await;
    listed["data"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_credited_and_pushed_to_its_buyer() {
    let world = World::builder().live().start().await;
    let alice = world.create_user("alice").await;
    let mut socket = world.api().open_websocket("/ws", &alice.api_key).await.unwrap();
    deliver_all(&world, &[purchase("alice", "170000869511114")]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    let message = socket.receive_within(Duration::from_secs(10)).await.unwrap();
    assert_eq!((&message["type"], &message["credits"]), (&json!("credits.added"), &json!(100)));
    let credited = "payments where provider = 'revenuecat' and dialect = 'allmine' and state = 'completed' and livemode
                    and provider_payment = 'APP_STORE:170000869511114' and amount_minor = 899 and currency = 'usd'";
    assert_eq!(world.count(credited).await, 1);
    assert_eq!(world.count("ledger_entries where counter_account = 'revenuecat'").await, 1);
    let shown = world.api().get("/api/v1/users/me/transactions").bearer(&alice.api_key).expect(200).await;
    assert_eq!(shown["data"]["items"][0]["type"], json!("credit_purchase"));
    world.finish().await;
}

/// The same purchase reported in every way at once, while the worker is killed again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_credited_once_despite_duplicates_and_dying_workers() {
    let world = World::builder().worker_process(DEV).start().await;
    let alice = world.create_user("alice").await;
    let first = purchase("alice", "1");
    // The same transaction under other ids, and other transactions of the same buyer.
    let others: Vec<Value> = (0..6).map(|_| purchase("alice", "1")).collect();
    let more: Vec<Value> = (2..6).map(|number| purchase("alice", &number.to_string())).collect();
    let events = std::iter::repeat_n(&first, 12).chain(&others).chain(&more).chain(&more);
    let delivering = join_all(events.map(|event| deliver(&world, event)));
    let killing = async {
        for _ in 0..3 {
            world.worker().kill9().unwrap();
            world.worker().start().unwrap();
        }
    };
    let (answers, ()) = futures::join!(delivering, killing);
    assert!(answers.iter().all(|answer| answer.status() == 200));
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 500);
    assert_eq!(world.count("payments").await, 5);
    assert_eq!(world.count("ledger_entries").await, 5);
    // The transaction of another store is another one, whatever its number.
    deliver_all(&world, &[with(purchase("alice", "1"), "store", json!("PLAY_STORE"))]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 600);
    // An event that was applied says nothing new, whatever is in it.
    let later = purchase("alice", "8");
    deliver_all(&world, std::slice::from_ref(&later)).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 700);
    deliver_all(&world, &[with(later, "transaction_id", json!("9"))]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 700);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_the_configured_authorization_is_refused() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let event = purchase("alice", "1");
    let right = world.settings().secrets.revenuecat_webhook_auth.clone();
    let bearer = format!("Bearer {right}");
    let short = right.get(1..).unwrap();
    let mut answers = vec![request(&world, &event).send().await.unwrap()];
    for wrong in ["", "Bearer", &bearer, short, &format!("{right}x"), &world.settings().secrets.admin_api_key]
    {
        answers.push(request(&world, &event).header("authorization", wrong).send().await.unwrap());
    }
    for answer in answers {
        let body = answer.json().unwrap();
        assert_eq!((answer.status(), &body["error"]["code"]), (401, &json!("unauthorized")), "{answer}");
        assert!(!answer.text().contains(&right));
    }
    for (body, status) in [("", 400), ("[]", 400), ("{\"event\":", 400), ("\"x\"", 400)] {
        let sent = world.api().post(PATH).header("authorization", &right).body(body);
        assert_eq!(sent.send().await.unwrap().status(), status, "{body}");
    }
    let large = format!("{{\"event\":\"{}\"}}", "x".repeat(1024 * 1024));
    let sent = world.api().post(PATH).header("authorization", &right).body(large).send().await.unwrap();
    let code = sent.json().unwrap()["error"]["code"].clone();
    assert_eq!((sent.status(), code), (413, json!("body_too_large")));
    assert_eq!(world.api().get(PATH).send().await.unwrap().status(), 405);
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_event_is_refused_when_a_signing_secret_is_set() {
    let world = World::builder().revenuecat_signs(&["whsec_old", "whsec_new"]).start().await;
    let alice = world.create_user("alice").await;
    let event = purchase("alice", "1");
    let body = event.to_string().into_bytes();
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let authorization = world.settings().secrets.revenuecat_webhook_auth.clone();
    let good = signature("whsec_new", &body);
    let refused = [
        None,
        Some(String::new()),
        Some(signature("whsec_other", &body)),
        Some(signature("whsec_new", b"{}")),
        Some(signature_at("whsec_new", &body, now - 360)),
        Some(signature_at("whsec_new", &body, now + 360)),
        Some(good.get(..good.len() - 2).unwrap().to_owned()),
        Some(good.replace("v1=", "v0=")),
    ];
    for header in refused {
        let mut sent = request(&world, &event).header("authorization", &authorization);
        if let Some(header) = &header {
            sent = sent.header("x-revenuecat-webhook-signature", header);
        }
        assert_eq!(sent.send().await.unwrap().status(), 401, "{header:?}");
    }
    // The signature alone does not do either.
    let unauthorized = request(&world, &event).header("x-revenuecat-webhook-signature", &good);
    assert_eq!(unauthorized.send().await.unwrap().status(), 401);
    world.drain().await;
    assert_eq!(world.count("provider_events").await, 0);
    // While the secret is replaced there are two signatures, and either secret will do. The header has two names.
    let (gone, new) = (signature_at("whsec_gone", &body, now), signature_at("whsec_new", &body, now));
    let both = format!("{gone},v1={}", new.split_once("v1=").unwrap().1);
    let old = signature("whsec_old", &body);
    for (name, header) in [("x-revenuecat-webhook-signature", both), ("x-revenuecat-signature", old)] {
        let sent = request(&world, &event).header("authorization", &authorization).header(name, &header);
        assert_eq!(sent.send().await.unwrap().status(), 200, "{name}");
    }
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_of_event_is_recorded_and_only_paid_packs_are_credited() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let subscription = |kind: &str, transaction: &str| {
        with(store_event(kind, "alice", transaction), "product_id", json!("premium:monthly"))
    };
    let of_pack = |kind: &str, transaction: &str, period: &str| {
        with(store_event(kind, "alice", transaction), "period_type", json!(period))
    };
    let (applied, ignored) = (|| ("applied", None), |reason| ("ignored", Some(reason)));
    let cases = [
        (purchase("alice", "1"), applied(), 100),
        (purchase("alice", "1"), ("no_change", None), 0),
        // A pack that a store bills again and again is credited for every period that is paid.
        (of_pack("INITIAL_PURCHASE", "2", "NORMAL"), applied(), 100),
        (of_pack("RENEWAL", "3", "INTRO"), applied(), 100),
        (of_pack("INITIAL_PURCHASE", "4", "TRIAL"), ignored("unpaid_period"), 0),
        (of_pack("RENEWAL", "5", "PROMOTIONAL"), ignored("unpaid_period"), 0),
        (with(purchase("alice", "6"), "is_family_share", json!(true)), ignored("family_share"), 0),
        (with(purchase("alice", "7"), "environment", json!("SANDBOX")), ignored("environment"), 0),
        (with(purchase("alice", "8"), "environment", Value::Null), ignored("environment"), 0),
        (subscription("INITIAL_PURCHASE", "9"), ignored("no_product_of_ours"), 0),
        (subscription("RENEWAL", "10"), ignored("no_product_of_ours"), 0),
        (refund("CANCELLATION", "11", 0), applied(), 0),
        (
            with(subscription("CANCELLATION", "12"), "cancel_reason", json!("CUSTOMER_SUPPORT")),
            ignored("no_product_of_ours"),
            0,
        ),
        (
            with(store_event("CANCELLATION", "alice", "1"), "cancel_reason", json!("UNSUBSCRIBE")),
            ignored("no_refund"),
            0,
        ),
        (
            with(store_event("CANCELLATION", "alice", "1"), "cancel_reason", json!("BILLING_ERROR")),
            ignored("no_refund"),
            0,
        ),
        (store_event("TEST", "alice", "13"), ignored("type"), 0),
        (store_event("UNCANCELLATION", "alice", "14"), ignored("type"), 0),
        (store_event("SUBSCRIPTION_PAUSED", "alice", "15"), ignored("type"), 0),
        (store_event("SUBSCRIPTION_EXTENDED", "alice", "16"), ignored("type"), 0),
        (store_event("EXPIRATION", "alice", "17"), ignored("type"), 0),
        (store_event("BILLING_ISSUE", "alice", "18"), ignored("type"), 0),
        (store_event("PRODUCT_CHANGE", "alice", "19"), ignored("type"), 0),
        (store_event("TEMPORARY_ENTITLEMENT_GRANT", "alice", "20"), ignored("type"), 0),
        (store_event("INVOICE_ISSUANCE", "alice", "21"), ignored("type"), 0),
        (store_event("VIRTUAL_CURRENCY_TRANSACTION", "alice", "22"), ignored("type"), 0),
        (store_event("EXPERIMENT_ENROLLMENT", "alice", "23"), ignored("type"), 0),
        (store_event("SUBSCRIBER_ALIAS", "alice", "24"), ("no_change", None), 0),
        (store_event("OF_NEXT_YEAR", "alice", "25"), ignored("type"), 0),
        (transfer("bob", "alice"), ("no_change", None), 0),
    ];
    let answers = join_all(cases.iter().map(|(event, ..)| deliver(&world, event))).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    world.drain().await;
    let mut sum = 0;
    for (event, (expected, reason), credits) in &cases {
        let (found, why) = outcome(&world, event).await;
        // Of two events about one transaction, either may come first.
        let is_either = event["event"]["transaction_id"] == "1" && reason.is_none();
        assert!(
            is_either || (found.as_str(), why.as_deref()) == (*expected, *reason),
            "{event} {found} {why:?}"
        );
        sum += credits;
    }
    assert_eq!(world.balance(&alice.wallet_id).await, sum);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_event_about_money_becomes_a_dead_letter() {
    let mut world = World::start().await;
    world.allow_dead_letters();
    let alice = world.create_user("alice").await;
    for (field, value) in [("transaction_id", Value::Null), ("product_id", json!(7)), ("store", json!(""))] {
        deliver_all(&world, &[with(purchase("alice", "1"), field, value)]).await;
    }
    deliver_all(&world, &[json!({"event": {"id": 1}}), json!({"event": []})]).await;
    assert_eq!(world.count("provider_events").await, 0);
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    deliver_all(&world, &[purchase("alice", "2")]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_by_an_unknown_buyer_is_parked_until_the_buyer_registers() {
    let world = World::start().await;
    let first = purchase("alice", "1");
    deliver_all(&world, &[first.clone(), first.clone(), purchase("alice", "1"), purchase("alice", "2")])
        .await;
    assert_eq!(outcome(&world, &first).await, ("applied".to_owned(), Some("parked".to_owned())));
    assert_eq!(world.count("users").await, 0, "no user is registered for it");
    let waiting = parked(&world).await;
    assert_eq!(waiting.len(), 2);
    let [oldest, _] = waiting.as_slice() else { panic!("{waiting:?}") };
    assert_eq!(
        (&oldest["store"], &oldest["transactionId"], &oldest["productId"], &oldest["buyers"]),
        (&json!("APP_STORE"), &json!("1"), &json!("com.allmine.credits.100"), &json!(["alice"]))
    );
    let bob = world.create_user("bob").await;
    let alice = world.create_user("alice").await;
    // The API asks for it in the background; the scheduler would within a minute.
    publish(&world, &ClaimPurchases {}).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 200);
    assert_eq!(world.balance(&bob.wallet_id).await, 0);
    assert_eq!(parked(&world).await, Vec::<Value>::new());
    deliver_all(&world, &[first, purchase("alice", "2")]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 200);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_is_found_under_each_alias() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let named = |transaction: &str, original: &str, aliases: Value| {
        let event = with(purchase(ANONYMOUS, transaction), "original_app_user_id", json!(original));
        with(event, "aliases", aliases)
    };
    deliver_all(
        &world,
        &[named("1", "alice", json!([])), named("2", ANONYMOUS, json!([ANONYMOUS, "alice"]))],
    )
    .await;
    assert_eq!(world.balance(&alice.wallet_id).await, 200);
    // Where two are users, the one counts that the app uses now.
    let bob = world.create_user("bob").await;
    deliver_all(&world, &[with(purchase("bob", "3"), "aliases", json!(["alice", "bob"]))]).await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.balance(&bob.wallet_id).await), (200, 100));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_purchase_is_credited_once_its_buyer_has_a_name() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    // A user named like an anonymous buyer is not one.
    world.create_user(ANONYMOUS).await;
    deliver_all(
        &world,
        &[purchase(ANONYMOUS, "1"), purchase(ANONYMOUS, "2"), purchase("$RCAnonymousID:x", "3")],
    )
    .await;
    assert_eq!(world.count("ledger_entries").await, 0);
    let alias = with(store_event("SUBSCRIBER_ALIAS", "alice", "4"), "aliases", json!([ANONYMOUS, "alice"]));
    deliver_all(&world, &[alias.clone(), alias]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 200);
    // A later purchase tells as much.
    deliver_all(&world, &[with(purchase("alice", "5"), "aliases", json!(["alice", "$RCAnonymousID:x"]))])
        .await;
    assert_eq!(world.balance(&alice.wallet_id).await, 400);
    assert_eq!(parked(&world).await, Vec::<Value>::new());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_moves_parked_purchases_and_no_granted_credits() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    deliver_all(&world, &[purchase("alice", "1"), purchase(ANONYMOUS, "2"), transfer("alice", "bob")]).await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.balance(&bob.wallet_id).await), (100, 0));
    // In two steps, of which the first leads to another unknown buyer.
    deliver_all(
        &world,
        &[transfer(ANONYMOUS, "carol"), transfer("carol", "bob"), transfer(ANONYMOUS, "alice")],
    )
    .await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.balance(&bob.wallet_id).await), (100, 100));
    // The transaction that alice was credited for is bob's now, and still credited once.
    deliver_all(&world, &[purchase("bob", "1"), purchase("bob", "2")]).await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.balance(&bob.wallet_id).await), (100, 100));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_assigns_a_parked_purchase_to_a_user() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    deliver_all(&world, &[purchase(ANONYMOUS, "1"), purchase(ANONYMOUS, "2")]).await;
    let ids: Vec<String> = parked(&world)
        .await
        .iter()
        .map(|purchase| purchase["purchaseId"].as_str().unwrap().to_owned())
        .collect();
    let [first, second] = ids.as_slice() else { panic!("{ids:?}") };
    let claim = |id: &str, user: &str| {
        world.admin_post(&format!("/purser/v1/parked-purchases/{id}/claim"), json!({"userId": user}))
    };
    let refused = async |request: Request, status: u16| {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{answer}");
        answer.json().unwrap()["error"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused(claim("x", "alice"), 404).await, "not_found");
    assert_eq!(refused(claim(&Uuid::new_v4().to_string(), "alice"), 404).await, "not_found");
    assert_eq!(refused(claim(first, "nobody"), 404).await, "user_not_found");
    let by_alice =
        world.api().post(&format!("/purser/v1/parked-purchases/{first}/claim")).bearer(&alice.api_key);
    assert_eq!(refused(by_alice.json(json!({"userId": "alice"})), 403).await, "bound_credential");
    assert_eq!(
        refused(world.api().get("/purser/v1/parked-purchases").bearer(&alice.api_key), 403).await,
        "bound_credential"
    );

    // Two administrators at once: one of them may be answered that the credits follow.
    let (one, other) = tokio::join!(claim(first, "alice").send(), claim(first, "alice").send());
    for answer in [one.unwrap(), other.unwrap()] {
        let claimed = answer.json().unwrap();
        assert!(
            answer.status() == 200 || (answer.status() == 202 && claimed["paymentId"].is_null()),
            "{answer}"
        );
        assert_eq!((&claimed["userId"], &claimed["purchaseId"]), (&json!("alice"), &json!(first)));
    }
    world.drain().await;
    let again = claim(first, "alice").expect(200).await;
    let paid: Uuid = again["paymentId"].as_str().unwrap().parse().unwrap();
    assert_eq!(world.count(&format!("payments where id = '{paid}' and user_id = 'alice'")).await, 1);
    assert_eq!(refused(claim(first, "bob"), 409).await, "purchase_claimed");
    deliver_all(&world, &[refund("CANCELLATION", "2", 1_000)]).await;
    assert_eq!(refused(claim(second, "bob"), 409).await, "purchase_refunded");
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.balance(&bob.wallet_id).await), (100, 0));
    assert_eq!(
        world.count("admin_actions where action = 'parked_purchase.claim' and actor = 'admin'").await,
        1
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_of_an_unknown_product_waits_for_its_pack() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    deliver_all(&world, &[with(purchase("alice", "1"), "product_id", json!("com.allmine.credits.5"))]).await;
    let waiting = parked(&world).await;
    assert_eq!(waiting.len(), 1);
    let path = format!("/purser/v1/parked-purchases/{}/claim", waiting[0]["purchaseId"].as_str().unwrap());
    let early = world.admin_post(&path, json!({"userId": "alice"})).expect(409).await;
    assert_eq!(early["error"]["code"], json!("unknown_product"));
    sqlx::query("update packs set store_product_id = 'com.allmine.credits.5' where id = 'micro'")
        .execute(world.pool())
        .await
        .unwrap();
    publish(&world, &ClaimPurchases {}).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_refunded_before_its_credit_is_never_credited() {
    let world = World::start().await;
    // The refund of a parked purchase, and a refund that overtakes its purchase.
    deliver_all(&world, &[purchase("alice", "1"), refund("CANCELLATION", "1", 1_000)]).await;
    deliver_all(&world, &[refund("CANCELLATION", "2", 1_000), purchase("alice", "2")]).await;
    assert_eq!(parked(&world).await, Vec::<Value>::new());
    let alice = world.create_user("alice").await;
    publish(&world, &ClaimPurchases {}).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    // Of two words the later counts, in whichever order they come.
    deliver_all(&world, &[refund("REFUND_REVERSED", "1", 500)]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    deliver_all(&world, &[refund("REFUND_REVERSED", "1", 2_000), refund("CANCELLATION", "1", 1_500)]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_takes_the_credits_and_its_reversal_returns_them() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    deliver_all(&world, &[purchase("alice", "1"), purchase("alice", "2")]).await;
    let spend = world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.api_key);
    spend.json(json!({"credits": 130})).expect(200).await;
    let refunded = refund("CANCELLATION", "1", 1_000);
    // Told twice, under two ids, and with words in between that are no refund.
    let unsubscribed = with(store_event("CANCELLATION", "alice", "2"), "cancel_reason", json!("UNSUBSCRIBE"));
    deliver_all(&world, &[refunded.clone(), refunded, refund("CANCELLATION", "1", 1_000), unsubscribed])
        .await;
    // What was spent is owed.
    assert_eq!(world.balance(&alice.wallet_id).await, -30);
    assert_eq!(world.count("payments where state = 'refunded'").await, 1);
    let shown = world.api().get("/api/v1/users/me/transactions?statuses=refunded").bearer(&alice.api_key);
    assert_eq!(shown.expect(200).await["data"]["total"], json!(1));
    // The purchase reported again credits nothing.
    deliver_all(&world, &[purchase("alice", "1")]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, -30);
    deliver_all(&world, &[refund("REFUND_REVERSED", "1", 2_000), refund("CANCELLATION", "1", 1_500)]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 70);
    assert_eq!(world.count("payments where state = 'completed'").await, 2);
    // Given back without having been taken: nothing.
    deliver_all(&world, &[refund("REFUND_REVERSED", "2", 2_000)]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 70);
    world.finish().await;
}

/// Purchases, refunds and reversals of one transaction at once, in any order, end as the last word says.
#[tokio::test(flavor = "multi_thread")]
async fn events_in_any_order_lead_to_the_same_end() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let mut events = Vec::new();
    for number in 0..12 {
        let transaction = number.to_string();
        events.push(purchase("alice", &transaction));
        events.push(refund("CANCELLATION", &transaction, 1_000));
        if number % 2 == 0 {
            events.push(refund("REFUND_REVERSED", &transaction, 2_000));
        }
    }
    events.sort_by_key(|event| event["event"]["id"].as_str().map(str::to_owned));
    let answers = join_all(events.iter().chain(&events).map(|event| deliver(&world, event))).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 600);
    world.finish().await;
}

/// Gifts of the seller, unlocks for life, and the dashboard's test.
#[tokio::test(flavor = "multi_thread")]
async fn what_buys_no_credits_waits_for_nobody() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let gift = with(purchase("alice", "1"), "store", json!("PROMOTIONAL"));
    let gift = with(with(gift, "transaction_id", Value::Null), "product_id", json!("rc_promo_pro_lifetime"));
    let unlock = with(purchase("alice", "2"), "product_id", json!("com.app.unlock"));
    let unlock = with(unlock, "entitlement_ids", json!(["pro"]));
    deliver_all(&world, &[gift.clone(), unlock.clone(), json!({"event": {"type": "TEST"}})]).await;
    assert_eq!(outcome(&world, &gift).await, ("ignored".to_owned(), Some("unpaid_period".to_owned())));
    assert_eq!(outcome(&world, &unlock).await, ("ignored".to_owned(), Some("no_product_of_ours".to_owned())));
    assert_eq!(parked(&world).await, Vec::<Value>::new());
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    world.finish().await;
}

/// A purchase at Google Play, which sells several at once.
fn at_play(transaction: &str, price: &str) -> Value {
    let event = with(purchase("alice", transaction), "store", json!("PLAY_STORE"));
    let event = with(event, "currency", json!("USD"));
    with(event, "price_in_purchased_currency", serde_json::from_str(price).unwrap())
}

/// A refund of all of it.
fn refund_at_play(transaction: &str) -> Value {
    with(refund("CANCELLATION", transaction, 1_000), "store", json!("PLAY_STORE"))
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_are_credited_as_were_bought_and_a_refund_takes_back_all() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let three = with(at_play("GPA.1", "26.97"), "quantity", json!(3));
    // Prices elsewhere say nothing about how many they are.
    let abroad = with(at_play("GPA.2", "899.99"), "currency", json!("TRY"));
    deliver_all(&world, &[three.clone(), three.clone(), abroad]).await;
    assert_eq!(outcome(&world, &three).await, ("applied".to_owned(), None));
    assert_eq!(world.balance(&alice.wallet_id).await, 400);
    assert_eq!(world.count("payments where amount_minor = 2697 and credits = 300000000").await, 1);
    assert_eq!(world.count("payment_items where quantity = 3 and amount_minor = 899").await, 1);
    deliver_all(&world, &[refund_at_play("GPA.1"), refund_at_play("GPA.1")]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    assert_eq!(world.count("payments where state = 'refunded' and amount_minor = 2697").await, 1);
    world.finish().await;
}

/// Where only the price says that there were several, none is credited as one: a person says how many.
#[tokio::test(flavor = "multi_thread")]
async fn the_price_of_several_waits_for_somebody_who_says_how_many() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let (one, three, two) = (at_play("GPA.1", "8.99"), at_play("GPA.2", "26.97"), at_play("GPA.3", "17.98"));
    deliver_all(&world, &[one.clone(), three.clone(), two.clone()]).await;
    assert_eq!(outcome(&world, &one).await, ("applied".to_owned(), None));
    assert_eq!(outcome(&world, &three).await, ("applied".to_owned(), Some("several_bought".to_owned())));
    // The scheduler does not take it either.
    publish(&world, &ClaimPurchases {}).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    let waiting = parked(&world).await;
    assert_eq!(waiting.len(), 2, "{waiting:?}");
    assert!(waiting.iter().all(|one| one["reason"] == "quantity_unknown" && one["quantity"].is_null()));
    let claim = format!("/purser/v1/parked-purchases/{}/claim", waiting[0]["purchaseId"].as_str().unwrap());
    let refused = world.admin_post(&claim, json!({"userId": "alice"})).expect(409).await;
    assert_eq!(refused["error"]["code"], "quantity_unknown");
    for wrong in [json!(0), json!(-1), json!(1_001), json!("3"), json!(1.5)] {
        world.admin_post(&claim, json!({"userId": "alice", "quantity": wrong})).expect(400).await;
    }
    for _ in 0..2 {
        world.admin_post(&claim, json!({"userId": "alice", "quantity": 3})).send().await.unwrap();
        world.drain().await;
        assert_eq!(world.balance(&alice.wallet_id).await, 400);
    }
    // The store tells of the other one itself, with another event about it.
    deliver_all(&world, &[with(at_play("GPA.3", "17.98"), "quantity", json!(2))]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 600);
    assert_eq!(parked(&world).await, Vec::<Value>::new());
    deliver_all(&world, &[refund_at_play("GPA.2")]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 300);
    world.finish().await;
}

/// One that is not credited yet is gone with its money.
#[tokio::test(flavor = "multi_thread")]
async fn several_that_are_refunded_before_anybody_looked_are_not_credited() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    deliver_all(&world, &[at_play("GPA.1", "17.98"), refund_at_play("GPA.1")]).await;
    assert_eq!(parked(&world).await, Vec::<Value>::new());
    deliver_all(&world, &[with(at_play("GPA.1", "17.98"), "quantity", json!(2))]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    world.finish().await;
}
