//! Subscriptions at a provider as unkind as the real one: it collects an hour late, lets a balance pay, adds tax, and
//! shows ten lines.

use std::time::Duration;

use harness::world::{GOOD_CARD, World};
use reqwest::Method;
use serde_json::{Value, json};

use super::{DAY, MONTH, STRIPE, Subscriber, pass, quarantined, sell_by_price, subscribe};

/// Lets time pass for the provider and the system, and what is due happen.
async fn both(world: &World, seconds: i64) {
    world.advance(Duration::from_secs(u64::try_from(seconds).unwrap())).await;
    world.drain().await;
}

/// How long the period of a subscriber still runs, by the provider's clock.
async fn left_of_period(world: &World, subscriber: &Subscriber) -> i64 {
    let shown = world.stripe_get(&format!("subscriptions/{}", subscriber.id)).expect(200).await;
    let end = shown["items"]["data"][0]["current_period_end"].as_i64().unwrap();
    end - world.emulator().get("/_emulator/clock").expect(200).await["now"].as_i64().unwrap()
}

async fn shown_balance(world: &World, subscriber: &Subscriber) -> Value {
    subscriber.get(world, "/credits/balance").await["balance"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_outlast_their_period_until_its_renewal_is_paid() {
    let world = World::start().await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    let spend = world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.user.api_key);
    spend.json(json!({"credits": 4_000})).expect(200).await;
    let left = left_of_period(&world, &alice).await;
    both(&world, left + 600).await;
    // The invoice is a draft. A paying customer still has what was paid for, and can spend it.
    assert_eq!(alice.grants(&world).await, 1);
    assert_eq!(shown_balance(&world, &alice).await, json!(6_000));
    let spend = world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.user.api_key);
    spend.json(json!({"credits": 1_000})).expect(200).await;
    both(&world, 3_600).await;
    // Paid: the new period is there, and what was left of the old one is not.
    assert_eq!(alice.grants(&world).await, 2);
    assert_eq!(shown_balance(&world, &alice).await, json!(10_000));
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_of_a_canceled_subscription_lapse_with_its_period() {
    let world = World::start().await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    let path = format!("subscriptions/{}", alice.id);
    let mut socket = world.api().open_websocket("/ws", &alice.user.api_key).await.unwrap();
    world.stripe_post(&path, "cancel_at_period_end=true").expect(200).await;
    let told = socket.receive_within(Duration::from_secs(10)).await.unwrap();
    assert_eq!((&told["type"], &told["status"]), (&json!("subscription.updated"), &json!("active")));
    assert_eq!((&told["planId"], &told["cancelAtPeriodEnd"]), (&json!("pro"), &json!(true)));
    let left = left_of_period(&world, &alice).await;
    both(&world, left - 600).await;
    assert_eq!(shown_balance(&world, &alice).await, json!(10_000));
    both(&world, 1_200).await;
    assert_eq!(shown_balance(&world, &alice).await, json!(0));
    world.finish().await;
}

/// Has the card that pays a subscription refused from now on.
async fn refuse_card(world: &World, subscription: &str) {
    let shown = world.stripe_get(&format!("subscriptions/{subscription}")).expect(200).await;
    let method = shown["default_payment_method"].as_str().unwrap();
    let path = format!("/_emulator/payment_methods/{method}/decline");
    world.emulator().post(&path).json(json!({"reason": "insufficient_funds"})).expect(200).await;
}

/// The provider retries for days and then gives the subscription up, in the middle of the next period, which nobody
/// paid for.
#[tokio::test(flavor = "multi_thread")]
async fn credits_lapse_when_a_subscription_is_given_up_unpaid() {
    let world = World::start().await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    refuse_card(&world, &alice.id).await;
    let left = left_of_period(&world, &alice).await;
    both(&world, left + 2 * 3_600).await;
    assert_eq!(alice.status(&world).await.0, "past_due");
    assert_eq!(shown_balance(&world, &alice).await, json!(10_000));
    let mut days = 0;
    while alice.status(&world).await.0 != "canceled" {
        both(&world, DAY).await;
        days += 1;
        assert!(days < 14, "the subscription is never given up");
    }
    assert_eq!(shown_balance(&world, &alice).await, json!(0));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_decides_nothing_about_another_subscription() {
    let world = World::builder().several_subscriptions().start().await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    both(&world, 4 * DAY).await;
    let order = json!({"channel": "stripe", "type": "subscription", "plan_id": "pro"});
    let opened = world.api().post("/payment/create-session").bearer(&alice.user.api_key).json(order);
    world.pay(opened.expect(201).await["data"]["session_id"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    refuse_card(&world, &alice.id).await;
    let left = left_of_period(&world, &alice).await;
    // The first is past due when the second renews: what it paid for is still there.
    both(&world, left + 2 * 3_600).await;
    assert_eq!(shown_balance(&world, &alice).await, json!(20_000));
    both(&world, 5 * DAY).await;
    assert_eq!(alice.grants(&world).await, 3);
    assert_eq!(shown_balance(&world, &alice).await, json!(20_000));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_invoice_that_the_balance_pays_in_part_is_credited() {
    let world = World::start().await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    let first = world.stripe_get(&format!("subscriptions/{}", alice.id)).expect(200).await;
    let customer = first["customer"].as_str().unwrap();
    world.stripe(Method::DELETE, &format!("subscriptions/{}", alice.id)).expect(200).await;
    world.stripe_post(&format!("customers/{customer}"), "balance=-500").expect(200).await;
    world.drain().await;
    let order = json!({"channel": "stripe", "type": "subscription", "plan_id": "pro", "interval": "month"});
    let request = world.api().post("/payment/create-session").bearer(&alice.user.api_key).json(order);
    let opened = request.expect(201).await["data"].clone();
    world.pay(opened["session_id"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    let invoices = world.stripe_get(&format!("invoices?customer={customer}")).expect(200).await;
    assert_eq!(invoices["data"][0]["amount_paid"], json!(499), "the balance has paid a part");
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    assert_eq!(alice.status(&world).await.0, "active");
    assert_eq!(alice.grants(&world).await, 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tax_is_paid_besides_and_buys_nothing() {
    let world = World::start().await;
    world.emulator().put("/_emulator/stripe/tax").json(json!({"basis_points": 2_000})).expect(200).await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    assert_eq!((alice.grants(&world).await, alice.balance(&world).await), (1, 10_000));
    let bob = world.create_user("bob").await;
    let checkout = world.start_checkout(&bob, 2_500).await;
    world.pay(&checkout.session_id, GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&bob.wallet_id).await, 2_500);
    pass(&world, MONTH).await;
    world.drain().await;
    assert_eq!(alice.grants(&world).await, 2);
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

/// Prorations come first, so that the line of the new period is beyond the first ten.
#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_of_more_than_ten_lines_is_read_whole() {
    let world = World::start().await;
    let pro = sell_by_price(&world, "pro", "month", 999).await;
    let team = sell_by_price(&world, "team", "month", 2_999).await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    for price in [&team, &pro, &team, &pro, &team, &pro] {
        super::changes::move_to(&world, &alice, price, "create_prorations").await;
    }
    world.drain().await;
    pass(&world, MONTH + DAY).await;
    world.drain().await;
    let invoices = world.stripe_get(&format!("invoices?subscription={}", alice.id)).expect(200).await;
    assert_eq!(invoices["data"][0]["lines"]["has_more"], json!(true), "the case has not come about");
    assert_eq!(alice.grants(&world).await, 2);
    assert_eq!(alice.balance(&world).await, 20_000);
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}
