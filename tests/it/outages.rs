//! Servers that go away and come back: nothing accepted is lost, nothing is done twice, and no process needs a restart.

use std::time::Duration;

use anyhow::Context;
use futures::future::join_all;
use harness::eventually::{Look, eventually_every};
use harness::world::{GOOD_CARD, World};
use serde_json::json;

use crate::cluster::blocking;
use crate::events::{deliver, event, paid_session};

const DEV: &str = env!("CARGO_BIN_EXE_dev");
const PATIENCE: Duration = Duration::from_secs(30);
/// Events come evenly for a second, in the midst of which the broker is killed twice.
const DELIVERY_DISTANCE: Duration = Duration::from_millis(25);
const DELIVERY_RETRY: Duration = Duration::from_millis(200);
const LOAD_BEFORE_A_KILL: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_accepted_while_postgres_is_down_and_credited_later() {
    let world = World::builder().own_servers().start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    let completed = event("checkout.session.completed", &paid_session(&world, &alice, &checkout).await);
    blocking(|| world.servers().postgres().kill9());
    world.wait_until_api_unready().await;
    assert_eq!(deliver(&world, &completed).await.status(), 200);
    assert_eq!(deliver(&world, &completed).await.status(), 200);
    let spending =
        world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.api_key).json(json!({"credits": 1}));
    assert_eq!(spending.send().await.unwrap().status(), 503);
    blocking(|| world.servers().postgres().start());
    world.wait_until_api_ready().await;
    world.wait_for_rows(1, "ledger_entries").await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_refused_and_orders_kept_while_the_broker_is_down() {
    let world = World::builder().own_servers().start().await;
    let alice = world.create_user("alice").await;
    let paid = world.start_checkout(&alice, 500).await;
    let completed = event("checkout.session.completed", &paid_session(&world, &alice, &paid).await);
    world.settle_queues().await;
    blocking(|| world.servers().rabbitmq().kill9());
    world.wait_until_api_unready().await;
    assert_eq!(deliver(&world, &completed).await.status(), 503);
    let recharge = world.api().post("/v1/credits/recharge").bearer(&alice.api_key);
    let accepted = recharge.json(json!({"credits": 2_500})).expect(202).await;
    blocking(|| world.servers().rabbitmq().start());
    world.wait_until_api_ready().await;
    let path = accepted["paymentStatusEndpoint"].as_str().unwrap().to_owned();
    let poll = async || world.api().get(&path).bearer(&alice.api_key).expect(200).await;
    let check = async || {
        let shown = poll().await;
        shown["checkoutSessionId"].as_str().map(str::to_owned).with_context(|| shown.to_string())
    };
    let session = world.eventually("the page is open", check).await;
    world.pay(&session, GOOD_CARD).await;
    assert_eq!(deliver(&world, &completed).await.status(), 200);
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 3_000);
    world.finish().await;
}

/// Whatever was answered with 200 is credited, across two hard restarts of the broker under load.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_restarted_under_load_loses_nothing() {
    let world = World::builder().own_servers().worker_process(DEV).start().await;
    let alice = world.create_user("alice").await;
    let checkouts = join_all((0..40).map(|_| world.start_checkout(&alice, 100))).await;
    let mut events = Vec::new();
    for checkout in &checkouts {
        let session = paid_session(&world, &alice, checkout).await;
        events.push(event("checkout.session.completed", &session));
    }
    world.settle_queues().await;
    world.wait_until_api_ready().await;
    let restarting = async {
        for _ in 0..2 {
            // Not a wait: some events are on their way when the broker dies, and more come while it is away.
            tokio::time::sleep(LOAD_BEFORE_A_KILL).await;
            blocking(|| world.servers().rabbitmq().kill9());
            blocking(|| world.servers().rabbitmq().start());
            world.wait_until_api_ready().await;
        }
    };
    // Each event is sent again until it is accepted, as the provider does.
    let delivering = join_all(events.iter().enumerate().map(|(number, event)| {
        let world = &world;
        async move {
            tokio::time::sleep(DELIVERY_DISTANCE * u32::try_from(number).unwrap()).await;
            let check = async || {
                let answer = deliver(world, event).await;
                Look::when(answer.status() == 200, answer)
            };
            let accepted = eventually_every(DELIVERY_RETRY, "the event is accepted", PATIENCE, check).await;
            accepted.unwrap();
        }
    }));
    futures::join!(restarting, delivering);
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 4_000);
    assert_eq!(world.count("ledger_entries").await, 40);
    world.finish().await;
}

/// The worker is told to stop in the middle of work: it finishes what is under way, and the rest waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_told_to_stop_finishes_and_loses_nothing() {
    let world = World::builder().worker_process(DEV).start().await;
    let alice = world.create_user("alice").await;
    let checkouts = join_all((0..30).map(|_| world.start_checkout(&alice, 100))).await;
    let mut events = Vec::new();
    for checkout in &checkouts {
        events.push(event("checkout.session.completed", &paid_session(&world, &alice, checkout).await));
    }
    let stopping = async {
        for _ in 0..3 {
            tokio::task::block_in_place(|| world.worker().sigterm()).unwrap();
            world.worker().start().unwrap();
        }
    };
    let (answers, ()) = futures::join!(join_all(events.iter().map(|event| deliver(&world, event))), stopping);
    assert!(answers.iter().all(|answer| answer.status() == 200));
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 3_000);
    world.finish().await;
}
