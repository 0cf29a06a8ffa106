//! What is in a wallet, and everything that moves it but buying: grants, debits and giving them back, holds, transfers.

use std::time::Duration;

use harness::client::Answer;
use harness::world::{User, World};
use kernel::money::Credits;
use serde_json::{Value, json};

use super::{admin, get, refusal};

async fn post(world: &World, path: &str, key: &str, body: Value) -> Answer {
    admin(world, world.api().post(path)).idempotency_key(key).json(body).send().await.unwrap()
}

/// Gives credits that lapse in so many days, and returns the grant.
async fn give(world: &World, wallet: &str, credits: i64, days: Option<i64>) -> Value {
    let body =
        json!({"credits": credits, "kind": "promotional", "expiresAfterDays": days, "reason": "a test"});
    let path = format!("/purser/v1/wallets/{wallet}/grants");
    let given = world.admin_post(&path, body).expect(201).await;
    assert_eq!((&given["credits"], &given["kind"]), (&json!(credits), &json!("promotional")), "{given}");
    given
}

async fn wallet(world: &World, name: &str) -> Value {
    get(world, &format!("/purser/v1/wallets/{name}")).await
}

async fn alice(world: &World) -> User {
    world.create_user("alice").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_is_seen_lapses_and_is_taken_back() {
    let world = World::start().await;
    let alice = alice(&world).await;
    let path = "/purser/v1/wallets/user:alice/grants";
    let body = json!({"credits": 60, "kind": "paid", "expiresAfterDays": 30, "reason": "invoice 7",
                      "metadata": {"invoice": "7"}});
    let first = post(&world, path, "invoice-7", body.clone()).await;
    let again = post(&world, path, "invoice-7", body).await;
    assert_eq!((first.status(), again.header("idempotent-replayed")), (201, Some("true")), "{first} {again}");
    assert_eq!(first.json().unwrap()["grantId"], again.json().unwrap()["grantId"]);
    let other = post(&world, path, "invoice-7", json!({"credits": 61, "kind": "paid", "reason": "x"})).await;
    assert_eq!(refusal(&other), (409, "idempotency_key_reused".to_owned()));
    let gift = give(&world, "user:alice", 40, None).await;

    let shown = wallet(&world, "user:alice").await;
    let lapsing = &shown["lapsing"][0];
    assert_eq!((&shown["balance"], &lapsing["credits"]), (&json!(100), &json!(60)), "{shown}");
    assert_eq!(shown["walletId"], json!(alice.wallet_id));
    let listed = get(&world, "/purser/v1/wallets/user:alice/grants?limit=1&open=true").await;
    assert_eq!(listed["data"][0]["grantId"], gift["grantId"]);
    let next = listed["nextCursor"].as_str().unwrap();
    let rest = get(&world, &format!("/purser/v1/wallets/user:alice/grants?limit=1&cursor={next}")).await;
    assert_eq!((&rest["data"][0]["metadata"], &rest["nextCursor"]), (&json!({"invoice": "7"}), &json!(null)));

    let void = format!("/purser/v1/grants/{}/void", gift["grantId"].as_str().unwrap());
    let voided = post(&world, &void, "void-1", json!({"reason": "by mistake"})).await.json().unwrap();
    assert_eq!(
        (&voided["voided"], &voided["balance"], &voided["remaining"]),
        (&json!(40), &json!(60), &json!(0))
    );
    let grant = get(&world, &format!("/purser/v1/grants/{}", gift["grantId"].as_str().unwrap())).await;
    assert!(grant["voidedAt"].is_string(), "{grant}");
    world.advance(Duration::from_secs(31 * 86_400)).await;
    assert_eq!(wallet(&world, "user:alice").await["balance"], json!(0));
    for body in [
        json!({"credits": 0, "kind": "paid", "reason": "x"}),
        json!({"credits": 1, "kind": "bought", "reason": "x"}),
        json!({"credits": 1, "kind": "paid"}),
        json!({"credits": 1, "kind": "paid", "reason": "x", "expiresAt": "2020-01-01T00:00:00Z"}),
        json!({"credits": 1, "kind": "paid", "reason": "x", "expiresAfterDays": 0}),
    ] {
        assert_eq!(post(&world, path, "odd", body.clone()).await.status(), 400, "{body}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_is_given_back_into_its_grants_and_never_more_than_it_took() {
    let world = World::start().await;
    let alice = alice(&world).await;
    let lapsing = give(&world, "user:alice", 60, Some(10)).await;
    give(&world, "user:alice", 40, None).await;
    let body = json!({"credits": 80, "type": "render", "metadata": {"job": "7"}});
    let debit = post(&world, "/purser/v1/wallets/user:alice/debits", "job-7", body).await.json().unwrap();
    assert_eq!((&debit["balance"], &debit["available"]), (&json!(20), &json!(20)));
    let id = debit["debitId"].as_str().unwrap();
    let path = format!("/purser/v1/debits/{id}/refund");
    let part = post(&world, &path, "back-1", json!({"credits": 30})).await.json().unwrap();
    assert_eq!((&part["credits"], &part["left"], &part["balance"]), (&json!(30), &json!(50), &json!(50)));
    // Those of the grant that lapses later were burned last, and come back first.
    let grant = get(&world, &format!("/purser/v1/grants/{}", lapsing["grantId"].as_str().unwrap())).await;
    assert_eq!(grant["remaining"], json!(10));
    let again = post(&world, &path, "back-1", json!({"credits": 30})).await;
    assert_eq!((again.status(), again.header("idempotent-replayed")), (200, Some("true")));
    let more = post(&world, &path, "back-2", json!({"credits": 51})).await;
    assert_eq!(refusal(&more), (409, "more_than_left".to_owned()));
    let rest = post(&world, &path, "back-3", json!({})).await.json().unwrap();
    assert_eq!((&rest["left"], &rest["balance"]), (&json!(0), &json!(100)));

    let shown = get(&world, &format!("/purser/v1/debits/{id}")).await;
    assert_eq!((&shown["credits"], &shown["metadata"]["job"]), (&json!(-80), &json!("7")));
    let listed =
        get(&world, "/purser/v1/wallets/user:alice/entries?type=render,refund_of_debit&limit=2").await;
    assert_eq!(listed["data"][0]["belongsTo"], json!({"type": "debit", "id": id}), "{listed}");
    assert!(listed["nextCursor"].is_string());
    let table = admin(&world, world.api().get("/purser/v1/wallets/user:alice/entries?format=csv"));
    let table = table.send().await.unwrap();
    assert!(table.header("content-type").unwrap().starts_with("text/csv"), "{table}");
    assert_eq!(table.text().lines().count(), 1 + 5, "{table}");
    let before = shown["createdAt"].as_str().unwrap();
    let then = get(&world, &format!("/purser/v1/wallets/user:alice/balance?at={before}")).await;
    assert!(then["balance"].is_number(), "{then}");
    let theirs = world.create_user("bob").await;
    let foreign = world.api().post(&path).bearer(&theirs.api_key).json(json!({})).send().await.unwrap();
    assert_eq!(refusal(&foreign), (404, "not_found".to_owned()));
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_extended_captured_in_parts_and_above_where_wallets_may_owe() {
    let world = World::builder().capture_above_hold(Credits::from_whole(15).unwrap()).start().await;
    alice(&world).await;
    give(&world, "user:alice", 100, None).await;
    let place = async |key: &str, credits: i64| {
        let body = json!({"credits": credits, "ttlSeconds": 60, "metadata": {"job": key}});
        let placed = post(&world, "/purser/v1/wallets/user:alice/holds", key, body).await;
        assert_eq!(placed.status(), 201, "{placed}");
        placed.json().unwrap()["holdId"].as_str().unwrap().to_owned()
    };
    let capture = async |hold: &str, key: &str, body: Value| {
        post(&world, &format!("/purser/v1/holds/{hold}/capture"), key, body).await
    };
    let hold = place("one", 50).await;
    let extend = format!("/purser/v1/holds/{hold}/extend");
    let longer = post(&world, &extend, "longer", json!({"ttlSeconds": 3_600})).await.json().unwrap();
    world.advance(Duration::from_secs(120)).await;
    let part = capture(&hold, "part-1", json!({"credits": 20, "final": false})).await.json().unwrap();
    assert_eq!((&part["state"], &longer["state"]), (&json!("active"), &json!("active")), "{part}");
    let twice = capture(&hold, "part-1", json!({"credits": 20, "final": false})).await;
    assert_eq!(twice.status(), 200, "{twice}");
    let shown = get(&world, &format!("/purser/v1/holds/{hold}")).await;
    assert_eq!((&shown["captured"], &shown["held"]), (&json!(20), &json!(30)));
    capture(&hold, "rest", json!({})).await;
    let again = capture(&hold, "rest", json!({})).await;
    assert_eq!((again.status(), &again.json().unwrap()["state"]), (200, &json!("captured")), "{again}");
    assert_eq!(wallet(&world, "user:alice").await["balance"], json!(50));

    // 50 are there, 40 are held; 60 are captured: 10 are owed, of at most 15.
    let hold = place("two", 40).await;
    let above = capture(&hold, "above", json!({"credits": 60})).await;
    assert_eq!((above.status(), &above.json().unwrap()["balance"]), (200, &json!(-10)), "{above}");
    let owed = wallet(&world, "user:alice").await;
    assert_eq!((&owed["debt"], &owed["available"]), (&json!(10), &json!(0)));
    give(&world, "user:alice", 30, None).await;
    let hold = place("three", 10).await;
    assert_eq!(capture(&hold, "much", json!({"credits": 60})).await.status(), 402);
    let nothing = capture(&hold, "nothing", json!({"credits": 0})).await.json().unwrap();
    assert_eq!((&nothing["captured"], &nothing["balance"]), (&json!(0), &json!(20)));
    let released = get(&world, "/purser/v1/wallets/user:alice/holds?state=released").await;
    assert_eq!(released["data"].as_array().unwrap().len(), 1, "{released}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_transferred_once_and_lapse_when_they_would_have() {
    let world = World::start().await;
    alice(&world).await;
    let bob = world.create_user("bob").await;
    give(&world, "user:alice", 60, Some(10)).await;
    give(&world, "user:alice", 40, None).await;
    let body = json!({"from": "user:alice", "to": "user:bob", "credits": 70, "reason": "a gift"});
    let send = async |key: &str, body: Value| post(&world, "/purser/v1/transfers", key, body).await;
    let moved = send("gift", body.clone()).await;
    assert_eq!((moved.status(), &moved.json().unwrap()["to"]["balance"]), (201, &json!(70)), "{moved}");
    assert_eq!(send("gift", body.clone()).await.header("idempotent-replayed"), Some("true"));
    assert_eq!(refusal(&send("more", body).await), (402, "insufficient_credits".to_owned()));
    let theirs = wallet(&world, "user:bob").await;
    assert_eq!((&theirs["balance"], &theirs["lapsing"][0]["credits"]), (&json!(70), &json!(60)), "{theirs}");
    let same = json!({"from": "user:bob", "to": bob.wallet_id, "credits": 1, "reason": "x"});
    assert_eq!(refusal(&send("same", same).await), (400, "same_wallet".to_owned()));
    let nowhere = json!({"from": "user:bob", "to": "user:nobody", "credits": 1, "reason": "x"});
    let nowhere = send("nowhere", nowhere).await;
    assert_eq!(refusal(&nowhere), (404, "wallet_not_found".to_owned()));
    assert_eq!(nowhere.json().unwrap()["error"]["param"], json!("to"));
    world.finish().await;
}
