//! Spending under concurrency, holds, and the database's own refusal to rewrite history.

mod give_backs;
mod grants;
mod history;
mod holds;
mod optimistic;
mod transfers;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use harness::world::{User, World};
use kernel::ids::{EntryId, GrantId, WalletId};
use kernel::metadata::Metadata;
use kernel::money::Credits;
use ledger::grants::{GrantView, NewCredits};
use ledger::operations::post;
use ledger::{Cause, Change, CounterAccount, EntryNote, GrantSource, Movement, Posted};
use serde_json::{Value, json};

use crate::events::publish;

async fn spend(world: &World, user: &User, key: &str, credits: Value) -> (u16, Value) {
    let request = world.api().post("/purser/v1/wallets/me/debits").bearer(&user.api_key).idempotency_key(key);
    let answer = request.json(json!({"credits": credits})).send().await.unwrap();
    (answer.status(), answer.json().unwrap())
}

fn whole(credits: i64) -> Credits {
    Credits::from_whole(credits).unwrap()
}

fn wallet_of(user: &User) -> WalletId {
    user.wallet_id.parse().unwrap()
}

fn cause(kind: &'static str, id: &str) -> Cause {
    Cause { kind, id: id.to_owned() }
}

fn attached(value: &Value) -> Metadata {
    serde_json::from_value(value.clone()).unwrap()
}

/// Credits for a user by an administrator, for a cause of this name, that lapse after some hours.
fn new_credits(world: &World, user: &User, name: &str, credits: i64, hours: Option<i64>) -> NewCredits {
    NewCredits {
        id: GrantId::new(),
        wallet_id: wallet_of(user),
        credits: whole(credits),
        source: GrantSource::Manual,
        priority: 50,
        expires_at: hours.map(|hours| world.clock().now() + time::Duration::hours(hours)),
        entry_type: "gift".to_owned(),
        description: Some("A gift".to_owned()),
        reason: "They waited".to_owned(),
        note: EntryNote::default(),
        by: "user:root".to_owned(),
        cause: cause("grant", name),
    }
}

async fn give(world: &World, user: &User, name: &str, credits: i64, hours: Option<i64>) -> GrantId {
    let new = new_credits(world, user, name, credits, hours);
    ledger::grants::give(world.pool(), world.clock().now(), &new).await.unwrap().grant.id
}

async fn grant(world: &World, id: GrantId) -> GrantView {
    ledger::grants::find(&mut world.pool().acquire().await.unwrap(), id).await.unwrap().unwrap()
}

async fn left(world: &World, id: GrantId) -> i64 {
    grant(world, id).await.remaining.floor_whole()
}

fn debit_of(user: &User, name: &str, credits: i64) -> Movement {
    Movement {
        wallet_id: wallet_of(user),
        cause: cause("debit", name),
        change: Change::Debit(whole(credits)),
        counter_account: CounterAccount::Usage,
        entry_type: "render".to_owned(),
        description: Some("A video".to_owned()),
        note: EntryNote::default(),
    }
}

async fn posted(world: &World, movement: Movement) -> Posted {
    let mut transaction = world.pool().begin().await.unwrap();
    let posted = post(&mut transaction, world.clock().now(), &[movement]).await.unwrap();
    transaction.commit().await.unwrap();
    posted.each.into_iter().next().unwrap()
}

async fn debit(world: &World, user: &User, name: &str, credits: i64) -> EntryId {
    match posted(world, debit_of(user, name, credits)).await {
        Posted::Done { entry_id: Some(entry), .. } => entry,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_debits_never_overspend() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    world.buy(&alice, 100).await;
    world.buy(&bob, 70).await;
    let answers = join_all((0..300).map(|number| {
        let (world, user) = (&world, if number % 2 == 0 { &alice } else { &bob });
        async move { spend(world, user, &format!("k{number}"), json!(1)).await.0 }
    }))
    .await;
    let mut counted = BTreeMap::new();
    for status in answers {
        *counted.entry(status).or_insert(0) += 1;
    }
    assert_eq!(counted, BTreeMap::from([(200, 170), (402, 130)]));
    assert_eq!((world.balance(&alice.wallet_id).await, world.balance(&bob.wallet_id).await), (0, 0));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_debits_once_however_often_it_is_sent() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 100).await;
    let answers = join_all((0..40).map(|_| spend(&world, &alice, "same", json!(12.5)))).await;
    let (status, first) = &answers[0];
    assert_eq!((*status, &first["balance"]), (200, &json!(87.5)));
    assert!(answers.iter().all(|(status, answer)| *status == 200 && answer == first), "{answers:?}");
    let (status, answer) = spend(&world, &alice, "same", json!(12.6)).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("idempotency_key_reused")));
    // Another user's key of the same name is another key.
    let bob = world.create_user("bob").await;
    world.buy(&bob, 50).await;
    assert_eq!(spend(&world, &bob, "same", json!(1)).await.0, 200);
    assert_eq!(world.balance(&alice.wallet_id).await, 87);
    world.finish().await;
}

