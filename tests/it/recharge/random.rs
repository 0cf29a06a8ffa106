//! A random life of one wallet: debits at once, declines, lost answers, changes of settings, new cards, ends of months.
//! Whatever happens, no month is charged more than its cap, and no fall is charged twice.

use std::time::Duration;

use harness::world::{GOOD_CARD, World};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use super::{
    FAILING_CARD, advance, advance_to_next_month, at_threshold, begin_month, charges, enable, save_card,
    spend, sweep,
};

const CAP_CENTS: i64 = 2_000;
const STEPS: usize = 30;

/// What must hold at any time, as the database has it.
async fn holds(world: &World, step: &str) {
    let over = format!(
        "(select month from recharge_runs where state <> 'failed'
          group by month having sum(amount_minor) > {CAP_CENTS}) m"
    );
    assert_eq!(world.count(&over).await, 0, "{step}: a month is over its cap");
    let open = "(select wallet_id from recharge_runs
                 where state in ('reserved', 'charging', 'unknown', 'requires_action')
                 group by wallet_id having count(*) > 1) w";
    assert_eq!(world.count(open).await, 0, "{step}: two runs are open");
}

async fn live(seed: u64) {
    let world = World::builder().without_scheduler().start().await;
    let settings = json!({"thresholdCredits": 1_000, "amountUsd": 7, "maxMonthlyUsd": 20});
    let alice = at_threshold(&world, GOOD_CARD, settings).await;
    let mut random = StdRng::seed_from_u64(seed);
    let mut months = 0;
    for number in 0..STEPS {
        let step = random.random_range(0..12);
        match step {
            0..6 => {
                let debits = (0..random.random_range(1..12)).map(|_| spend(&world, &alice, 40));
                futures::future::join_all(debits.collect::<Vec<_>>()).await;
            }
            6 | 7 if months == 0 => {
                // Lost answers, and answers that are errors: of charges and of everything else.
                let knobs = json!({"timeout_after_success": 0.3, "timeout_ms": 20, "rate_500": 0.3, "duplicate": 0.3,
                                   "limit": 6, "seed": seed + number as u64});
                world.set_provider_faults(knobs).await;
            }
            8 if months == 0 => save_card(&world, &alice, FAILING_CARD).await,
            9 if months == 0 => save_card(&world, &alice, GOOD_CARD).await,
            10 => {
                let on = random.random_range(0..3) > 0;
                enable(&world, &alice, json!({"enabled": on})).await;
            }
            11 if months < 2 && number > STEPS / 2 => {
                months += 1;
                advance_to_next_month(&world).await;
                begin_month(&world).await;
            }
            _ => {
                world.advance(Duration::from_secs(if months == 0 { 10 } else { 7_200 })).await;
                sweep(&world).await;
            }
        }
        holds(&world, &format!("seed {seed}, step {number} ({step})")).await;
    }
    enable(&world, &alice, json!({"enabled": false})).await;
    // A run whose job is waiting for its delay, or that is unknown, comes to its end.
    advance(&world, Duration::from_mins(10)).await;
    sweep(&world).await;
    world.wait_for_rows(0, "recharge_runs where state in ('reserved', 'charging', 'unknown')").await;
    world.drain().await;
    holds(&world, "at the end").await;
    world.set_provider_faults(json!({})).await;
    // What the provider charged is what the runs say, and what was credited.
    let charged: i64 = charges(&world).await.iter().map(|charge| charge["amount"].as_i64().unwrap()).sum();
    let paid = "select coalesce(sum(amount_minor), 0)::bigint from recharge_runs where state = 'succeeded'";
    let paid: i64 = sqlx::query_scalar(paid).fetch_one(world.pool()).await.unwrap();
    let credited = "select coalesce(sum(e.amount), 0)::bigint from ledger_entries e
                    join recharge_runs r on e.source_kind = 'payment' and e.source_id = r.payment_id::text";
    let credited: i64 = sqlx::query_scalar(credited).fetch_one(world.pool()).await.unwrap();
    assert_eq!((charged, charged * 1_000_000), (paid, credited), "seed {seed}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_random_history_stays_within_its_cap() {
    live(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_random_history_stays_within_its_cap() {
    live(20).await;
}
