//! Creem, which is the merchant of record: what goes back has tax in it, and how it goes on is not told.

use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

use super::{resend, shown, state};

/// Sells plan and pack over Creem, with a tax of 21 %.
async fn sell(world: &World) {
    let admin = &world.settings().secrets.admin_api_key;
    let plan = json!({"creem_product_id": "prod_pro"});
    world.api().put("/admin/billing/plans/pro").bearer(admin).json(plan).expect(200).await;
    let product = json!({"id": "prod_micro", "name": "Micro", "description": "100 credits", "price": 1_500,
                         "currency": "USD", "billing_type": "onetime", "tax_mode": "exclusive"});
    world.emulator().post("/_emulator/creem/products").json(product).expect(200).await;
    let pack = "update packs set creem_product_id = 'prod_micro' where id = 'micro'";
    sqlx::query(pack).execute(world.pool()).await.unwrap();
    world.emulator().put("/_emulator/creem/tax").json(json!({"basis_points": 2_100})).expect(200).await;
}

async fn buy(world: &World, user: &User, order: Value, card: &str) {
    let opened =
        world.api().post("/payment/create-session").bearer(&user.api_key).json(order).expect(201).await;
    let path = format!("/_emulator/creem/checkouts/{}/pay", opened["data"]["session_id"].as_str().unwrap());
    world.emulator().post(&path).json(json!({"card": card})).expect(200).await;
    world.drain().await;
}

async fn buy_pack(world: &World, user: &User, card: &str) {
    buy(world, user, json!({"channel": "creem", "type": "credits", "pack_id": "micro"}), card).await;
}

/// The newest payment at Creem.
async fn transaction(world: &World) -> String {
    let key = &world.settings().secrets.creem_api_key;
    let listed =
        world.emulator().get("/creem/v1/transactions/search").header("x-api-key", key).expect(200).await;
    listed["items"][0]["id"].as_str().unwrap().to_owned()
}

async fn go_back(world: &World, what: &str, transaction: &str, amount: Option<i64>) {
    let body = match amount {
        Some(amount) => json!({"transaction_id": transaction, "amount": amount}),
        None => json!({"transaction_id": transaction}),
    };
    world.emulator().post(&format!("/_emulator/creem/{what}")).json(body).expect(200).await;
    world.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_share_is_computed_from_the_total_with_tax() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    buy_pack(&world, &alice, GOOD_CARD).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    let transaction = transaction(&world).await;
    // 1500 and 315 of tax were paid: a third.
    go_back(&world, "refunds", &transaction, Some(605)).await;
    assert_eq!(shown(&world).await["creditsReversed"], json!(33.333333));
    resend(&world, "refund.created").await;
    assert_eq!(state(&world).await, "partially_refunded");
    go_back(&world, "refunds", &transaction, None).await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (0, "refunded".to_owned()));
    assert_eq!(world.count("ledger_entries where entry_type = 'refund'").await, 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_takes_credits_and_a_failed_refund_does_not() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    buy_pack(&world, &alice, "4000000000005126").await;
    go_back(&world, "refunds", &transaction(&world).await, None).await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (100, "completed".to_owned()));
    go_back(&world, "disputes", &transaction(&world).await, None).await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (0, "disputed".to_owned()));
    world.finish().await;
}

/// There is no event about how it ends: money on its way back is as good as back.
#[tokio::test(flavor = "multi_thread")]
async fn a_pending_refund_takes_its_credits_at_once() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    buy_pack(&world, &alice, "4000000000007726").await;
    go_back(&world, "refunds", &transaction(&world).await, None).await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (0, "refunded".to_owned()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_reported_before_its_payment_is_not_lost() {
    for always in [false, true] {
        let builder = World::builder();
        let world = if always { builder.verify_always() } else { builder }.start().await;
        let alice = world.create_user("alice").await;
        sell(&world).await;
        world.lose_events().await;
        buy_pack(&world, &alice, GOOD_CARD).await;
        go_back(&world, "refunds", &transaction(&world).await, Some(605)).await;
        world.set_provider_faults(json!({})).await;
        resend(&world, "refund.created").await;
        assert_eq!(world.count("reversals where payment_id is not null").await, 1);
        resend(&world, "checkout.completed").await;
        assert_eq!(shown(&world).await["creditsReversed"], json!(33.333333), "VERIFY=always: {always}");
        assert_eq!(world.count("ledger_entries").await, 2);
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_refund_takes_back_that_periods_grant() {
    for always in [false, true] {
        let builder = World::builder();
        let world = if always { builder.verify_always() } else { builder }.start().await;
        let alice = world.create_user("alice").await;
        sell(&world).await;
        buy(&world, &alice, json!({"channel": "creem", "type": "subscription", "plan_id": "pro"}), GOOD_CARD)
            .await;
        assert_eq!(world.balance(&alice.wallet_id).await, 10_000);
        let id: String = sqlx::query_scalar("select provider_subscription from subscriptions")
            .fetch_one(world.pool())
            .await
            .unwrap();
        // The period's own payment is told after its refund.
        world.lose_events().await;
        world.emulator().post(&format!("/_emulator/creem/subscriptions/{id}/renew")).expect(200).await;
        let second: String = {
            let path = format!("/creem/v1/subscriptions?subscription_id={id}");
            let key = &world.settings().secrets.creem_api_key;
            let shown = world.emulator().get(&path).header("x-api-key", key).expect(200).await;
            shown["last_transaction_id"].as_str().unwrap().to_owned()
        };
        go_back(&world, "refunds", &second, None).await;
        world.set_provider_faults(json!({})).await;
        resend(&world, "refund.created").await;
        // Asked about the payment, Creem reports its period too; the period's own event changes nothing any more.
        resend(&world, "subscription.paid").await;
        assert_eq!(world.balance(&alice.wallet_id).await, 10_000, "VERIFY=always: {always}");
        assert_eq!(world.count("payments where state = 'refunded'").await, 1);
        assert_eq!(world.count("reversals where payment_id is null").await, 0);
        world.finish().await;
    }
}

/// The payment says how much is gone, not why: what the dispute itself says must not be lost meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_reported_before_its_period_applies_once_the_period_is_paid() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    sell(&world).await;
    world.lose_events().await;
    let order = json!({"channel": "creem", "type": "subscription", "plan_id": "pro"});
    buy(&world, &alice, order, GOOD_CARD).await;
    go_back(&world, "disputes", &transaction(&world).await, None).await;
    world.set_provider_faults(json!({})).await;
    resend(&world, "dispute.created").await;
    resend(&world, "subscription.paid").await;
    assert_eq!((world.balance(&alice.wallet_id).await, state(&world).await), (0, "disputed".to_owned()));
    assert_eq!(world.count("reversals where payment_id is null").await, 0);
    assert_eq!(world.count("ledger_entries").await, 2);
    world.finish().await;
}
