//! Periods of subscriptions: each is a payment, and its refund takes back what that period granted.

use billing::payments::Provider;
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

use super::{refund, resend};

async fn subscribe(world: &World, user: &User) {
    let order = json!({"channel": "stripe", "type": "subscription", "plan_id": "pro"});
    let opened =
        world.api().post("/payment/create-session").bearer(&user.api_key).json(order).expect(201).await;
    world.pay(opened["data"]["session_id"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
}

/// The provider's clock alone moves, and its events are signed with real time.
async fn renew(world: &World) {
    let in_a_month = time::OffsetDateTime::now_utc().unix_timestamp() + 32 * 86_400;
    world.emulator().put("/_emulator/clock").json(json!({"now": in_a_month})).expect(200).await;
    world.drain().await;
}

/// The payments of invoices, the newest first.
async fn intents(world: &World) -> Vec<String> {
    let listed = world.stripe_get("invoice_payments?limit=10").expect(200).await;
    let intent = |paid: &Value| paid["payment"]["payment_intent"].as_str().unwrap().to_owned();
    listed["data"].as_array().unwrap().iter().map(intent).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_refund_takes_back_that_periods_grant() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    subscribe(&world, &alice).await;
    renew(&world).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 20_000);
    let intents = intents(&world).await;
    refund(&world, &intents[0], None).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 10_000);
    assert_eq!(world.count("payments where state = 'refunded'").await, 1);
    let newest = "payments where state = 'refunded' and number = (select max(number) from payments)";
    assert_eq!(world.count(newest).await, 1);
    refund(&world, &intents[1], Some(333)).await;
    world.drain().await;
    // A third, and the buyer keeps the fraction.
    assert_eq!(world.balance(&alice.wallet_id).await, 6_666);
    assert_eq!(world.count("payments where credits_reversed = 3333333333").await, 1);
    world.finish().await;
}

/// The payment of a period does not exist here until its invoice is heard of.
#[tokio::test(flavor = "multi_thread")]
async fn the_refund_of_an_unknown_period_waits_for_the_period() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    subscribe(&world, &alice).await;
    world.lose_events().await;
    renew(&world).await;
    let intents = intents(&world).await;
    refund(&world, &intents[0], None).await;
    world.set_provider_faults(json!({})).await;
    resend(&world, "refund.created").await;
    assert_eq!(world.balance(&alice.wallet_id).await, 10_000);
    assert_eq!(world.count("reversals where payment_id is null").await, 1);
    resend(&world, "invoice.paid").await;
    assert_eq!(world.balance(&alice.wallet_id).await, 10_000);
    assert_eq!(world.count("payments").await, 2);
    assert_eq!(world.count("payments where state = 'refunded' and credits_reversed = credits").await, 1);
    assert_eq!(world.count("ledger_entries").await, 3);
    assert_eq!(world.count("reversals where payment_id is null").await, 0);
    world.finish().await;
}

/// What had lapsed unspent is gone already: only what was spent is owed.
#[tokio::test(flavor = "multi_thread")]
async fn lapsed_credits_are_not_taken_back_again() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    subscribe(&world, &alice).await;
    assert_eq!(super::consume(&world, &alice, 2_000).await, 200);
    let intent = intents(&world).await.remove(0);
    // The renewal that comes meanwhile stays unknown here, and nothing is told of the refund: it is asked about.
    world.lose_events().await;
    // A month, and the time for which credits outlast it while their renewal is not decided.
    world.advance(std::time::Duration::from_hours(47 * 24)).await;
    crate::events::publish(&world, &ledger::operations::ExpireGrants {}).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    let made = refund(&world, &intent, None).await;
    let object_id = made["id"].as_str().unwrap().to_owned();
    let asked = billing::provider_events::VerifyObject::new(Provider::Stripe, object_id);
    crate::events::publish(&world, &asked).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, -2_000);
    world.finish().await;
}
