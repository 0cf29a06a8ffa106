//! Money that goes back, of whatever kind of payment, and credits that fall for another reason than use: no card is
//! charged for either.

use billing::auto_recharge::PauseReason;
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

use super::{Listener, asked, check, enable, plain, recharged, save_card, spend, status_of, sweep};
use crate::events::{deliver, event};

/// A card after whose charge the bank warns of fraud.
const WARNED_CARD: &str = "4000000000005423";

/// The payments at the provider that were made for this wallet's purchases and periods, the newest first.
async fn intents(world: &World) -> Vec<String> {
    let key = &world.settings().secrets.stripe_secret_key;
    let listed = world.emulator().get("/v1/payment_intents?limit=100").bearer(key).expect(200).await;
    let intents = listed["data"].as_array().unwrap().iter();
    let paid = intents.filter(|intent| intent["status"] == "succeeded");
    paid.map(|intent| intent["id"].as_str().unwrap().to_owned()).collect()
}

async fn refund(world: &World, intent: &str, cents: i64) {
    let request = world.emulator().post("/v1/refunds").bearer(&world.settings().secrets.stripe_secret_key);
    let form = request.header("content-type", "application/x-www-form-urlencoded");
    form.body(format!("payment_intent={intent}&amount={cents}")).expect(200).await;
    world.drain().await;
}

async fn dispute(world: &World, intent: &str, inquiry: bool) {
    let body = json!({"payment_intent": intent, "inquiry": inquiry});
    world.emulator().post("/_emulator/disputes").json(body).expect(200).await;
    world.drain().await;
}

/// Nothing was charged, whoever looks, and it waits for this reason.
async fn is_stopped(world: &World, user: &User, why: PauseReason) {
    world.drain().await;
    check(world, user).await;
    sweep(world).await;
    // Not even what is used afterwards: the owner has not acted.
    spend(world, user, 1).await;
    spend(world, user, 1_000_000).await;
    world.drain().await;
    sweep(world).await;
    assert_eq!((asked(world).await, world.count("recharge_runs").await), (0, 0));
    let stands = status_of(world, user).await;
    assert_eq!((&stands["state"], &stands["pause"]["reason"]), (&json!("paused"), &json!(why.as_str())));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refund_of_a_purchase_charges_nothing_until_the_owner_acts() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 5_000, GOOD_CARD, plain()).await;
    assert_eq!(spend(&world, &alice, 3_900).await, 200);
    let mut ear = Listener::connect(&world, &alice).await;
    refund(&world, &intents(&world).await[0], 5_000).await;
    assert_eq!(world.balance(&alice.wallet_id).await, -3_900);
    assert_eq!(ear.types().await, ["paused"]);
    is_stopped(&world, &alice, PauseReason::MoneyTakenBack).await;
    // Switching it off and on is to act.
    enable(&world, &alice, json!({"enabled": false})).await;
    enable(&world, &alice, json!({"enabled": true})).await;
    world.drain().await;
    assert_eq!((asked(&world).await, world.balance(&alice.wallet_id).await), (1, 1_100));
    world.finish().await;
}

/// A part of it, and one that leaves more than the threshold.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_stops_it_also_where_enough_is_left() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 5_000, GOOD_CARD, plain()).await;
    refund(&world, &intents(&world).await[0], 100).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 4_900);
    assert_eq!(spend(&world, &alice, 4_500).await, 200);
    is_stopped(&world, &alice, PauseReason::MoneyTakenBack).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_charges_nothing_and_wants_another_card() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 30_000, GOOD_CARD, plain()).await;
    assert_eq!(spend(&world, &alice, 29_000).await, 200);
    dispute(&world, &intents(&world).await[0], false).await;
    assert_eq!(world.balance(&alice.wallet_id).await, -29_000);
    is_stopped(&world, &alice, PauseReason::Disputed).await;
    // The card that is disputed is not charged for being switched on.
    enable(&world, &alice, json!({"enabled": false})).await;
    let on = enable(&world, &alice, json!({"enabled": true})).await;
    assert_eq!(on["autoRechargeRun"]["reason"], "paused", "{on}");
    world.drain().await;
    assert_eq!(asked(&world).await, 0);
    save_card(&world, &alice, "5555555555554444").await;
    assert_eq!(asked(&world).await, 1);
    world.finish().await;
}

