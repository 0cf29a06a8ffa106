//! One fall, one charge: however small the amount is, and however often credits are asked for that are not there.

use std::time::Duration;

use harness::world::{GOOD_CARD, World};
use serde_json::{Value, json};

use super::{Listener, at_threshold, charges, check, enable, recharged, spend_at_once, status_of, sweep};

fn of(threshold: i64, usd: i64) -> Value {
    json!({"thresholdCredits": threshold, "amountUsd": usd})
}

#[tokio::test(flavor = "multi_thread")]
async fn one_debit_makes_one_charge_however_small_it_is() {
    let world = World::builder().without_scheduler().start().await;
    let alice = at_threshold(&world, GOOD_CARD, of(1_000, 1)).await;
    let mut ear = Listener::connect(&world, &alice).await;
    assert_eq!(spend_at_once(&world, &alice, 1_000).await, 200);
    world.drain().await;
    assert_eq!(ear.types().await, ["amount_too_small", "succeeded"]);
    for _ in 0..3 {
        sweep(&world).await;
        check(&world, &alice).await;
    }
    assert_eq!((charges(&world).await.len(), world.balance(&alice.wallet_id).await), (1, 100));
    // Long after it too: nothing was used since.
    world.advance(Duration::from_secs(200)).await;
    sweep(&world).await;
    assert_eq!(charges(&world).await.len(), 1);
    // She is told once in a while, not each time.
    assert_eq!(spend_at_once(&world, &alice, 50).await, 200);
    world.drain().await;
    assert_eq!((charges(&world).await.len(), world.balance(&alice.wallet_id).await), (2, 150));
    assert_eq!(ear.types().await, ["succeeded"]);
    world.finish().await;
}

/// What is used within the minute after a charge waits for its end, and the next waits longer.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_charge_waits_a_minute_and_the_one_after_it_longer() {
    let world = World::builder().without_scheduler().start().await;
    let alice = at_threshold(&world, GOOD_CARD, of(1_000, 5)).await;
    for (wait, count) in [(60, 1), (120, 2)] {
        assert_eq!(spend_at_once(&world, &alice, 501).await, 200, "{count}");
        world.drain().await;
        assert_eq!(charges(&world).await.len(), count);
        assert_eq!(spend_at_once(&world, &alice, 1).await, 200);
        world.drain().await;
        let shown = enable(&world, &alice, json!({"enabled": false})).await;
        assert_eq!(shown["autoRechargeEnabled"], false);
        // Off and on is no way around it.
        let shown = enable(&world, &alice, json!({"enabled": true})).await;
        assert_eq!(shown["autoRechargeRun"]["reason"], "recently_recharged", "{shown}");
        world.advance(Duration::from_secs(wait - 5)).await;
        sweep(&world).await;
        assert_eq!(charges(&world).await.len(), count, "before {wait} seconds");
        if count == 1 {
            world.advance(Duration::from_secs(6)).await;
            let grown = "update auto_recharge set next_attempt_at = null";
            // The second charge, of which the third is kept for longer.
            sqlx::query(grown).execute(world.pool()).await.unwrap();
            sqlx::query("update wallets set recharge_due_below = null").execute(world.pool()).await.unwrap();
        }
    }
    world.advance(Duration::from_secs(6)).await;
    sweep(&world).await;
    assert_eq!(charges(&world).await.len(), 3);
    world.finish().await;
}

/// Many refused at once, above the threshold and below it, debits and holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_lack_of_credits_is_a_fall() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 60, GOOD_CARD, of(50, 50)).await;
    let refusals = (0..20).map(|_| spend_at_once(&world, &alice, 70));
    let statuses = futures::future::join_all(refusals).await;
    world.drain().await;
    assert!(statuses.contains(&402), "{statuses:?}");
    assert_eq!(charges(&world).await.len(), 1);
    assert_eq!(spend_at_once(&world, &alice, 70).await, 200);

    let bob = recharged(&world, "bob", 1_000, GOOD_CARD, of(500, 50)).await;
    let hold = || world.api().post("/purser/v1/wallets/me/holds").bearer(&bob.api_key);
    hold().json(json!({"credits": 900})).expect(201).await;
    world.drain().await;
    // What is held may come back: nothing was used yet.
    sweep(&world).await;
    assert_eq!(charges(&world).await.len(), 1);
    assert_eq!(spend_at_once(&world, &bob, 200).await, 402);
    world.drain().await;
    assert_eq!(charges(&world).await.len(), 2);
    assert_eq!(spend_at_once(&world, &bob, 200).await, 200);

    let carol = recharged(&world, "carol", 100, GOOD_CARD, of(50, 50)).await;
    let hold =
        world.api().post("/purser/v1/wallets/me/holds").bearer(&carol.api_key).json(json!({"credits": 101}));
    assert_eq!(hold.send().await.unwrap().status(), 402);
    // The job was written with the refusal; nobody publishes it at once.
    sweep(&world).await;
    assert_eq!((charges(&world).await.len(), world.balance(&carol.wallet_id).await), (3, 5_100));
    world.finish().await;
}

