//! A cap is a cap: by the calendar month in UTC, whatever happens at the same time.

use std::time::Duration;

use billing::auto_recharge::Limits;
use harness::world::{GOOD_CARD, World};
use serde_json::json;

use super::{
    Listener, advance, advance_to_next_month, at_threshold, begin_month, charges, check, enable, spend,
    status_of, sweep,
};

fn total(charges: &[serde_json::Value]) -> i64 {
    charges.iter().map(|charge| charge["amount"].as_i64().unwrap()).sum()
}

/// The last charge is what the cap leaves; after it the user is told once, and nothing is charged.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_charge_is_the_remainder_and_the_user_is_notified_once() {
    let world = World::start().await;
    let settings = json!({"thresholdCredits": 1_000, "amountUsd": 50, "maxMonthlyUsd": 80});
    let alice = at_threshold(&world, GOOD_CARD, settings).await;
    let mut listener = Listener::connect(&world, &alice).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    spend(&world, &alice, 5_000).await;
    world.drain().await;
    // 50 dollars, then the 30 that were left.
    assert_eq!(total(&charges(&world).await), 8_000);
    assert_eq!(world.balance(&alice.wallet_id).await, 3_999);
    spend(&world, &alice, 3_000).await;
    world.drain().await;
    let received = listener.received().await;
    let mut told: Vec<&str> = received.iter().map(|told| told["type"].as_str().unwrap()).collect();
    told.sort_unstable();
    let expected = ["cap_warning", "skipped", "succeeded", "succeeded"];
    assert_eq!(told, expected.map(|what| format!("auto_recharge.{what}")));
    let skipped = received.iter().find(|told| told["type"] == "auto_recharge.skipped").unwrap();
    assert_eq!(skipped["reason"], "monthly_cap_reached");
    let resets = skipped["resetsAt"].as_str().unwrap();
    assert!(resets.ends_with("-01T00:00:00.000Z"), "{resets}");
    for _ in 0..3 {
        check(&world, &alice).await;
        sweep(&world).await;
        spend(&world, &alice, 1).await;
    }
    world.drain().await;
    assert!(listener.received().await.is_empty());
    assert_eq!(total(&charges(&world).await), 8_000);
    let stands = status_of(&world, &alice).await;
    assert_eq!(
        (&stands["state"], &stands["leftThisMonth"]["minor"]),
        (&json!("monthly_cap_reached"), &json!(0))
    );
    world.finish().await;
}

/// Less than the provider's minimum is as good as nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_remainder_below_the_minimum_charge_is_not_charged() {
    let world = World::start().await;
    let settings = json!({"thresholdCredits": 1_000, "amountUsd": 50, "maxMonthlyUsd": 50.49});
    let alice = at_threshold(&world, GOOD_CARD, settings).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    spend(&world, &alice, 5_500).await;
    world.drain().await;
    assert_eq!((total(&charges(&world).await), world.count("recharge_runs").await), (5_000, 1));
    // One cent more, and it is enough for one.
    let answer = enable(&world, &alice, json!({"maxMonthlyUsd": 50.50})).await;
    assert_eq!(answer["autoRechargeRun"]["amountUsd"], 0.5, "{answer}");
    world.drain().await;
    assert_eq!(total(&charges(&world).await), 5_050);
    world.finish().await;
}

/// A run belongs to the month in which it was reserved; the new month begins with its whole cap.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_month_begins_with_the_whole_cap() {
    let world = World::builder().without_scheduler().start().await;
    let settings = json!({"thresholdCredits": 1_000, "amountUsd": 50, "maxMonthlyUsd": 60});
    let alice = at_threshold(&world, GOOD_CARD, settings).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    // With the month's rest a second one is made, and a third is not.
    spend(&world, &alice, 5_900).await;
    world.drain().await;
    assert_eq!((total(&charges(&world).await), world.count("recharge_runs").await), (6_000, 2));
    spend(&world, &alice, 1_000).await;
    world.drain().await;
    begin_month(&world).await;
    assert_eq!(world.count("recharge_runs").await, 2);
    advance_to_next_month(&world).await;
    let mut listener = Listener::connect(&world, &alice).await;
    // Nothing is spent in the new month: the clock alone has the wallet looked at.
    begin_month(&world).await;
    assert_eq!(listener.types().await, ["cap_warning", "succeeded"]);
    assert_eq!((total(&charges(&world).await), world.count("recharge_runs").await), (11_000, 3));
    let stands = status_of(&world, &alice).await;
    assert_eq!(stands["spentThisMonth"]["minor"], 5_000);
    let months = "select count(distinct month) from recharge_runs";
    assert_eq!(sqlx::query_scalar::<_, i64>(months).fetch_one(world.pool()).await.unwrap(), 2);
    world.finish().await;
}