/// An inquiry, and a dispute that has only begun, have moved nothing yet; the money of a use is still charged for once
/// the owner has acted, and news of the same inquiry do not stop it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_that_is_only_announced_stops_it() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 1_500, GOOD_CARD, plain()).await;
    dispute(&world, &intents(&world).await[0], true).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 1_500);
    assert_eq!(spend(&world, &alice, 600).await, 200);
    is_stopped(&world, &alice, PauseReason::Disputed).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_of_fraud_stops_it() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 1_500, GOOD_CARD, plain()).await;
    let checkout = world.start_checkout(&alice, 500).await;
    world.pay(&checkout.session_id, WARNED_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_000);
    assert_eq!(world.count("reversals where kind = 'warning'").await, 1);
    // It is no refund: the payment is what it was.
    assert_eq!(world.count("payments where state in ('refunded', 'disputed')").await, 0);
    assert_eq!(spend(&world, &alice, 1_900).await, 200);
    is_stopped(&world, &alice, PauseReason::Disputed).await;
    world.finish().await;
}

/// Its money went back before it was credited: what is taken back at once stops it as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_told_before_its_payment_stops_it() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 1_200, GOOD_CARD, plain()).await;
    world.set_provider_faults(json!({"drop": 1.0, "seed": 1})).await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    world.pay(&checkout.session_id, GOOD_CARD).await;
    refund(&world, &intents(&world).await[0], 2_500).await;
    world.set_provider_faults(json!({})).await;
    for kind in ["refund.created", "checkout.session.completed"] {
        let listed = world.emulator().get(&format!("/_emulator/events?type={kind}")).expect(200).await;
        for event in listed["events"].as_array().unwrap() {
            let path = format!("/_emulator/events/{}/resend", event["id"].as_str().unwrap());
            world.emulator().post(&path).expect(200).await;
        }
        world.drain().await;
    }
    assert_eq!(spend(&world, &alice, 500).await, 200);
    is_stopped(&world, &alice, PauseReason::MoneyTakenBack).await;
    world.finish().await;
}

/// A refunded period of a subscription.
#[tokio::test(flavor = "multi_thread")]
async fn the_refund_of_a_period_stops_it() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 1_000, GOOD_CARD, plain()).await;
    let order = json!({"channel": "stripe", "type": "subscription", "plan_id": "pro"});
    let opened =
        world.api().post("/payment/create-session").bearer(&alice.api_key).json(order).expect(201).await;
    world.pay(opened["data"]["session_id"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 11_000);
    assert_eq!(spend(&world, &alice, 10_000).await, 200);
    refund(&world, &intents(&world).await[0], 999).await;
    assert_eq!(world.balance(&alice.wallet_id).await, -9_000);
    is_stopped(&world, &alice, PauseReason::MoneyTakenBack).await;
    world.finish().await;
}

/// A stranger buys in an app store for the victim's id, and has the store give the money back.
#[tokio::test(flavor = "multi_thread")]
async fn the_refund_of_an_app_store_stops_it() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 1_050, GOOD_CARD, plain()).await;
    let authorization = &world.settings().secrets.revenuecat_webhook_auth;
    for (id, kind, at) in [("b", "NON_RENEWING_PURCHASE", 0), ("r", "CANCELLATION", 1_000)] {
        let told = json!({"api_version": "1.0", "event": {
            "id": format!("event-{id}"), "type": kind, "app_id": "app1234567890", "aliases": ["alice"],
            "event_timestamp_ms": 1_764_000_000_000_i64 + at, "app_user_id": "alice",
            "original_app_user_id": "alice", "product_id": "com.allmine.credits.100", "period_type": "NORMAL",
            "purchased_at_ms": 1_763_999_999_000_i64, "store": "APP_STORE", "environment": "PRODUCTION",
            "transaction_id": "t1", "original_transaction_id": "t1", "price": 8.99, "currency": "TRY",
            "cancel_reason": (at > 0).then_some("CUSTOMER_SUPPORT")}});
        let request = world.api().post("/webhooks/revenuecat").header("authorization", authorization);
        request.json(told).expect(200).await;
        world.drain().await;
        // It is spent in between: what is taken back is missing.
        assert_eq!(spend(&world, &alice, 70).await, 200, "{kind}");
    }
    assert_eq!(world.balance(&alice.wallet_id).await, 910);
    is_stopped(&world, &alice, PauseReason::MoneyTakenBack).await;
    world.finish().await;
}

