//! Which product a payment at Creem was for. No payment names it, and the seller may have moved the subscription to
//! another one before anything was heard of the payment.

use billing::payments::Provider;
use billing::provider_events::VerifyObject;
use harness::world::World;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{
    CREEM, Choice, DAY, MONTH, Subscriber, creem_post, last, pass, quarantined, sell_over_creem, subscribe,
};
use crate::commands;
use crate::events::publish;

/// How a payment is heard of: Creem is asked about the subscription, or about the payment; the event comes late, or
/// says how the subscription stands when it is sent; the books are compared.
const WAYS: [&str; 5] = ["subscription", "payment", "late-event", "event-of-now", "comparison"];

const PRO: (&str, i64) = ("pro", 10_000);
const TEAM: (&str, i64) = ("team", 40_000);

async fn move_to(world: &World, subscriber: &Subscriber, plan: &str, behavior: &str) {
    let change = json!({"product_id": format!("prod_{plan}"), "update_behavior": behavior});
    creem_post(world, &format!("subscriptions/{}/upgrade", subscriber.id), change).await;
}

async fn ask(world: &World, object_id: &str) {
    let object_id = object_id.to_owned();
    publish(world, &VerifyObject::new(Provider::Creem, object_id)).await;
}

/// A subscription as Creem shows it.
async fn at_creem(world: &World, subscriber: &Subscriber) -> Value {
    let path = format!("/creem/v1/subscriptions?subscription_id={}", subscriber.id);
    let request = world.emulator().get(&path).header("x-api-key", &world.settings().secrets.creem_api_key);
    request.expect(200).await
}

/// The events of a type about a subscription.
async fn told(world: &World, subscriber: &Subscriber, kind: &str) -> Vec<Value> {
    let events = world.emulator().get(&format!("/_emulator/events?type={kind}")).expect(200).await;
    let mut events = events["events"].as_array().unwrap().clone();
    events.retain(|event| event["object"]["id"] == json!(subscriber.id));
    events
}

async fn compare_books(world: &World) {
    let now = world.clock().now();
    let text = |at: time::OffsetDateTime| at.format(&Rfc3339).unwrap();
    let (from, to) = (text(now - time::Duration::days(5)), text(now + time::Duration::minutes(30)));
    let arguments = ["reconcile", "--json", "--from", &from, "--to", &to, "--apply"];
    let output = commands::worker(world, &arguments).await;
    assert_eq!(output.code, 0, "{}", output.stdout);
}

async fn hear(world: &World, subscriber: &Subscriber, way: &str) {
    let shown = at_creem(world, subscriber).await;
    match way {
        "subscription" => ask(world, &subscriber.id).await,
        "payment" => ask(world, shown["last_transaction_id"].as_str().unwrap()).await,
        "late-event" => {
            let paid = told(world, subscriber, "subscription.paid").await;
            world.resend_event(paid.last().unwrap()["id"].as_str().unwrap()).await;
        }
        "event-of-now" => {
            let event = json!({"provider": "creem", "type": "subscription.paid", "object": shown});
            world.emulator().post("/_emulator/events").json(event).expect(200).await;
        }
        _ => compare_books(world).await,
    }
    world.drain().await;
}