/// A run that is in flight at midnight counts against the month that reserved it, and blocks the next until then.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_flight_at_the_end_of_the_month_stays_in_its_month() {
    let world = World::builder().without_scheduler().start().await;
    let settings = json!({"thresholdCredits": 1_000, "amountUsd": 50, "maxMonthlyUsd": 50});
    let alice = at_threshold(&world, GOOD_CARD, settings).await;
    // The run is reserved, and its job does not come: the outbox is not swept.
    let held = "update wallets set recharge_below = null";
    sqlx::query(held).execute(world.pool()).await.unwrap();
    spend(&world, &alice, 1).await;
    let due = "update wallets set recharge_below = 1000000000, recharge_due_below = 1000000000";
    sqlx::query(due).execute(world.pool()).await.unwrap();
    let mut connection = world.pool().acquire().await.unwrap();
    let now = world.clock().now();
    let wallet = alice.wallet_id.parse().unwrap();
    let decided =
        billing::auto_recharge::operations::reserve(&mut connection, now, wallet, &Limits::default())
            .await
            .unwrap();
    assert_eq!(decided.jobs.len(), 1);
    sqlx::query("delete from outbox").execute(&mut *connection).await.unwrap();
    drop(connection);
    advance_to_next_month(&world).await;
    check(&world, &alice).await;
    assert_eq!(world.count("recharge_runs").await, 1);
    assert_eq!(status_of(&world, &alice).await["spentThisMonth"]["minor"], 0);
    // The sweep finds it, and it is charged: it was within its month's cap.
    sweep(&world).await;
    assert_eq!(world.count("recharge_runs where state = 'succeeded'").await, 1);
    assert_eq!(status_of(&world, &alice).await["spentThisMonth"]["minor"], 0);
    assert_eq!(total(&charges(&world).await), 5_000);
    world.finish().await;
}

/// A cap that is lowered under what is spent charges nothing more; one that is raised does at once.
#[tokio::test(flavor = "multi_thread")]
async fn the_cap_can_be_lowered_and_raised() {
    let world = World::start().await;
    let settings = json!({"thresholdCredits": 1_000, "amountUsd": 50, "maxMonthlyUsd": 200});
    let alice = at_threshold(&world, GOOD_CARD, settings).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    let lowered = enable(&world, &alice, json!({"maxMonthlyUsd": 20})).await;
    assert_eq!(lowered["autoRechargeMaxMonthlyUsd"], 20);
    spend(&world, &alice, 5_000).await;
    world.drain().await;
    assert_eq!(total(&charges(&world).await), 5_000);
    let again = enable(&world, &alice, json!({})).await;
    let run = &again["autoRechargeRun"];
    assert_eq!((&run["status"], &run["reason"]), (&json!("skipped"), &json!("monthly_cap_reached")));
    assert_eq!((&run["maxMonthlyUsd"], &run["monthlyTotalUsd"]), (&json!(20), &json!(50)));
    let raised = enable(&world, &alice, json!({"maxMonthlyUsd": 70})).await;
    assert_eq!(raised["autoRechargeRun"]["amountUsd"], 20);
    world.drain().await;
    assert_eq!(total(&charges(&world).await), 7_000);
    // No cap: 0, as documented.
    let none = enable(&world, &alice, json!({"maxMonthlyUsd": 0})).await;
    assert_eq!(none["autoRechargeMaxMonthlyUsd"], 0);
    spend(&world, &alice, 2_000).await;
    world.drain().await;
    assert_eq!(total(&charges(&world).await), 12_000);
    world.finish().await;
}

