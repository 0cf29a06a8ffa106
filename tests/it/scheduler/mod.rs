//! Two schedulers, of which one leads; and the outbox, whose jobs go out though their writer died.

mod leading;

use billing::payments::CreateCheckout;
use harness::system::Service;
use harness::world::World;
use jobs::outbox;
use ledger::holds::ExpireHolds;
use serde_json::json;

use leading::{term, wait_for_term};

const DEV: &str = env!("CARGO_BIN_EXE_dev");

/// A job written by a process that died before it could publish it.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_left_in_the_outbox_is_published_and_done() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let recharge = world.api().post("/v1/credits/recharge").bearer(&alice.api_key);
    let recharge = recharge.header("prefer", "respond-async").json(json!({"credits": 500}));
    let accepted = recharge.expect(202).await;
    world.drain().await;
    let id: uuid::Uuid = accepted["paymentId"].as_str().unwrap().parse().unwrap();
    sqlx::query("update payments set state = 'created', provider_session = null, checkout_url = null")
        .execute(world.pool())
        .await
        .unwrap();
    let mut connection = world.pool().acquire().await.unwrap();
    let job = CreateCheckout { payment_id: kernel::ids::PaymentId(id) };
    outbox::insert(&mut connection, world.clock().now(), &job).await.unwrap();
    drop(connection);
    world.drain().await;
    assert_eq!(world.count("payments where state = 'pending' and provider_session is not null").await, 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_scheduler_leads_within_seconds_of_the_leaders_death() {
    let world = World::builder().scheduler_process(DEV).start().await;
    let second = world.additional_process(Service::Scheduler, DEV.as_ref(), &[]);
    wait_for_term(&world, 1).await;
    second.start().unwrap();
    world.scheduler().kill9().unwrap();
    let mut connection = world.pool().acquire().await.unwrap();
    let left = outbox::insert(&mut connection, world.clock().now(), &ExpireHolds {}).await.unwrap();
    drop(connection);
    // Only a leader sweeps.
    world.drain().await;
    assert_eq!(world.count(&format!("outbox where id = '{}'", left.0)).await, 0);
    assert_eq!(term(&world).await, (2, true));
    second.sigterm().unwrap();
    world.finish().await;
}
