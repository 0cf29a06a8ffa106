//! Disputes that end partly won, and money that goes back of credits that have lapsed.

use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

use super::{buy_with, close, consume, dispute, refund, state};
use crate::events::{deliver, event, publish};

/// The bank's last word: lost, but this much came back.
async fn lost_but(world: &World, dispute: &Value, returned: &[i64]) {
    let mut object = dispute.clone();
    object["status"] = json!("lost");
    let moved = object["balance_transactions"].as_array_mut().unwrap();
    for amount in returned {
        let mut movement = moved[0].clone();
        movement["amount"] = json!(amount);
        moved.push(movement);
    }
    deliver(world, &event("charge.dispute.closed", &object)).await;
    world.drain().await;
}

async fn withdrawn(world: &World, intent: &str, amount: i64) -> Value {
    let made = dispute(world, intent, Some(amount), false).await;
    world.stripe_get(&format!("disputes/{}", made["id"].as_str().unwrap())).expect(200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_that_is_partly_won_restores_its_part() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 10_000, GOOD_CARD).await;
    let lost = withdrawn(&world, &intent, 10_000).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    lost_but(&world, &lost, &[1]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 1);
    assert_eq!(state(&world).await, "disputed");
    lost_but(&world, &lost, &[1, 2_499]).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_500);

    // A part was given back before.
    let bob = world.create_user("bob").await;
    let intent = buy_with(&world, &bob, 10_000, GOOD_CARD).await;
    refund(&world, &intent, Some(3_000)).await;
    world.drain().await;
    let lost = withdrawn(&world, &intent, 7_000).await;
    assert_eq!(world.balance(&bob.wallet_id).await, 0);
    lost_but(&world, &lost, &[1]).await;
    assert_eq!(world.balance(&bob.wallet_id).await, 1);
    world.finish().await;
}

/// Has all that the user has lapse just now.
async fn all_lapses(world: &World, user: &User, sweeps: bool) {
    let past = world.clock().now() - time::Duration::seconds(1);
    let lapse = "update grants set expires_at = $1 where wallet_id = $2::text::uuid and is_open";
    sqlx::query(lapse).bind(past).bind(&user.wallet_id).execute(world.pool()).await.unwrap();
    if sweeps {
        publish(world, &ledger::operations::ExpireGrants {}).await;
        world.drain().await;
        assert_eq!(world.balance(&user.wallet_id).await, 0);
    }
}

/// Whether what lapsed was taken off before or is only now.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_refund_does_not_take_what_lapsed() {
    let world = World::start().await;
    for (name, sweeps) in [("alice", true), ("bob", false)] {
        let user = world.create_user(name).await;
        let intent = buy_with(&world, &user, 1_000, GOOD_CARD).await;
        assert_eq!(consume(&world, &user, 500).await, 200);
        all_lapses(&world, &user, sweeps).await;
        refund(&world, &intent, Some(500)).await;
        world.drain().await;
        assert_eq!(world.balance(&user.wallet_id).await, 0, "{name}");
        refund(&world, &intent, Some(200)).await;
        world.drain().await;
        assert_eq!(world.balance(&user.wallet_id).await, -200, "{name}");
        refund(&world, &intent, None).await;
        world.drain().await;
        assert_eq!(world.balance(&user.wallet_id).await, -500, "{name}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_back_and_lapsed_is_not_taken_again() {
    let world = World::start().await;
    for (name, sweeps) in [("alice", true), ("bob", false)] {
        let user = world.create_user(name).await;
        let intent = buy_with(&world, &user, 10_000, GOOD_CARD).await;
        let won = dispute(&world, &intent, None, false).await;
        assert_eq!(world.balance(&user.wallet_id).await, 0);
        close(&world, &won, true).await;
        assert_eq!(world.balance(&user.wallet_id).await, 10_000);
        all_lapses(&world, &user, sweeps).await;
        refund(&world, &intent, Some(4_000)).await;
        world.drain().await;
        refund(&world, &intent, None).await;
        world.drain().await;
        assert_eq!(world.balance(&user.wallet_id).await, 0, "{name}: a buyer who spent nothing owes nothing");
        assert_eq!(state(&world).await, "refunded");
    }
    world.finish().await;
}

/// Where an API has a word for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_top_up_says_that_its_money_went_back() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let intent = buy_with(&world, &alice, 1_000, GOOD_CARD).await;
    for (amount, word) in [(None, "paid"), (Some(400), "partially_refunded"), (Some(600), "refunded")] {
        if amount.is_some() {
            refund(&world, &intent, amount).await;
            world.drain().await;
        }
        let shown = world.api().get("/v1/credits").bearer(&alice.api_key).expect(200).await;
        assert_eq!(shown["lastTopUp"]["paymentStatus"], word);
    }
    world.finish().await;
}