/// A cap that is lowered while a run waits is kept: it is given up, and its reservation with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_uncharged_run_is_given_up_for_a_lower_cap() {
    let world = World::builder().without_scheduler().roles(&waiting()).start().await;
    let alice = world.create_user("alice").await;
    let settings = json!({"thresholdCredits": 1_000, "amountUsd": 50, "maxMonthlyUsd": 100});
    enable(&world, &alice, settings).await;
    given(&world, &alice).await;
    let mut connection = world.pool().acquire().await.unwrap();
    let wallet = alice.wallet_id.parse().unwrap();
    let now = world.clock().now();
    let decided =
        billing::auto_recharge::operations::reserve(&mut connection, now, wallet, &Limits::default())
            .await
            .unwrap();
    let billing::auto_recharge::Check::Charging { run_id, .. } = decided.check else { panic!("{decided:?}") };
    sqlx::query("update auto_recharge set max_monthly_minor = 2000").execute(&mut *connection).await.unwrap();
    let step = billing::auto_recharge::charging::begin(&mut connection, now, run_id).await.unwrap();
    assert!(matches!(step, billing::auto_recharge::charging::Next::Nothing), "{step:?}");
    assert_eq!(world.count("recharge_runs where state = 'failed' and failure = 'cap_lowered'").await, 1);
    assert_eq!(
        world.count("payments where kind = 'auto_recharge' and mode = 'payment' and state = 'failed'").await,
        1
    );
    drop(connection);
    world.abandon().await;
}

fn waiting() -> [jobs::Role; 3] {
    use jobs::Role;
    [Role::Apply, Role::Checkout, Role::Notify]
}

/// Has a wallet a card, without a page.
async fn given(world: &World, user: &harness::world::User) {
    let card = "update auto_recharge set customer = 'cus_1', payment_method = 'pm_1', card_brand = 'visa',
                card_last4 = '4242', card_exp_month = 12, card_exp_year = 2099 where wallet_id = $1::text::uuid";
    sqlx::query(card).bind(&user.wallet_id).execute(world.pool()).await.unwrap();
    let due = "update wallets set recharge_below = 1000000000, recharge_due_below = 1000000000
               where id = $1::text::uuid";
    sqlx::query(due).bind(&user.wallet_id).execute(world.pool()).await.unwrap();
}

/// Limits runaway settings.
#[tokio::test(flavor = "multi_thread")]
async fn runs_without_a_cap_are_limited_by_day() {
    let world = World::builder().without_scheduler().start().await;
    let alice = at_threshold(&world, GOOD_CARD, super::plain()).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    let more = "insert into payments (id, user_id, wallet_id, dialect, kind, provider, mode, livemode, state, credits,
                                      amount_minor, currency, summary, created_at, expires_at, completed_at)
                select gen_random_uuid(), user_id, wallet_id, 'native', kind, provider, mode, livemode, state, 0,
                       amount_minor, currency, 'more', created_at, expires_at, completed_at
                from payments, generate_series(2, 10) where kind = 'auto_recharge' and mode = 'payment'";
    sqlx::query(more).execute(world.pool()).await.unwrap();
    let runs = "insert into recharge_runs (id, wallet_id, payment_id, month, amount_minor, customer, payment_method,
                                           state, reserved_at, asked_at, updated_at)
                select gen_random_uuid(), r.wallet_id, p.id, month, r.amount_minor, customer, payment_method, r.state,
                       reserved_at, asked_at, updated_at
                from recharge_runs r, payments p where p.summary = 'more'";
    sqlx::query(runs).execute(world.pool()).await.unwrap();
    spend(&world, &alice, 5_000).await;
    world.drain().await;
    assert_eq!(world.count("recharge_runs").await, 10);
    advance(&world, Duration::from_hours(25)).await;
    sweep(&world).await;
    assert_eq!(world.count("recharge_runs").await, 11);
    world.finish().await;
}