/// Credits that lapse, and those that an administrator takes off, are not used. What is used of the rest is.
#[tokio::test(flavor = "multi_thread")]
async fn only_use_is_a_reason_to_charge() {
    let world = World::builder().without_scheduler().start().await;
    let alice = recharged(&world, "alice", 1_500, GOOD_CARD, plain()).await;
    let lapsing =
        "insert into grants (id, wallet_id, source, amount, remaining, priority, expires_at, created_at,
                                       is_open)
                   select gen_random_uuid(), id, 'manual', 400000000, 400000000, 1, $1, $1, true from wallets
                   where id = $2::text::uuid";
    let now = world.clock().now();
    sqlx::query(lapsing).bind(now).bind(&alice.wallet_id).execute(world.pool()).await.unwrap();
    sqlx::query("update grants set remaining = 1100000000 where amount = 1500000000")
        .execute(world.pool())
        .await
        .unwrap();
    crate::events::publish(&world, &ledger::operations::ExpireGrants {}).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 1_100);
    let correction: Value = json!({"user_id": "alice", "amount": -500, "description": "A correction"});
    world.admin_post("/admin/credits/manual", correction).expect(201).await;
    world.drain().await;
    check(&world, &alice).await;
    sweep(&world).await;
    // Changed settings are no use either, and neither is one that was on being switched on.
    enable(&world, &alice, json!({"amountUsd": 40})).await;
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("recharge_runs").await), (600, 0));
    assert_eq!(spend(&world, &alice, 1).await, 200);
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("recharge_runs").await), (4_599, 1));
    world.finish().await;
}

/// A purchase in between is enough: what fell before is no reason for a charge later.
#[tokio::test(flavor = "multi_thread")]
async fn a_fall_that_was_made_good_charges_nothing_later() {
    let world = World::builder().without_scheduler().start().await;
    let alice = recharged(&world, "alice", 1_000, GOOD_CARD, plain()).await;
    // While the card cools down she falls below, and buys by hand.
    sqlx::query("update auto_recharge set next_attempt_at = $1")
        .bind(world.clock().now() + time::Duration::minutes(2))
        .execute(world.pool())
        .await
        .unwrap();
    assert_eq!(super::spend_at_once(&world, &alice, 500).await, 200);
    world.drain().await;
    world.buy(&alice, 900).await;
    assert_eq!(world.count("wallets where recharge_due_below is not null").await, 0);
    let correction: Value = json!({"user_id": "alice", "amount": -1_300, "description": "A correction"});
    world.admin_post("/admin/credits/manual", correction).expect(201).await;
    world.advance(std::time::Duration::from_secs(130)).await;
    sweep(&world).await;
    check(&world, &alice).await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.count("recharge_runs").await), (100, 0));
    world.finish().await;
}

/// A refund that is told of again does not stop again what its owner has resumed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_does_not_stop_it_again() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 5_000, GOOD_CARD, plain()).await;
    refund(&world, &intents(&world).await[0], 500).await;
    enable(&world, &alice, json!({"enabled": false})).await;
    enable(&world, &alice, json!({"enabled": true})).await;
    let listed = world.emulator().get("/_emulator/events?type=refund.created").expect(200).await;
    let object = listed["events"][0]["data"]["object"].clone();
    assert_eq!(object["status"], "succeeded", "{listed}");
    for kind in ["refund.created", "refund.updated"] {
        deliver(&world, &event(kind, &object)).await;
    }
    world.drain().await;
    assert_eq!(status_of(&world, &alice).await["state"], "active");
    world.finish().await;
}

/// In another currency than the order's: nothing follows for the credits, and yet the bank asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_in_quarantine_stops_charging_too() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 5_000, GOOD_CARD, plain()).await;
    assert_eq!(spend(&world, &alice, 3_900).await, 200);
    let dispute = json!({"id": "dp_odd", "object": "dispute", "amount": 4_500, "currency": "eur",
                         "livemode": false, "status": "needs_response", "charge": "ch_odd",
                         "payment_intent": intents(&world).await[0], "balance_transactions": []});
    deliver(&world, &event("charge.dispute.created", &dispute)).await;
    world.drain().await;
    assert_eq!(world.count("provider_events where outcome = 'quarantined'").await, 1);
    is_stopped(&world, &alice, PauseReason::Disputed).await;
    world.finish().await;
}
