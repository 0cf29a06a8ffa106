//! What breaks in the middle: answers that are lost, processes that are killed, cards that are removed. Whatever it is,
//! no card is charged twice, and no reservation is freed that may still be charged.

use std::time::Duration;

use billing::auto_recharge::{ChargeRecharge, Limits, SweepRecharges};
use harness::system::Service;
use harness::world::{GOOD_CARD, World};
use jobs::Role;
use kernel::crash::Step;
use reqwest::Method;
use serde_json::json;

use super::{
    advance, asked, at_threshold, charges, check, enable, plain, spend, status_of, sweep, wait_for_runs,
};
use crate::crash_points::worker_dies;
use crate::events::publish;

const DEV: &str = env!("CARGO_BIN_EXE_dev");
const CHARGE: &str = "POST /v1/payment_intents";

/// The provider has charged, and its answer was lost: asked again under the same key, it answers the same charge.
#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_after_success_charges_once() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    let knobs =
        json!({"timeout_after_success": 1.0, "timeout_ms": 50, "only": [CHARGE], "limit": 3, "drop": 1.0});
    world.set_provider_faults(knobs).await;
    spend(&world, &alice, 1).await;
    wait_for_runs(&world, 1).await;
    assert_eq!((world.balance(&alice.wallet_id).await, charges(&world).await.len()), (5_999, 1));
    world.finish().await;
}

/// The provider stays away: the run is unknown, keeps its amount, and nothing else is charged.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_charge_keeps_its_reservation_until_it_is_known() {
    let world = World::builder().without_scheduler().start().await;
    let settings = json!({"thresholdCredits": 1_000, "amountUsd": 50, "maxMonthlyUsd": 60});
    let alice = at_threshold(&world, GOOD_CARD, settings).await;
    world.set_provider_faults(json!({"rate_500": 1.0, "only": [CHARGE, "GET /v1/payment_intents"]})).await;
    spend(&world, &alice, 1).await;
    let unknown = "recharge_runs where state = 'unknown'";
    world.wait_for_rows(1, unknown).await;
    spend(&world, &alice, 500).await;
    publish(&world, &SweepRecharges {}).await;
    let stands = status_of(&world, &alice).await;
    assert_eq!((&stands["state"], &stands["spentThisMonth"]["minor"]), (&json!("recharging"), &json!(5_000)));
    let answer = enable(&world, &alice, json!({})).await;
    assert_eq!(answer["autoRechargeRun"]["reason"], "auto_recharge_in_progress");
    world.set_provider_faults(json!({})).await;
    wait_for_runs(&world, 1).await;
    assert_eq!((world.balance(&alice.wallet_id).await, charges(&world).await.len()), (5_499, 1));
    assert_eq!(world.count("recharge_runs").await, 1);
    world.finish().await;
}

/// Long after a charge whose answer was lost its key is forgotten: it is looked up and never asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn a_charge_is_looked_up_once_its_key_may_have_expired() {
    let world = World::builder().without_scheduler().start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    world.lose_events().await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    // Charged, and neither the answer nor an event came.
    unsettle(&world).await;
    advance(&world, Duration::from_hours(30)).await;
    // The provider has forgotten the key as well: asked for again, it would charge again.
    world.emulator().put("/_emulator/clock").json(json!({"advance_seconds": 30 * 3_600})).expect(200).await;
    let before = asked(&world).await;
    sweep(&world).await;
    assert_eq!((asked(&world).await, charges(&world).await.len()), (before, 1));
    assert_eq!(world.count("recharge_runs where state = 'succeeded'").await, 1);
    assert_eq!(world.count("ledger_entries where source_kind = 'payment'").await, 2);
    world.finish().await;
}