/// A renewal is paid, then the seller moves the subscription, then the renewal is heard of.
async fn moved_after_a_renewal(before: (&'static str, i64), after: (&'static str, i64)) {
    let world = World::start().await;
    sell_over_creem(&world).await;
    pass(&world, -MONTH).await;
    let mut subscribers = Vec::new();
    for way in WAYS {
        subscribers.push(subscribe(&world, way, Choice { plan: before.0, ..CREEM }).await);
    }
    world.drain().await;
    world.lose_events().await;
    pass(&world, MONTH).await;
    for subscriber in &subscribers {
        move_to(&world, subscriber, after.0, "proration-none").await;
    }
    world.set_provider_faults(json!({})).await;
    for (subscriber, way) in subscribers.iter().zip(WAYS) {
        assert_eq!(subscriber.balance(&world).await, before.1, "{way}");
        hear(&world, subscriber, way).await;
        assert_eq!(subscriber.balance(&world).await, 2 * before.1, "{way}");
    }
    // From now on Creem's events have no more in them than its samples: it is asked about every payment.
    let short = json!({"transaction": "short"});
    world.emulator().put("/_emulator/creem/forms").json(short).expect(200).await;
    pass(&world, MONTH).await;
    world.drain().await;
    assert!(last(&world, "subscription.paid").await["object"]["last_transaction"].is_null());
    for (subscriber, way) in subscribers.iter().zip(WAYS) {
        assert_eq!(subscriber.balance(&world).await, 2 * before.1 + after.1, "{way}");
        assert_eq!(subscriber.status(&world).await, ("active".to_owned(), after.0.to_owned(), false));
    }
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_is_heard_of_after_an_upgrade_is_worth_the_smaller_plan() {
    moved_after_a_renewal(PRO, TEAM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_is_heard_of_after_a_downgrade_is_worth_the_larger_plan() {
    moved_after_a_renewal(TEAM, PRO).await;
}

/// The subscription is back where it was, and what was paid meanwhile is worth what it was paid for.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_between_two_moves_is_worth_what_was_paid() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    let alice = subscribe(&world, "alice", CREEM).await;
    world.drain().await;
    world.lose_events().await;
    move_to(&world, &alice, "team", "proration-none").await;
    pass(&world, MONTH).await;
    move_to(&world, &alice, "pro", "proration-none").await;
    world.set_provider_faults(json!({})).await;
    ask(&world, &alice.id).await;
    world.drain().await;
    assert_eq!(alice.balance(&world).await, 50_000);
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

/// The first payment is for what was ordered, and a product that the subscription was moved to since does not become
/// another name of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_payment_that_is_heard_of_after_a_move_makes_no_cheap_plan() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    world.lose_events().await;
    let [pro, team] = [
        subscribe(&world, "pro", CREEM).await,
        subscribe(&world, "team", Choice { plan: "team", ..CREEM }).await,
    ];
    move_to(&world, &pro, "team", "proration-none").await;
    move_to(&world, &team, "pro", "proration-none").await;
    world.set_provider_faults(json!({})).await;
    for subscriber in [&pro, &team] {
        ask(&world, &subscriber.id).await;
    }
    world.drain().await;
    assert_eq!((pro.balance(&world).await, team.balance(&world).await), (10_000, 40_000));
    pass(&world, MONTH).await;
    world.drain().await;
    assert_eq!((pro.balance(&world).await, team.balance(&world).await), (50_000, 50_000));
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

/// What a change costs may be any amount: once the subscription was moved on, nothing in Creem's answers tells what it
/// was a part of. A person decides, unless the event of the time comes after all.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_period_is_not_guessed() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    let [stays, moves] = [subscribe(&world, "stays", CREEM).await, subscribe(&world, "moves", CREEM).await];
    world.drain().await;
    world.lose_events().await;
    pass(&world, 10 * DAY).await;
    for subscriber in [&stays, &moves] {
        move_to(&world, subscriber, "team", "proration-charge-immediately").await;
    }
    pass(&world, 3_600).await;
    move_to(&world, &moves, "pro", "proration-none").await;
    world.set_provider_faults(json!({})).await;
    for subscriber in [&stays, &moves] {
        ask(&world, &subscriber.id).await;
    }
    world.drain().await;
    let upgraded = stays.balance(&world).await;
    // About two thirds of the difference of 2,000 cents, at 40,000 credits for 2,999.
    assert!((27_000..29_500).contains(&upgraded), "{upgraded}");
    assert_eq!((moves.balance(&world).await, moves.grants(&world).await), (10_000, 1));
    assert_eq!(quarantined(&world).await, ["unknown_plan"]);
    let paid = told(&world, &moves, "subscription.paid").await;
    world.resend_event(paid.last().unwrap()["id"].as_str().unwrap()).await;
    world.drain().await;
    let late = moves.balance(&world).await;
    // They did not move in the same second: a cent is worth 13 credits.
    assert!((late - upgraded).abs() <= 14 && moves.grants(&world).await == 2, "{late}, {upgraded}");
    // Whatever is asked once more changes nothing.
    for subscriber in [&stays, &moves] {
        ask(&world, &subscriber.id).await;
    }
    world.drain().await;
    assert_eq!((stays.balance(&world).await, moves.balance(&world).await), (upgraded, late));
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}
