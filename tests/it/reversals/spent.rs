//! Credits that were spent before their money went back, under both policies.

use futures::future::join_all;
use harness::world::{GOOD_CARD, World};
use serde_json::json;

use super::{buy_with, close, consume, dispute, refund, shown, state};

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_of_spent_credits_is_owed_until_the_next_purchase_pays_it() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    assert_eq!(consume(&world, &alice, 2_000).await, 200);
    refund(&world, &intent, None).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, -2_000);
    assert_eq!(consume(&world, &alice, 1).await, 402);
    assert_eq!(shown(&world).await["creditsReversed"], 2_500);
    world.buy(&alice, 2_500).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 500);
    assert_eq!(consume(&world, &alice, 500).await, 200);
    assert_eq!(consume(&world, &alice, 1).await, 402);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clamp_takes_the_remaining_credits_and_records_the_shortfall() {
    let world = World::builder().clamp_reversals().start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    assert_eq!(consume(&world, &alice, 2_000).await, 200);
    let won = dispute(&world, &intent, None, false).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    let shown_now = shown(&world).await;
    assert_eq!(
        (&shown_now["status"], &shown_now["creditsReversed"], &shown_now["creditsShortfall"]),
        (&json!("disputed"), &json!(500), &json!(2_000))
    );
    // Nothing is owed.
    assert_eq!(world.count("wallets where debt <> 0").await, 0);
    close(&world, &won, true).await;
    // Only what was taken comes back.
    assert_eq!(world.balance(&alice.wallet_id).await, 500);
    assert_eq!(shown(&world).await["creditsShortfall"], 0);
    world.finish().await;
}

/// What is held is promised: it is not taken by a clamp, and honoured after a debt.
#[tokio::test(flavor = "multi_thread")]
async fn clamp_leaves_held_credits() {
    let world = World::builder().clamp_reversals().start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 2_500, GOOD_CARD).await;
    let held = world.api().post("/purser/v1/wallets/me/holds").bearer(&alice.api_key).idempotency_key("hold");
    held.json(json!({"credits": 1_500})).expect(201).await;
    refund(&world, &intent, None).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 1_500);
    assert_eq!(shown(&world).await["creditsShortfall"], 1_500);
    world.finish().await;
}

/// Twenty debits against one refund: the books agree in whatever order they come.
#[tokio::test(flavor = "multi_thread")]
async fn spending_during_a_refund_loses_no_credit() {
    for clamps in [false, true] {
        let builder = World::builder();
        let world = if clamps { builder.clamp_reversals() } else { builder }.start().await;
        let alice = world.create_user("alice").await;
        let intent = buy_with(&world, &alice, 2_000, GOOD_CARD).await;
        let spending = join_all((0..20).map(|_| consume(&world, &alice, 100)));
        let refunding = async {
            for _ in 0..4 {
                refund(&world, &intent, Some(500)).await;
            }
        };
        let (answers, ()) = futures::join!(spending, refunding);
        world.drain().await;
        assert!(answers.iter().all(|status| matches!(status, 200 | 402)), "{answers:?}");
        let spent = 100 * i64::try_from(answers.iter().filter(|status| **status == 200).count()).unwrap();
        let shown = shown(&world).await;
        let of = |field: &str| shown[field].as_i64().unwrap();
        assert_eq!(world.balance(&alice.wallet_id).await, 2_000 - spent - of("creditsReversed"));
        assert_eq!(of("creditsReversed") + of("creditsShortfall"), 2_000);
        if clamps {
            assert_eq!(world.balance(&alice.wallet_id).await, 0);
        } else {
            assert_eq!(world.balance(&alice.wallet_id).await, -spent);
        }
        assert_eq!(state(&world).await, "refunded");
        world.finish().await;
    }
}

/// A coupon's bonus was given for the purchase, and goes back with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_bonus_is_reversed_with_its_purchase() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let coupon = json!({"code": "GIFT", "kind": "bonus_credits", "value": 50});
    let admin = &world.settings().secrets.admin_api_key;
    world.api().post("/admin/billing/coupons").bearer(admin).json(coupon).expect(201).await;
    let order = json!({"channel": "stripe", "type": "credits", "pack_id": "micro", "coupon_code": "GIFT"});
    let opened =
        world.api().post("/payment/create-session").bearer(&alice.api_key).json(order).expect(201).await;
    let session = opened["data"]["session_id"].as_str().unwrap();
    world.pay(session, GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 150);
    let intent = super::intent_of(&world, session).await;
    refund(&world, &intent, Some(500)).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    refund(&world, &intent, None).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    world.finish().await;
}