/// Each on its own, over many wallets; sent again, each is what it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_debits_is_done_one_by_one_and_each_once() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    world.buy(&alice, 100).await;
    world.buy(&bob, 50).await;
    let debit = |wallet: &str, credits: Value, key: &str| {
        json!({"wallet": wallet, "credits": credits, "idempotencyKey": key,
               "metadata": {"video": key}})
    };
    let debits = json!({"debits": [
        debit("user:alice", json!(12.5), "a"), debit("user:bob", json!(51), "b"),
        debit(&bob.wallet_id, json!(20), "c"), debit("user:nobody", json!(1), "d"),
        debit("user:alice", json!(0), "e"), debit("user:alice", json!(7.5), "f"),
    ]});
    let send = async |body: &Value| {
        let admin = &world.settings().secrets.admin_api_key;
        let request = world.api().post("/purser/v1/debits/batch").bearer(admin).json(body.clone());
        request.expect(200).await["data"].as_array().unwrap().clone()
    };
    let first = send(&debits).await;
    let codes: Vec<Value> = first.iter().map(|one| one["error"]["code"].clone()).collect();
    let refused = ["insufficient_credits", "wallet_not_found", "invalid_credits"].map(|code| json!(code));
    let [short, unknown, none] = refused;
    assert_eq!(codes, [json!(null), short, json!(null), unknown, none, json!(null)]);
    assert_eq!((world.balance(&alice.wallet_id).await, world.balance(&bob.wallet_id).await), (80, 30));
    let done = |all: &[Value]| all.iter().map(|one| one["debitId"].clone()).collect::<Vec<_>>();
    assert_eq!(done(&send(&debits).await), done(&first));
    let changed = send(&json!({"debits": [debit("user:alice", json!(13), "a")]})).await;
    assert_eq!(changed[0]["error"]["code"], "idempotency_key_reused");
    assert_eq!((world.balance(&alice.wallet_id).await, world.balance(&bob.wallet_id).await), (80, 30));
    // Her own key debits her own only.
    let both = json!({"debits": [debit("me", json!(1), "g"), debit("user:bob", json!(1), "h")]});
    let hers =
        world.api().post("/purser/v1/debits/batch").bearer(&alice.api_key).json(both).expect(200).await;
    assert_eq!(hers["data"][0]["balance"], 79);
    assert_eq!(hers["data"][1]["error"]["code"], "wallet_not_found");
    for debits in [json!([]), json!(vec![debit("user:alice", json!(1), "x"); 1_001])] {
        let admin = &world.settings().secrets.admin_api_key;
        let refused =
            world.api().post("/purser/v1/debits/batch").bearer(admin).json(json!({"debits": debits}));
        assert_eq!(refused.expect(400).await["error"]["param"], "debits");
    }
    assert_eq!(world.balance(&bob.wallet_id).await, 30);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_amounts_are_refused() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 100).await;
    let bad =
        [json!(0), json!(-1), json!("1"), json!(null), json!(0.0000001), json!(1e30), json!([1]), json!({})];
    for (number, credits) in bad.into_iter().enumerate() {
        let (status, answer) = spend(&world, &alice, &format!("k{number}"), credits.clone()).await;
        assert_eq!(status, 400, "{credits}: {answer}");
        assert!(answer["error"]["message"].is_string(), "{credits}: {answer}");
    }
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_reserve_credits_until_captured_released_or_expired() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 100).await;
    let post = |path: String, body: Value| world.api().post(&path).bearer(&alice.api_key).json(body);
    let place = |credits: i64| {
        post("/purser/v1/wallets/me/holds".to_owned(), json!({"credits": credits, "ttlSeconds": 60}))
    };

    let first = place(60).expect(201).await["holdId"].as_str().unwrap().to_owned();
    assert_eq!(place(50).expect(402).await["error"]["code"], "insufficient_credits");
    assert_eq!(spend(&world, &alice, "too much", json!(41)).await.0, 402);
    let captured =
        post(format!("/purser/v1/holds/{first}/capture"), json!({"credits": 45})).expect(200).await;
    assert_eq!((&captured["captured"], &captured["balance"]), (&json!(45), &json!(55)));
    post(format!("/purser/v1/holds/{first}/release"), json!({})).expect(409).await;
    let path = format!("/purser/v1/holds/{first}");
    let ended = world.api().get(&path).bearer(&alice.api_key).expect(200).await;
    let expected = (&json!("captured"), &json!(60), &json!(45));
    assert_eq!((&ended["state"], &ended["credits"], &ended["captured"]), expected);

    let second = place(55).expect(201).await["holdId"].as_str().unwrap().to_owned();
    post(format!("/purser/v1/holds/{second}/release"), json!({})).expect(200).await;
    place(55).expect(201).await;
    assert_eq!(spend(&world, &alice, "held", json!(1)).await.0, 402);
    world.advance(Duration::from_secs(61)).await;
    publish(&world, &ledger::holds::ExpireHolds {}).await;
    world.drain().await;
    assert_eq!(spend(&world, &alice, "free again", json!(55)).await.0, 200);

    let bob = world.create_user("bob").await;
    let foreign = world.api().post(&format!("/purser/v1/holds/{second}/capture")).bearer(&bob.api_key);
    foreign.json(json!({})).expect(404).await;
    world.api().get(&path).bearer(&bob.api_key).expect(404).await;
    world.finish().await;
}