/// A charge that was never made is given up after a day, and its amount is free again.
#[tokio::test(flavor = "multi_thread")]
async fn a_charge_that_was_never_made_is_given_up_after_a_day() {
    let world = World::builder().without_scheduler().roles(&without_recharge()).start().await;
    let alice = at_the_edge_without_recharge(&world).await;
    spend(&world, &alice, 1).await;
    // Decided, and then nothing was received of it.
    let mut connection = world.pool().acquire().await.unwrap();
    let now = world.clock().now();
    let wallet = alice.wallet_id.parse().unwrap();
    let decided =
        billing::auto_recharge::operations::reserve(&mut connection, now, wallet, &Limits::default())
            .await
            .unwrap();
    let billing::auto_recharge::Check::Charging { run_id, .. } = decided.check else { panic!("{decided:?}") };
    billing::auto_recharge::charging::begin(&mut connection, now, run_id).await.unwrap();
    for (hours, state) in [(22, "unknown"), (24, "failed")] {
        let later = now + time::Duration::hours(hours);
        billing::auto_recharge::charging::begin(&mut connection, later, run_id).await.unwrap();
        billing::auto_recharge::charging::lost(&mut connection, later, run_id).await.unwrap();
        assert_eq!(world.count(&format!("recharge_runs where state = '{state}'")).await, 1, "{hours}");
    }
    assert_eq!(world.count("recharge_runs where failure = 'never_charged'").await, 1);
    let stands = status_of(&world, &alice).await;
    assert_eq!((&stands["spentThisMonth"]["minor"], &stands["pause"]), (&json!(0), &json!(null)));
    drop(connection);
    world.abandon().await;
}

/// The worker is killed again and again while it charges.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_while_charging_charges_once() {
    let world = World::builder().worker_process(DEV).start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    world.set_provider_faults(json!({"latency_ms": 300})).await;
    for round in 0..4_u64 {
        let before = world.balance(&alice.wallet_id).await;
        spend(&world, &alice, before - 999).await;
        // Before, while and after the provider is asked.
        tokio::time::sleep(Duration::from_millis(40 + round * 150)).await;
        world.worker().kill9().unwrap();
        world.worker().start().unwrap();
        wait_for_runs(&world, i64::try_from(round).unwrap() + 1).await;
        assert_eq!(world.balance(&alice.wallet_id).await, 5_999, "round {round}");
    }
    assert_eq!((charges(&world).await.len(), world.count("recharge_runs").await), (4, 4));
    world.finish().await;
}

/// The worker dies between any two steps of deciding, charging and crediting.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_at_every_step_of_a_recharge() {
    let world = World::builder().worker_process(DEV).start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    let points = [
        (Step::Received, "recharge.check"),
        (Step::Written, "reservation"),
        (Step::Committed, "reservation"),
        (Step::Received, "recharge.charge"),
        (Step::Committed, "recharge"),
        (Step::Asked, "recharge"),
        (Step::Published, "recharge"),
        (Step::Done, "recharge.charge"),
        (Step::Written, "batch"),
        (Step::Committed, "batch"),
    ];
    for (round, (step, work)) in points.into_iter().enumerate() {
        world.worker().kill9().unwrap();
        let before = world.balance(&alice.wallet_id).await;
        spend(&world, &alice, before - 999).await;
        worker_dies(&world, step, work).await;
        world.worker().start().unwrap();
        wait_for_runs(&world, i64::try_from(round).unwrap() + 1).await;
        assert_eq!(world.balance(&alice.wallet_id).await, 5_999, "{step:?} {work}");
    }
    assert_eq!((charges(&world).await.len(), world.count("recharge_runs").await), (10, 10));
    assert_eq!(asked(&world).await, 10);
    world.finish().await;
}

/// A worker that dies while it records a decline records it once.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_at_every_step_of_a_decline() {
    let world = World::builder().worker_process(DEV).start().await;
    let alice = at_threshold(&world, super::FAILING_CARD, plain()).await;
    for (round, step) in [Step::Written, Step::Committed].into_iter().enumerate() {
        world.worker().kill9().unwrap();
        let again = "update auto_recharge set next_attempt_at = null";
        sqlx::query(again).execute(world.pool()).await.unwrap();
        let wallet_id = alice.wallet_id.parse().unwrap();
        spend(&world, &alice, 1).await;
        publish(&world, &ledger::levels::CheckRecharge { wallet_id }).await;
        worker_dies(&world, step, "decline").await;
        world.worker().start().unwrap();
        world.wait_for_rows(1, &format!("auto_recharge where declines = {}", round + 1)).await;
        world.drain().await;
    }
    assert_eq!((world.count("recharge_runs where state = 'failed'").await, asked(&world).await), (2, 2));
    assert_eq!(world.count("auto_recharge where declines = 2").await, 1);
    world.finish().await;
}

