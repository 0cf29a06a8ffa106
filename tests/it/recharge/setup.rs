//! Saving a card on the provider's page, reported in any order and any number of times.

use harness::world::{GOOD_CARD, World};
use serde_json::json;

use super::{ASKING_CARD, Listener, enable, plain, save_card, spend, status_of};

/// The page's session and the saving itself are reported in any order, twice, and late: the card is recorded once.
#[tokio::test(flavor = "multi_thread")]
async fn a_saved_card_is_recorded_in_any_order_of_events() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 500).await;
    let knobs = json!({"reorder": 0.5, "duplicate": 0.5, "duplicate_event": 0.5, "delay": 0.5, "delay_ms": 100,
                       "seed": 3});
    world.set_provider_faults(knobs).await;
    let mut listener = Listener::connect(&world, &alice).await;
    let asked = enable(&world, &alice, plain()).await;
    assert_eq!((&asked["autoRechargeEnabled"], &asked["hasPaymentMethod"]), (&json!(false), &json!(false)));
    world.pay(asked["setupSessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    // It was below its threshold all along, so it is charged once the card is there.
    assert_eq!(listener.types().await, ["enabled", "succeeded"]);
    assert_eq!(world.balance(&alice.wallet_id).await, 5_500);
    let stands = status_of(&world, &alice).await;
    let card = json!({"brand": "visa", "last4": "4242", "expMonth": 12, "expYear": 2034});
    assert_eq!((&stands["state"], &stands["card"]), (&json!("active"), &card));
    assert_eq!(world.count("provider_events where outcome = 'quarantined'").await, 0);
    // No purchase: it shows in no list of them.
    let orders = world.api().get("/orders").bearer(&alice.api_key).expect(200).await;
    assert!(!orders.to_string().contains("Save a card"), "{orders}");
    world.finish().await;
}

/// The events of the saving alone do, and so does asking the provider alone.
#[tokio::test(flavor = "multi_thread")]
async fn lost_events_only_delay() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let asked = enable(&world, &alice, plain()).await;
    let session = asked["setupSessionId"].as_str().unwrap();
    world.lose_events().await;
    world.pay(session, GOOD_CARD).await;
    world.advance(std::time::Duration::from_secs(10)).await;
    let path = format!("/v1/payment_status?setupSessionId={session}");
    let request = || world.api().get(&path).bearer(&alice.api_key);
    assert_eq!(request().expect(200).await["status"], "pending");
    world.drain().await;
    assert_eq!(request().expect(200).await["status"], "succeeded");
    assert_eq!(status_of(&world, &alice).await["state"], "active");
    assert_eq!(world.balance(&alice.wallet_id).await, 5_000);
    world.finish().await;
}

/// A card that the bank refuses to save is not the end: another one can be tried on the same page.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_card_leaves_the_page_open() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let asked = enable(&world, &alice, plain()).await;
    let session = asked["setupSessionId"].as_str().unwrap();
    let path = format!("/_emulator/checkout/{session}/pay");
    world.emulator().post(&path).json(json!({"card": "4000000000000002"})).expect(402).await;
    world.drain().await;
    let status = format!("/v1/payment_status?setupSessionId={session}");
    assert_eq!(world.api().get(&status).bearer(&alice.api_key).expect(200).await["status"], "pending");
    // A bank that asks its holder, who answers.
    world.pay(session, ASKING_CARD).await;
    world.drain().await;
    assert_eq!(world.api().get(&status).bearer(&alice.api_key).expect(200).await["status"], "succeeded");
    assert_eq!(status_of(&world, &alice).await["card"]["last4"], "3184");
    world.finish().await;
}

/// A page that expires saves nothing and says so; another one can be had.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_expires_saves_nothing() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let first = enable(&world, &alice, plain()).await;
    // While it is open it is the one that is answered: pages do not pile up.
    let again = enable(&world, &alice, plain()).await;
    assert_eq!(first["setupSessionId"], again["setupSessionId"]);
    let session = first["setupSessionId"].as_str().unwrap();
    world.emulator().post(&format!("/_emulator/checkout/{session}/expire")).expect(200).await;
    world.drain().await;
    let status = format!("/v1/payment_status?setupSessionId={session}");
    assert_eq!(world.api().get(&status).bearer(&alice.api_key).expect(200).await["status"], "failed");
    let second = enable(&world, &alice, plain()).await;
    assert_ne!(first["setupSessionId"], second["setupSessionId"]);
    assert_eq!(status_of(&world, &alice).await["state"], "needs_card");
    world.finish().await;
}

/// Who switches it off while the page is open has said no: the card is saved, and nothing is charged.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_saved_after_disabling_is_not_charged() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let asked = enable(&world, &alice, plain()).await;
    enable(&world, &alice, json!({"enabled": false})).await;
    world.pay(asked["setupSessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    assert_eq!(
        (status_of(&world, &alice).await["state"].clone(), world.count("recharge_runs").await),
        (json!("off"), 0)
    );
    world.finish().await;
}

/// Another card takes the place of the first for what is charged from then on.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_card_replaces_the_first() {
    let world = World::start().await;
    let alice = super::at_threshold(&world, GOOD_CARD, plain()).await;
    save_card(&world, &alice, "5555555555554444").await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    let stands = status_of(&world, &alice).await;
    assert_eq!(stands["card"]["brand"], "mastercard");
    let charged =
        "recharge_runs r join auto_recharge a using (wallet_id) where r.payment_method = a.payment_method";
    assert_eq!(world.count(charged).await, 1);
    // News of the first one is no news of this one.
    assert_eq!(world.count("auto_recharge where paused_at is null").await, 1);
    world.finish().await;
}