/// The process died after it had placed the hold and before it had recorded its answer; the request comes again.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_whose_answer_was_lost_is_placed_once() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 100).await;
    let place = |credits: i64| {
        let request = world
            .api()
            .post("/purser/v1/wallets/me/holds")
            .bearer(&alice.api_key)
            .idempotency_key("render-7");
        request.json(json!({"credits": credits}))
    };
    let first = place(60).expect(201).await;
    sqlx::query("delete from idempotency_keys").execute(world.pool()).await.unwrap();
    assert_eq!(place(60).expect(201).await["holdId"], first["holdId"]);
    assert_eq!(world.count("holds").await, 1);
    sqlx::query("delete from idempotency_keys").execute(world.pool()).await.unwrap();
    assert_eq!(place(61).expect(409).await["error"]["code"], "idempotency_key_reused");
    world.finish().await;
}

/// Only as many grants are read as are needed, however many there are.
#[tokio::test(flavor = "multi_thread")]
async fn a_debit_burns_as_many_grants_as_it_needs() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    for _ in 0..60 {
        let body = json!({"user_id": "alice", "amount": 1, "description": "one more"});
        world.admin_post("/admin/credits/manual", body).expect(201).await;
    }
    // Grants that are open when a debit has been made: it needed one, several, and more than are read at a time.
    for (credits, left) in [(1, 59), (20, 39), (35, 4)] {
        let (status, answer) = spend(&world, &alice, &format!("{credits}"), json!(credits)).await;
        assert_eq!((status, &answer["balance"]), (200, &json!(left)));
        assert_eq!(world.count("grants where is_open").await, left);
    }
    assert_eq!(spend(&world, &alice, "too much", json!(5)).await.0, 402);
    assert_eq!(spend(&world, &alice, "the rest", json!(4)).await.0, 200);
    world.finish().await;
}

/// Grants with different ends burn in order, and what lapses leaves the balance with an entry of its own.
#[tokio::test(flavor = "multi_thread")]
async fn lapsed_grants_are_entered_in_the_ledger() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 100).await;
    let soon = world.clock().now() + time::Duration::hours(1);
    sqlx::query("update grants set expires_at = $1").bind(soon).execute(world.pool()).await.unwrap();
    world.buy(&alice, 50).await;
    assert_eq!(spend(&world, &alice, "first", json!(30)).await.1["balance"], 120);
    world.advance(Duration::from_secs(3601)).await;
    // Before any sweep: what has lapsed is neither shown nor spent.
    let shown = world.api().get("/v1/credits").bearer(&alice.api_key).expect(200).await;
    assert_eq!(shown["remainingCredits"], 50);
    assert_eq!(spend(&world, &alice, "too much", json!(51)).await.0, 402);
    publish(&world, &ledger::operations::ExpireGrants {}).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 50);
    assert_eq!(
        world.count("ledger_entries where counter_account = 'expiry' and amount = -70000000").await,
        1
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_to_change_history() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.create_user("bob").await;
    world.buy(&alice, 100).await;
    for statement in [
        "delete from wallets where user_id = 'bob'",
        "update wallets set id = gen_random_uuid() where user_id = 'bob'",
        "truncate wallets cascade",
        "update ledger_entries set amount = amount + 1",
        "delete from ledger_entries",
        "truncate ledger_entries",
        "update wallets set balance = -1, debt = 0",
        "update grants set remaining = amount + 1",
        "update grants set remaining = -1",
        "insert into ledger_entries select (gen_random_uuid()), wallet_id, amount, counter_account, entry_type,
             description, source_kind, source_id, balance_after, created_at from ledger_entries",
        "insert into grants select gen_random_uuid(), wallet_id, payment_id, source, amount, remaining, priority,
             expires_at, created_at, is_open from grants",
    ] {
        let refused = sqlx::query(statement).execute(world.pool()).await;
        assert!(matches!(refused, Err(sqlx::Error::Database(_))), "{statement}: {refused:?}");
    }
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    world.finish().await;
}