/// The jobs of the clock go on when the scheduler that leads is killed.
#[tokio::test(flavor = "multi_thread")]
async fn scheduled_jobs_continue_when_the_leading_scheduler_is_killed() {
    let world = World::builder().scheduler_process(DEV).start().await;
    let second = world.additional_process(Service::Scheduler, DEV.as_ref(), &[]);
    second.start().unwrap();
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    sqlx::query("update wallets set recharge_below = null").execute(world.pool()).await.unwrap();
    spend(&world, &alice, 1).await;
    sqlx::query("update wallets set recharge_below = 1000000000, recharge_due_below = 1000000000")
        .execute(world.pool())
        .await
        .unwrap();
    world.scheduler().kill9().unwrap();
    // The new leader begins with a sweep.
    world.wait_for_rows(1, "recharge_runs where state = 'succeeded'").await;
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, charges(&world).await.len()), (5_999, 1));
    second.sigterm().unwrap();
    world.finish().await;
}

/// Switched off while the provider is being asked: what is charged is credited, and it was the last.
#[tokio::test(flavor = "multi_thread")]
async fn a_charge_under_way_when_auto_recharge_is_disabled_is_credited() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    world.set_provider_faults(json!({"latency_ms": 500})).await;
    spend(&world, &alice, 1).await;
    world.wait_for_rows(1, "recharge_runs where state = 'charging'").await;
    let off =
        world.api().delete("/purser/v1/wallets/me/auto-recharge").bearer(&alice.api_key).expect(200).await;
    assert_eq!(off["state"], "off");
    wait_for_runs(&world, 1).await;
    assert_eq!((world.balance(&alice.wallet_id).await, charges(&world).await.len()), (5_999, 1));
    spend(&world, &alice, 5_500).await;
    world.drain().await;
    check(&world, &alice).await;
    assert_eq!(charges(&world).await.len(), 1);
    world.finish().await;
}

/// Doing the job again, at any time, does nothing again.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_charge_is_the_same_charge() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    let run = "select id from recharge_runs";
    let run: uuid::Uuid = sqlx::query_scalar(run).fetch_one(world.pool()).await.unwrap();
    let run_id = kernel::ids::RechargeRunId(run);
    for _ in 0..3 {
        publish(&world, &ChargeRecharge { run_id }).await;
    }
    world.drain().await;
    assert_eq!((asked(&world).await, charges(&world).await.len()), (1, 1));
    // As if everything about it had been lost.
    unsettle(&world).await;
    for _ in 0..3 {
        publish(&world, &ChargeRecharge { run_id }).await;
    }
    world.drain().await;
    assert_eq!((charges(&world).await.len(), world.balance(&alice.wallet_id).await), (1, 5_999));
    world.finish().await;
}

/// A removed card is not charged.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_was_removed_at_the_provider_is_not_charged() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    let method: String =
        sqlx::query_scalar("select payment_method from auto_recharge").fetch_one(world.pool()).await.unwrap();
    world.stripe(Method::POST, &format!("payment_methods/{method}/detach")).expect(200).await;
    world.drain().await;
    let stands = status_of(&world, &alice).await;
    assert_eq!((&stands["card"], &stands["pause"]["reason"]), (&json!(null), &json!("card_removed")));
    spend(&world, &alice, 1).await;
    world.drain().await;
    sweep(&world).await;
    assert_eq!((asked(&world).await, world.count("recharge_runs").await), (0, 0));
    world.finish().await;
}

/// As if neither an answer nor an event had reported a charge: the run is unknown, its order unpaid. The ledger has it.
async fn unsettle(world: &World) {
    for statement in [
        "update recharge_runs set state = 'unknown', updated_at = updated_at - interval '1 hour'",
        "update payments set state = 'created', completed_at = null, provider_payment = null
         where kind = 'auto_recharge' and mode = 'payment'",
    ] {
        sqlx::query(statement).execute(world.pool()).await.unwrap();
    }
}

fn without_recharge() -> [Role; 4] {
    [Role::Apply, Role::Checkout, Role::Notify, Role::Verify]
}

async fn at_the_edge_without_recharge(world: &World) -> harness::world::User {
    let alice = world.create_user("alice").await;
    world.buy(&alice, 1_000).await;
    enable(world, &alice, plain()).await;
    let card = "update auto_recharge set customer = 'cus_1', payment_method = 'pm_1', card_brand = 'visa',
                card_last4 = '4242', card_exp_month = 12, card_exp_year = 2099";
    sqlx::query(card).execute(world.pool()).await.unwrap();
    sqlx::query("update wallets set recharge_below = 1000000000").execute(world.pool()).await.unwrap();
    alice
}
