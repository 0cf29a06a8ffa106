//! One fall of the balance, one charge: each way in which others have charged too often, or not at all.

use harness::world::{GOOD_CARD, World};
use serde_json::json;

use super::{at_threshold, charges, check, enable, plain, recharged, spend, status_of, sweep};

#[tokio::test(flavor = "multi_thread")]
async fn a_fall_below_the_threshold_charges_the_card_once_and_credits_it() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    let mut listener = super::Listener::connect(&world, &alice).await;
    assert_eq!(spend(&world, &alice, 1).await, 200);
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 5_999);
    let charges = charges(&world).await;
    assert_eq!(charges.len(), 1);
    assert_eq!((&charges[0]["amount"], &charges[0]["currency"]), (&json!(5_000), &json!("usd")));
    let told = listener.received().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["type"], "auto_recharge.succeeded");
    assert_eq!((&told[0]["credits"], &told[0]["amountCents"]), (&json!(5_000), &json!(5_000)));
    let stands = status_of(&world, &alice).await;
    assert_eq!((&stands["state"], &stands["spentThisMonth"]["minor"]), (&json!("active"), &json!(5_000)));
    assert_eq!(stands["lastRun"]["state"], "succeeded");
    // It shows among the top-ups as what it is.
    let shown = world.api().get("/v1/credits").bearer(&alice.api_key).expect(200).await;
    let last = &shown["lastTopUp"];
    assert_eq!(
        (&last["paymentType"], &last["billingReason"]),
        (&json!("auto_recharge"), &json!("auto_recharge"))
    );
    assert_eq!(last["productSummary"], "Auto-recharge 5000 credits");
    world.finish().await;
}

/// At the threshold is not below it.
#[tokio::test(flavor = "multi_thread")]
async fn a_balance_at_the_threshold_is_not_below_it() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 1_500, GOOD_CARD, plain()).await;
    assert_eq!(spend(&world, &alice, 500).await, 200);
    world.drain().await;
    sweep(&world).await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("recharge_runs").await), (1_000, 0));
    assert_eq!(spend(&world, &alice, 1).await, 200);
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("recharge_runs").await), (5_999, 1));
    world.finish().await;
}

/// A balance that dips many times makes one charge.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_debits_at_once_make_one_charge() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    let debits = (0..50).map(|_| spend(&world, &alice, 2));
    let statuses = futures::future::join_all(debits).await;
    assert!(statuses.iter().all(|status| *status == 200));
    // Wallets are also checked without a trigger, many times at once.
    let checks = (0..10).map(|_| check(&world, &alice));
    futures::future::join_all(checks).await;
    world.drain().await;
    assert_eq!((charges(&world).await.len(), world.count("recharge_runs").await), (1, 1));
    assert_eq!(world.balance(&alice.wallet_id).await, 5_900);
    world.finish().await;
}

/// The same purchase is not credited twice, however it is reported and how often.
#[tokio::test(flavor = "multi_thread")]
async fn a_charge_reported_twice_is_credited_once() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    world.set_provider_faults(json!({"duplicate": 1.0, "duplicate_event": 1.0})).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    let events = world.emulator().get("/_emulator/events?type=payment_intent.succeeded").expect(200).await;
    for event in events["events"].as_array().unwrap() {
        world.resend_event(event["id"].as_str().unwrap()).await;
    }
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, charges(&world).await.len()), (5_999, 1));
    world.finish().await;
}

/// A recharge smaller than what is missing does not loop: one fall, one charge, and the next use makes the next.
#[tokio::test(flavor = "multi_thread")]
async fn an_insufficient_recharge_is_followed_by_the_next_only_after_the_next_use() {
    let world = World::start().await;
    let settings = json!({"thresholdCredits": 1_000, "amountUsd": 4});
    let alice = at_threshold(&world, GOOD_CARD, settings).await;
    for (spent, left) in [(900, 500), (1, 899), (300, 999)] {
        spend(&world, &alice, spent).await;
        world.drain().await;
        sweep(&world).await;
        assert_eq!(world.balance(&alice.wallet_id).await, left);
    }
    assert_eq!(charges(&world).await.len(), 3);
    let overlaps = "recharge_runs a join recharge_runs b on a.id < b.id and b.reserved_at < a.asked_at";
    assert_eq!(world.count(overlaps).await, 0);
    world.finish().await;
}

