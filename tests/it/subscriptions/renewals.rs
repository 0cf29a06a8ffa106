//! Periods that follow one another: months and years, what lapses with them, payments that fail, processes that die.

use std::time::Duration;

use harness::world::World;
use serde_json::json;

use super::{
    CREEM, Choice, DAY, MONTH, STRIPE, pass, plan, provider_events, quarantined, sell_by_price,
    sell_over_creem, subscribe,
};

const DEV: &str = env!("CARGO_BIN_EXE_dev");

#[tokio::test(flavor = "multi_thread")]
async fn a_yearly_plan_is_granted_once_a_year() {
    let world = World::start().await;
    let alice = subscribe(&world, "alice", Choice { interval: "year", ..STRIPE }).await;
    world.drain().await;
    assert_eq!(alice.balance(&world).await, 120_000);
    for _ in 0..11 {
        pass(&world, 30 * DAY).await;
    }
    world.drain().await;
    assert_eq!(alice.grants(&world).await, 1);
    pass(&world, 40 * DAY).await;
    world.drain().await;
    assert_eq!((alice.grants(&world).await, alice.balance(&world).await), (2, 240_000));
    let orders = alice.get(&world, "/orders").await;
    assert_eq!((&orders[0]["amount"], &orders[0]["credits"]), (&json!(9_990), &json!(120_000)));
    assert_eq!((&orders[0]["plan_id"], &orders[0]["type"]), (&json!("pro"), &json!("subscription")));
    world.finish().await;
}

/// What is left of a period lapses with it, unless the plan lets it stay.
#[tokio::test(flavor = "multi_thread")]
async fn unused_credits_lapse_with_their_period_unless_they_roll_over() {
    let world = World::start().await;
    plan(&world, "team", json!({"rollover": true})).await;
    let lapses = subscribe(&world, "lapses", STRIPE).await;
    let stays = subscribe(&world, "stays", Choice { plan: "team", ..STRIPE }).await;
    world.drain().await;
    let spend = world.api().post("/purser/v1/wallets/me/debits").bearer(&lapses.user.api_key);
    spend.json(json!({"credits": 4_000})).expect(200).await;
    // The renewals are paid an hour after the month's end. Then the 6 000 that were left are gone, and only they.
    world.advance(Duration::from_secs(u64::try_from(MONTH + 7_200).unwrap())).await;
    world.drain().await;
    assert_eq!(lapses.get(&world, "/credits/balance").await, json!({"balance": 10_000}));
    assert_eq!(stays.get(&world, "/credits/balance").await, json!({"balance": 80_000}));
    let spend = world.api().post("/purser/v1/wallets/me/debits").bearer(&lapses.user.api_key);
    let short = spend.json(json!({"credits": 10_001})).send().await.unwrap();
    assert_eq!(short.status(), 402, "{short}");
    world.finish().await;
}

