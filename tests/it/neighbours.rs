//! What one caller, or one slow part, does is not felt by the others.

use std::time::{Duration, Instant};

use futures::future::join_all;
use harness::client::Request;
use harness::eventually::Look;
use harness::receiver::{Answer, Receiver};
use harness::world::{GOOD_CARD, User, World};
use serde_json::json;
use sqlx::{PgConnection, Postgres, Transaction};
use tokio_util::sync::CancellationToken;

use crate::events::{deliver, event, paid_session};

/// Less than a lock timeout, which is half a second, and more than any request needs on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(450);

fn debit(world: &World, user: &User, key: &str) -> Request {
    let request = world.api().post("/purser/v1/wallets/me/debits").bearer(&user.api_key);
    request.idempotency_key(key).json(json!({"credits": 1}))
}

async fn lock<'a>(world: &'a World, user: &User) -> Transaction<'a, Postgres> {
    let mut transaction = world.pool().begin().await.unwrap();
    lock_wallet(&mut transaction, user).await;
    transaction
}

async fn lock_wallet(connection: &mut PgConnection, user: &User) {
    let lock = "select 1 from wallets where id = $1::text::uuid for update";
    sqlx::query(lock).bind(&user.wallet_id).execute(connection).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_wallet_delays_no_debit_of_another() {
    let world = World::start().await;
    let (locked, free) = (world.create_user("locked").await, world.create_user("free").await);
    world.buy(&locked, 100).await;
    world.buy(&free, 100).await;
    let held = lock(&world, &locked).await;

    let blocked = join_all((0..20).map(|at| debit(&world, &locked, &format!("locked-{at}")).send()));
    let others = async {
        let mut slowest = Duration::ZERO;
        for at in 0..60 {
            let started = Instant::now();
            debit(&world, &free, &format!("free-{at}")).expect(200).await;
            slowest = slowest.max(started.elapsed());
        }
        slowest
    };
    let (blocked, slowest) = futures::join!(blocked, others);
    assert!(slowest < AT_ONCE, "a debit of another wallet took {slowest:?}");
    for answer in blocked.into_iter().map(Result::unwrap) {
        assert_eq!((answer.status(), answer.header("retry-after")), (503, Some("1")), "{}", answer.text());
    }
    held.rollback().await.unwrap();
    for _twice in 0..2 {
        for at in 0..20 {
            debit(&world, &locked, &format!("locked-{at}")).expect(200).await;
        }
    }
    assert_eq!(world.balance(&locked.wallet_id).await, 80, "each key once");
    assert_eq!(world.balance(&free.wallet_id).await, 40);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_wallet_delays_no_credits_of_another() {
    let world = World::start().await;
    let (locked, free) = (world.create_user("locked").await, world.create_user("free").await);
    let mut events = Vec::new();
    for user in [&locked, &free] {
        let checkout = world.start_checkout(user, 500).await;
        events.push(event("checkout.session.completed", &paid_session(&world, user, &checkout).await));
    }
    let held = lock(&world, &locked).await;
    let delivered = join_all(events.iter().map(|event| deliver(&world, event))).await;
    assert!(delivered.iter().all(|answer| answer.status() == 200));
    let started = Instant::now();
    world.wait_for_rows(1, "ledger_entries").await;
    assert!(started.elapsed() < Duration::from_secs(3), "credited after {:?}", started.elapsed());
    assert_eq!(world.balance(&free.wallet_id).await, 500);
    held.rollback().await.unwrap();
    world.wait_for_rows(2, "ledger_entries").await;
    assert_eq!(world.balance(&locked.wallet_id).await, 500);
    world.finish().await;
}

fn order(world: &World, user: &User, key: &str) -> Request {
    let request = world.api().post("/v1/credits/recharge").bearer(&user.api_key);
    request.idempotency_key(key).header("prefer", "respond-async").json(json!({"credits": 500}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_so_many_open_orders_and_the_key_of_a_refused_one_is_free() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let keys: Vec<String> = (0..110).map(|at| format!("order-{at}")).collect();
    let answers = join_all(keys.iter().map(|key| order(&world, &alice, key).send())).await;
    let refused: Vec<&String> = keys
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.as_ref().unwrap().status() == 429)
        .map(|(key, _)| key)
        .collect();
    assert_eq!(refused.len(), 10, "a hundred orders, also of those that come at once");
    let again = order(&world, &alice, refused[0]).send().await.unwrap();
    assert_eq!(again.status(), 429, "not 409, as if it were under way: {}", again.text());
    assert_eq!(again.header("retry-after"), Some("60"));
    assert_eq!(world.count("payments where user_id = 'alice'").await, 100);
    order(&world, &bob, "order-0").expect(202).await;
    let end = "update payments set state = 'expired' where user_id = 'alice'";
    sqlx::query(end).execute(world.pool()).await.unwrap();
    order(&world, &alice, refused[0]).expect(202).await;
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_so_many_live_connections_and_others_have_theirs() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut stream = world.api().get("/events").bearer(&alice.api_key).open().await.unwrap();
        stream.until(":connected").await.unwrap();
        open.push(stream);
    }
    let further = world.api().get("/events").bearer(&alice.api_key).send().await.unwrap();
    assert_eq!(further.status(), 429, "{}", further.text());
    let mut other = world.api().get("/events").bearer(&bob.api_key).open().await.unwrap();
    other.until(":connected").await.unwrap();
    drop((open, other));
    world.finish().await;
}

/// A key is withdrawn, and a membership ends, while no announcement can be made.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_withdrawn_in_silence_ends_its_live_connections() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let (alice, bob, carol) =
        (world.create_user("alice").await, world.create_user("bob").await, world.create_user("carol").await);
    let mut streams = Vec::new();
    for user in [&alice, &bob, &carol] {
        let mut stream = world.api().get("/events").bearer(&user.api_key).open().await.unwrap();
        stream.until(":connected").await.unwrap();
        streams.push(stream);
    }
    sqlx::raw_sql(
        "update api_keys set revoked_at = now() where user_id = 'alice';
         with made as (insert into organizations (name, created_at) values ('bob', now()) returning id),
              joined as (insert into organization_members select id, 'bob', 'owner', now() from made)
         insert into wallets (id, organization_id, created_at) select gen_random_uuid(), id, now() from made",
    )
    .execute(world.pool())
    .await
    .unwrap();
    let started = Instant::now();
    let mut carols = streams.pop().unwrap();
    let (bobs, alices) = (streams.pop().unwrap(), streams.pop().unwrap());
    let (alices, bobs) = futures::join!(alices.to_the_end(), bobs.to_the_end());
    assert!(alices.unwrap().contains("credential_revoked"));
    assert!(bobs.unwrap().contains("wallets_changed_reconnect"));
    assert!(started.elapsed() < Duration::from_secs(15), "after {:?}", started.elapsed());
    let refused = world.api().get("/v1/credits").bearer(&alice.api_key).send().await.unwrap();
    assert_eq!(refused.status(), 401, "her login is not remembered either");
    let more = tokio::time::timeout(AT_ONCE, carols.until("stream.closed")).await;
    assert!(more.is_err(), "nothing of carol's was withdrawn");
    drop(carols);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_not_ready_on_a_schema_that_lacks_something() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.wait_until_api_ready().await;
    let forget = "delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)";
    sqlx::query(forget).execute(world.pool()).await.unwrap();
    world.wait_until_api_unready().await;
    let answer = world.api().get("/readyz").expect(503).await;
    assert_eq!(answer["checks"], json!({"database": "ok", "schema": "unavailable", "broker": "ok"}));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cleaning_leaves_nothing_that_is_over_and_everything_that_is_not() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let seed = "
        insert into provider_events (provider, event_id, event_type, outcome, received_at, handled_at)
        select 'stripe', 'old' || n, 'x', case when n = 1 then 'quarantined' else 'ignored' end, at, at
        from generate_series(1, 30000) n, lateral (select now() - interval '100 days' as at) times;
        insert into provider_events (provider, event_id, event_type, outcome, received_at, handled_at)
        values ('stripe', 'new', 'x', 'ignored', now(), now());
        insert into dead_letters (id, role, reason, attempts, died_at, state, settled_at)
        select gen_random_uuid(), 'apply', 'x', 1, now(), 'discarded', now() - interval '1 day' * n
        from generate_series(1, 100) n;
        insert into idempotency_keys (caller, key, fingerprint, status, created_at)
        select 'x', n::text, '', 200, now() - interval '2 days' from generate_series(1, 100) n";
    sqlx::raw_sql(seed).execute(world.pool()).await.unwrap();
    let connections = world.settings().connections(4).unwrap();
    let days = time::Duration::days;
    let retention = scheduler::Retention { provider_events: days(90), dead_letters: days(50) };
    let (stop, config) = (
        CancellationToken::new(),
        scheduler::Config { connections, retention, several_subscriptions: false },
    );
    let running = scheduler::run(config, world.clock().clone(), stop.clone());
    let (ended, ()) = futures::join!(running, async {
        world.wait_for_rows(2, "provider_events").await;
        // The one that is fifty days old may be a moment younger than the scheduler's clock.
        let old_ones_are_gone = async || {
            let left = world.count("dead_letters").await;
            Look::when((49..=50).contains(&left), left)
        };
        world.eventually("old dead letters are gone", old_ones_are_gone).await;
        assert_eq!(world.count("provider_events where outcome = 'quarantined'").await, 1);
        // What was done for a key is never done again.
        assert_eq!(world.count("idempotency_keys where caller = 'x'").await, 100);
        stop.cancel();
    });
    ended.unwrap();
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_never_answers_delays_neither_others_nor_live_messages() {
    let world = World::start().await;
    let (silent, quick) = (Receiver::answering(&[], Answer::Nothing).await, Receiver::start().await);
    for receiver in [&silent, &quick] {
        let endpoint = json!({"url": receiver.url(), "eventTypes": []});
        world.admin_post("/purser/v1/webhook-endpoints", endpoint).expect(201).await;
    }
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 500).await;
    let messages = "
        insert into webhook_deliveries (id, endpoint_id, message_id, event_type, payload, next_attempt_at, created_at)
        select gen_random_uuid(), id, gen_random_uuid(), 'credits.added', '{}', now() - interval '1 minute', now()
        from webhook_endpoints, generate_series(1, 500) where url = $1";
    sqlx::query(messages).bind(silent.url()).execute(world.pool()).await.unwrap();
    silent.wait_for(8).await;
    let mut live = world.api().get("/events").bearer(&alice.api_key).open().await.unwrap();
    live.until(":connected").await.unwrap();
    world.pay(&checkout.session_id, GOOD_CARD).await;
    let started = Instant::now();
    live.until("event:credits.added\n").await.unwrap();
    quick.wait_for(1).await;
    assert!(started.elapsed() < Duration::from_secs(2), "after {:?}", started.elapsed());
    drop(live);
    world.abandon().await;
}
