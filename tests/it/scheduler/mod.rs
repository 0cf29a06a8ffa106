//! Two schedulers, of which one leads; and the outbox, whose jobs go out though their writer died.

mod leading;

use billing::payments::CreateCheckout;
use harness::client::Client;
use harness::eventually::Look;
use harness::system::Service;
use harness::world::World;
use jobs::outbox;
use ledger::holds::ExpireHolds;
use serde_json::json;

use leading::{term, wait_for_log, wait_for_term};

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

/// What was found by whichever worker compared last is shown by every scheduler, and by one that does not lead as well.
#[tokio::test(flavor = "multi_thread")]
async fn every_scheduler_shows_what_the_last_comparison_found() {
    let world = World::builder().without_worker().scheduler_process(DEV).start().await;
    world.scheduler().kill9().unwrap();
    let leader = world.additional_process(Service::Scheduler, DEV.as_ref(), &[]);
    leader.start().unwrap();
    wait_for_log(&leader, "this scheduler leads").await;
    world.scheduler().start().unwrap();
    let address = format!("http://127.0.0.1:{}", world.settings().addresses.metrics_ports[2]);
    let metrics = Client::new(address).unwrap();
    let kept = "insert into reconciliation_runs (ended_at, findings, paid_not_credited) values ($1, $2, 0)
                on conflict (is_only) do update set ended_at = excluded.ended_at, findings = excluded.findings";
    // Later than the comparison with which the schedule begins.
    let days = time::Duration::days(1);
    for findings in [3_i64, 0] {
        let at = world.clock().now() + days;
        sqlx::query(kept).bind(at).bind(findings).execute(world.pool()).await.unwrap();
        let shown = format!("purser_reconciliation_findings {findings}\n");
        let look = async || match metrics.get("/metrics").send().await {
            Ok(answer) => Look::when(answer.text().contains(&shown), answer.text()),
            Err(error) => Look::NotYet(error.to_string()),
        };
        world.eventually("the last comparison is shown", look).await;
    }
    leader.sigterm().unwrap();
    world.abandon().await;
}