/// The plan that was bought is the plan that is paid, whatever becomes of the catalog.
#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_change_affects_later_subscribers_only() {
    let world = World::start().await;
    let old = sell_by_price(&world, "pro", "month", 999).await;
    world.lose_events().await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    // Before anything is heard of the first payment, the plan becomes dearer, and another price stands for it.
    plan(&world, "pro", json!({"price_monthly": 1_999, "credits_included": 500})).await;
    let new = sell_by_price(&world, "pro", "month", 1_999).await;
    assert_ne!(old, new);
    pass(&world, MONTH).await;
    for (event, _) in provider_events(&world).await {
        world.resend_event(&event).await;
        world.drain().await;
    }
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    assert_eq!((alice.grants(&world).await, alice.balance(&world).await), (2, 20_000));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_renewal_grants_only_when_it_is_paid_after_all() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    let [recovers, ends] =
        [subscribe(&world, "recovers", STRIPE).await, subscribe(&world, "ends", STRIPE).await];
    let creem = subscribe(&world, "creem", CREEM).await;
    for subscriber in [&recovers, &ends] {
        let customer =
            world.stripe_get(&format!("subscriptions/{}", subscriber.id)).expect(200).await["customer"]
                .clone();
        let form = format!("customer={}", customer.as_str().unwrap());
        let card =
            world.stripe_post("payment_methods/pm_card_chargeCustomerFail/attach", &form).expect(200).await;
        let form = format!("default_payment_method={}", card["id"].as_str().unwrap());
        world.stripe_post(&format!("subscriptions/{}", subscriber.id), &form).expect(200).await;
    }
    let card = |number: &str| {
        let path = format!("/_emulator/creem/subscriptions/{}/card", creem.id);
        world.emulator().post(&path).json(json!({"card": number}))
    };
    card("4000000000000341").expect(200).await;
    pass(&world, MONTH).await;
    world.drain().await;
    for subscriber in [&recovers, &ends, &creem] {
        let name = &subscriber.user.id;
        assert_eq!(subscriber.status(&world).await.0, "past_due", "{name}");
        assert_eq!(subscriber.grants(&world).await, 1, "{name}");
    }
    // One gets a card that works, and pays with it when it is tried again.
    let customer =
        world.stripe_get(&format!("subscriptions/{}", recovers.id)).expect(200).await["customer"].clone();
    let form = format!("customer={}", customer.as_str().unwrap());
    let good = world.stripe_post("payment_methods/pm_card_visa/attach", &form).expect(200).await;
    let form = format!("default_payment_method={}", good["id"].as_str().unwrap());
    world.stripe_post(&format!("subscriptions/{}", recovers.id), &form).expect(200).await;
    card("4242424242424242").expect(200).await;
    for _ in 0..4 {
        pass(&world, 3 * DAY + 60).await;
        world.drain().await;
    }
    for subscriber in [&recovers, &creem] {
        let name = &subscriber.user.id;
        assert_eq!(subscriber.status(&world).await.0, "active", "{name}");
        assert_eq!(subscriber.grants(&world).await, 2, "{name}");
    }
    assert_eq!(ends.status(&world).await.0, "canceled");
    assert_eq!((ends.grants(&world).await, ends.balance(&world).await), (1, 10_000));
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

/// The worker is killed hard, again and again, while renewals come in.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_during_renewals_grants_each_once() {
    let world = World::builder().worker_process(DEV).start().await;
    sell_over_creem(&world).await;
    let mut subscribers = Vec::new();
    for number in 0..5 {
        subscribers.push(subscribe(&world, &format!("stripe-{number}"), STRIPE).await);
        subscribers.push(subscribe(&world, &format!("creem-{number}"), CREEM).await);
    }
    world.drain().await;
    for round in 0..3_u64 {
        pass(&world, 30 * DAY + DAY / 2).await;
        tokio::time::sleep(Duration::from_millis(15 * round)).await;
        tokio::task::block_in_place(|| world.worker().kill9().and_then(|()| world.worker().start())).unwrap();
    }
    world.drain().await;
    let periods =
        world.stripe_get(&format!("invoices?subscription={}&limit=100", subscribers[0].id)).expect(200).await;
    let periods = i64::try_from(periods["data"].as_array().unwrap().len()).unwrap();
    assert!(periods >= 3, "{periods}");
    for subscriber in &subscribers {
        let name = &subscriber.user.id;
        assert_eq!(subscriber.grants(&world).await, periods, "{name}");
        assert_eq!(subscriber.balance(&world).await, 10_000 * periods, "{name}");
    }
    world.finish().await;
}

/// Events in the form of another version of the API are not read: the provider is asked.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_another_api_version_are_verified_with_the_provider() {
    let world = World::start().await;
    world.lose_events().await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    pass(&world, MONTH).await;
    let happened = world.emulator().get("/_emulator/events").expect(200).await;
    world.set_provider_faults(json!({})).await;
    for event in happened["events"].as_array().unwrap() {
        let kind = event["type"].as_str().unwrap();
        if kind.starts_with("invoice.") || kind.starts_with("customer.subscription.") {
            let old = json!({"type": kind, "object": event["data"]["object"], "api_version": "2020-08-27"});
            world.emulator().post("/_emulator/events").json(old).expect(200).await;
        }
    }
    world.drain().await;
    assert_eq!((alice.grants(&world).await, alice.balance(&world).await), (2, 20_000));
    assert_eq!(alice.status(&world).await.0, "active");
    world.finish().await;
}