/// What is captured of a hold is used, and what counts is what can be spent.
#[tokio::test(flavor = "multi_thread")]
async fn a_capture_is_a_use_and_what_is_held_does_not_count() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 1_500, GOOD_CARD, of(1_000, 50)).await;
    let placed =
        world.api().post("/purser/v1/wallets/me/holds").bearer(&alice.api_key).json(json!({"credits": 499}));
    let hold = placed.expect(201).await["holdId"].as_str().unwrap().to_owned();
    // 1001 can be spent, then 999, though the balance is 1498.
    for (credits, count) in [(1, 0), (1, 1)] {
        assert_eq!(spend_at_once(&world, &alice, credits).await, 200);
        world.drain().await;
        assert_eq!(charges(&world).await.len(), count, "after {credits}");
    }
    assert_eq!(world.balance(&alice.wallet_id).await, 6_498);
    let path = format!("/purser/v1/holds/{hold}/capture");
    world.api().post(&path).bearer(&alice.api_key).json(json!({})).expect(200).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 5_999);
    let bob = recharged(&world, "bob", 1_200, GOOD_CARD, of(1_000, 50)).await;
    let placed =
        world.api().post("/purser/v1/wallets/me/holds").bearer(&bob.api_key).json(json!({"credits": 500}));
    let hold = placed.expect(201).await["holdId"].as_str().unwrap().to_owned();
    world.drain().await;
    assert_eq!(charges(&world).await.len(), 1);
    let path = format!("/purser/v1/holds/{hold}/capture");
    world.api().post(&path).bearer(&bob.api_key).json(json!({"credits": 400})).expect(200).await;
    sweep(&world).await;
    assert_eq!((charges(&world).await.len(), world.balance(&bob.wallet_id).await), (2, 5_800));
    world.finish().await;
}

/// A use that the amount is too small for, where the balance is not low: she is told, once, and nothing is charged
/// until the amount is enough.
#[tokio::test(flavor = "multi_thread")]
async fn a_use_that_no_charge_makes_possible_is_told_and_not_charged_for() {
    let world = World::builder().without_scheduler().start().await;
    let alice = recharged(&world, "alice", 2_000, GOOD_CARD, of(1_000, 1)).await;
    let mut ear = Listener::connect(&world, &alice).await;
    for _ in 0..3 {
        assert_eq!(spend_at_once(&world, &alice, 1_000_000).await, 402);
        world.drain().await;
        sweep(&world).await;
    }
    assert_eq!(ear.types().await, ["amount_too_small"]);
    assert_eq!(world.count("recharge_runs").await, 0);
    let run = enable(&world, &alice, json!({"amountUsd": 9_980})).await;
    assert_eq!(run["autoRechargeRun"]["status"], "pending", "{run}");
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 1_000_000);
    world.finish().await;
}

/// Without a cap there is a limit to a day, and she is told until when.
#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_a_day_is_told() {
    let world = World::builder().without_scheduler().start().await;
    let alice = at_threshold(&world, GOOD_CARD, of(1_000, 5)).await;
    let mut ear = Listener::connect(&world, &alice).await;
    for _ in 0..10 {
        super::spend(&world, &alice, 501).await;
        world.drain().await;
        assert_eq!(super::spend(&world, &alice, 0).await, 400);
    }
    assert_eq!(charges(&world).await.len(), 10);
    ear.received().await;
    super::spend(&world, &alice, 100).await;
    world.drain().await;
    sweep(&world).await;
    let told = ear.received().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["type"], &told[0]["reason"]),
        (&json!("auto_recharge.skipped"), &json!("daily_limit_reached"))
    );
    // To the millisecond.
    let (next, resets) = (status_of(&world, &alice).await["nextAttemptAt"].clone(), &told[0]["resetsAt"]);
    assert_eq!(next.as_str().unwrap().get(..23), resets.as_str().unwrap().get(..23));
    assert_eq!(charges(&world).await.len(), 10);
    world.finish().await;
}