/// A threshold of zero never charges.
#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_of_zero_never_charges() {
    let world = World::start().await;
    let settings = json!({"thresholdCredits": 0, "amountUsd": 50});
    let alice = at_threshold(&world, GOOD_CARD, settings).await;
    spend(&world, &alice, 1_000).await;
    world.drain().await;
    sweep(&world).await;
    check(&world, &alice).await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("recharge_runs").await), (0, 0));
    world.finish().await;
}

/// Only users who enabled it are charged, until they disable it.
#[tokio::test(flavor = "multi_thread")]
async fn auto_recharge_is_off_until_enabled_and_off_again_when_disabled() {
    let world = World::start().await;
    let bob = world.create_user("bob").await;
    world.buy(&bob, 1_000).await;
    spend(&world, &bob, 999).await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    let stands = status_of(&world, &alice).await;
    assert!(stands["consentedAt"].is_string(), "{stands}");
    let off = enable(&world, &alice, json!({"enabled": false})).await;
    assert_eq!((&off["autoRechargeEnabled"], &off["hasPaymentMethod"]), (&json!(false), &json!(true)));
    spend(&world, &alice, 999).await;
    world.drain().await;
    sweep(&world).await;
    check(&world, &alice).await;
    check(&world, &bob).await;
    assert_eq!(world.count("recharge_runs").await, 0);
    // Switched on again, with the card that is there, it charges at once.
    let on = enable(&world, &alice, json!({"enabled": true})).await;
    assert_eq!(on["autoRechargeRun"]["status"], "pending", "{on}");
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 5_001);
    world.finish().await;
}

/// A lost trigger only delays: the sweep finds wallets that no debit has reported.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_trigger_only_delays() {
    let world = World::builder().without_scheduler().start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    sqlx::query("update wallets set recharge_below = null").execute(world.pool()).await.unwrap();
    spend(&world, &alice, 1).await;
    sqlx::query("update wallets set recharge_below = 1000000000, recharge_due_below = 1000000000")
        .execute(world.pool())
        .await
        .unwrap();
    world.drain().await;
    assert_eq!(world.count("recharge_runs").await, 0);
    sweep(&world).await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("recharge_runs").await), (5_999, 1));
    sweep(&world).await;
    assert_eq!(world.count("recharge_runs").await, 1);
    world.finish().await;
}

/// Who has just paid by hand is not charged as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_just_bought_by_hand_is_not_charged_as_well() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    // Her bank decides about this one later; the page is completed.
    let checkout = world.start_checkout(&alice, 2_500).await;
    let path = format!("/_emulator/checkout/{}/pay", checkout.session_id);
    world.emulator().post(&path).json(json!({"async": true})).expect(200).await;
    world.drain().await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    assert_eq!(world.count("recharge_runs").await, 0);
    let path = format!("/_emulator/checkout/{}/settle", checkout.session_id);
    world.emulator().post(&path).json(json!({"succeeded": true})).expect(200).await;
    world.drain().await;
    sweep(&world).await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("recharge_runs").await), (3_499, 0));
    world.finish().await;
}

/// Also before an event reports the purchase: the provider is asked about the page that is open.
#[tokio::test(flavor = "multi_thread")]
async fn an_unreported_purchase_is_found_before_charging() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    world.lose_events().await;
    world.pay(&checkout.session_id, GOOD_CARD).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("recharge_runs").await), (3_499, 0));
    // An unpaid page does not prevent a charge.
    world.start_checkout(&alice, 500).await;
    spend(&world, &alice, 2_500).await;
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("recharge_runs").await), (5_999, 1));
    world.finish().await;
}

/// The card of one wallet is not charged for another, and customers do not multiply.
#[tokio::test(flavor = "multi_thread")]
async fn each_wallet_is_charged_on_its_own_card() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    let bob = recharged(&world, "bob", 1_000, "5555555555554444", plain()).await;
    tokio::join!(spend(&world, &alice, 1), spend(&world, &bob, 2));
    world.drain().await;
    let charges = charges(&world).await;
    assert_eq!(charges.len(), 2);
    let methods = "select count(distinct payment_method) from recharge_runs";
    let methods: i64 = sqlx::query_scalar(methods).fetch_one(world.pool()).await.unwrap();
    assert_eq!((methods, world.count("provider_customers").await), (2, 2));
    assert_eq!(world.balance(&alice.wallet_id).await, 5_999);
    assert_eq!(world.balance(&bob.wallet_id).await, 5_998);
    world.finish().await;
}
