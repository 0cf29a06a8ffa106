//! The harness itself: worlds are separate, a purchase runs through each, and an audit finds what is wrong.

use harness::World;
use harness::queues::Queues;
use harness::system::Service;
use jobs::Role;
use serde_json::json;

use crate::events::publish_raw;

const DEV: &str = env!("CARGO_BIN_EXE_dev");

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_credits_a_wallet_of_its_own_world_only() {
    let (one, other) = tokio::join!(World::start(), World::start());
    let user = one.create_user("alice").await;
    let namesake = other.create_user("alice").await;
    one.buy(&user, 2_500).await;
    assert_eq!(one.balance(&user.wallet_id).await, 2_500);
    assert_eq!(other.balance(&namesake.wallet_id).await, 0);
    assert_eq!(other.count("ledger_entries").await, 0);
    one.finish().await;
    other.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_can_be_a_process_and_a_killed_worker_loses_nothing() {
    let world = World::builder()
        .api_process(DEV)
        .worker_process(DEV)
        .scheduler_process(DEV)
        .emulator_process(DEV)
        .start()
        .await;
    let user = world.create_user("bob").await;
    let checkout = world.start_checkout(&user, 700).await;
    world.worker().kill9().unwrap();
    world.pay(&checkout.session_id, harness::world::GOOD_CARD).await;
    assert_eq!(world.balance(&user.wallet_id).await, 0, "credited without a worker");
    world.worker().start().unwrap();
    world.drain().await;
    assert_eq!(world.balance(&user.wallet_id).await, 700);

    // A frozen worker holds what it has taken; a second one goes on with the rest.
    world.worker().sigstop().unwrap();
    let second = world.additional_process(Service::Worker, DEV.as_ref(), &[]);
    second.start().unwrap();
    world.worker().kill9().unwrap();
    // A request that no worker takes in time is answered with 202, rightly; this is not about that.
    let addresses = &world.settings().addresses;
    let queues = Queues::connect(&addresses.amqp_url, &addresses.amqp_prefix).await.unwrap();
    let check = async || queues.require_consumers(&Role::ALL).await;
    world.eventually("the second worker consumes", check).await;
    queues.close().await;
    world.buy(&user, 300).await;
    assert_eq!(world.balance(&user.wallet_id).await, 1_000);
    // It does what the scheduler has done meanwhile, too.
    world.finish().await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "the books do not balance")]
async fn an_audit_finds_credits_that_come_from_nowhere() {
    let world = World::builder().without_scheduler().start().await;
    let user = world.create_user("carol").await;
    let forged = sqlx::query("update wallets set balance = 5000000 where id = $1::text::uuid");
    forged.bind(&user.wallet_id).execute(world.pool()).await.unwrap();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "x-nonsense")]
async fn an_audit_finds_a_dead_letter() {
    let world = World::start().await;
    publish_nonsense(&world).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_can_be_allowed() {
    let mut world = World::start().await;
    publish_nonsense(&world).await;
    world.allow_dead_letters();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_world_without_a_worker_leaves_jobs_in_their_queues() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let user = world.create_user("dave").await;
    let request = world.api().post("/v1/credits/recharge").bearer(&user.api_key);
    let answer =
        request.header("prefer", "respond-async").json(json!({"credits": 500})).send().await.unwrap();
    assert_eq!(answer.status(), 202, "{answer}");
    world.abandon().await;
}

async fn publish_nonsense(world: &World) {
    publish_raw(world, [br#"{"kind":"x-nonsense","payload":{}}"#]).await;
}
