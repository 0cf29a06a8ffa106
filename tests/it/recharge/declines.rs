//! Declines: what is tried again and when, what waits for the user, and what the user is told.

use std::time::Duration;

use harness::world::{GOOD_CARD, World};
use serde_json::json;

use super::{
    ASKING_CARD, FAILING_CARD, Listener, advance, asked, at_threshold, charges, check, enable, plain,
    save_card, spend, status_of, sweep,
};

/// A declined card is not charged for ever: the waits grow, and after four declines in a row the user is waited for. A
/// new card ends the wait.
#[tokio::test(flavor = "multi_thread")]
async fn declines_cool_down_and_then_pause_until_a_new_card() {
    let world = World::builder().without_scheduler().start().await;
    let alice = at_threshold(&world, FAILING_CARD, plain()).await;
    let mut listener = Listener::connect(&world, &alice).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    assert_eq!(asked(&world).await, 1);
    // Told at the first failure, not only at the last.
    assert_eq!(listener.types().await, ["failed"]);
    let stands = status_of(&world, &alice).await;
    assert_eq!(
        (&stands["state"], &stands["lastRun"]["failure"]),
        (&json!("cooling_down"), &json!("generic_decline"))
    );
    assert_eq!(stands["spentThisMonth"]["minor"], 0);
    for (hours, made) in [(1, 2), (3, 3), (7, 4)] {
        advance(&world, Duration::from_secs(hours * 3_600 - 30)).await;
        sweep(&world).await;
        check(&world, &alice).await;
        assert_eq!(asked(&world).await, made - 1, "before {hours} hours");
        advance(&world, Duration::from_secs(31)).await;
        sweep(&world).await;
        assert_eq!(asked(&world).await, made, "after {hours} hours");
    }
    assert_eq!(listener.types().await, ["paused"]);
    let stands = status_of(&world, &alice).await;
    assert_eq!((&stands["state"], &stands["pause"]["reason"]), (&json!("paused"), &json!("declined")));
    advance(&world, Duration::from_hours(24 * 60)).await;
    sweep(&world).await;
    // Switching it off and on does not wear the card out either.
    enable(&world, &alice, json!({"enabled": false})).await;
    let on = enable(&world, &alice, json!({"enabled": true})).await;
    assert_eq!(on["autoRechargeRun"]["reason"], "paused");
    world.drain().await;
    assert_eq!(asked(&world).await, 4);
    assert_eq!(world.balance(&alice.wallet_id).await, 999);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_card_lifts_the_pause_and_is_charged() {
    let world = World::start().await;
    let alice = at_threshold(&world, FAILING_CARD, plain()).await;
    sqlx::query("update auto_recharge set declines = 3").execute(world.pool()).await.unwrap();
    spend(&world, &alice, 1).await;
    world.drain().await;
    assert_eq!(status_of(&world, &alice).await["pause"]["reason"], "declined");
    let mut listener = Listener::connect(&world, &alice).await;
    save_card(&world, &alice, GOOD_CARD).await;
    assert_eq!(listener.types().await, ["enabled", "succeeded"]);
    let stands = status_of(&world, &alice).await;
    assert_eq!((&stands["state"], &stands["pause"]), (&json!("active"), &json!(null)));
    assert_eq!(stands["card"]["last4"], "4242");
    assert_eq!((world.balance(&alice.wallet_id).await, charges(&world).await.len()), (5_999, 1));
    world.finish().await;
}

/// A success in between begins the count anew.
#[tokio::test(flavor = "multi_thread")]
async fn only_consecutive_declines_count() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    sqlx::query("update auto_recharge set declines = 3").execute(world.pool()).await.unwrap();
    spend(&world, &alice, 1).await;
    world.drain().await;
    assert_eq!(world.count("auto_recharge where declines = 0 and paused_at is null").await, 1);
    world.finish().await;
}

/// The network says that a lost card will never be good: no second charge is tried.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_card_is_not_charged_again() {
    let world = World::builder().without_scheduler().start().await;
    let alice = at_threshold(&world, FAILING_CARD, plain()).await;
    // The emulator's cards that cannot be saved say this; the saved one is made to.
    let mut listener = Listener::connect(&world, &alice).await;
    decline_with(&world, "lost_card").await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    assert_eq!(listener.types().await, ["paused"]);
    let stands = status_of(&world, &alice).await;
    assert_eq!((&stands["state"], &stands["pause"]["reason"]), (&json!("paused"), &json!("card_refused")));
    advance(&world, Duration::from_hours(24)).await;
    sweep(&world).await;
    assert_eq!(asked(&world).await, 1);
    world.finish().await;
}

/// An outage of the provider is no decline of the card.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_does_not_count_as_a_decline() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    world
        .set_provider_faults(json!({"rate_500": 1.0, "only": ["POST /v1/payment_intents"], "limit": 5}))
        .await;
    spend(&world, &alice, 1).await;
    super::wait_for_runs(&world, 1).await;
    assert_eq!(world.count("auto_recharge where declines = 0 and paused_at is null").await, 1);
    assert_eq!((world.balance(&alice.wallet_id).await, charges(&world).await.len()), (5_999, 1));
    world.finish().await;
}

/// A bank that wants the holder: the charge is not taken for paid, and the holder gets a page that completes the run.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_requires_authentication_completes_on_a_page() {
    let world = World::start().await;
    let alice = at_threshold(&world, ASKING_CARD, plain()).await;
    let mut listener = Listener::connect(&world, &alice).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, charges(&world).await.len()), (999, 0));
    let received = listener.received().await;
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(received[0]["type"], "auto_recharge.action_required");
    let session = received[0]["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    // It keeps its reservation, and nothing else is charged meanwhile.
    sweep(&world).await;
    spend(&world, &alice, 100).await;
    world.drain().await;
    assert_eq!(
        (asked(&world).await, world.count("recharge_runs where state = 'requires_action'").await),
        (1, 1)
    );
    assert_eq!(status_of(&world, &alice).await["spentThisMonth"]["minor"], 5_000);
    world.pay(&session, ASKING_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 5_899);
    assert_eq!(world.count("recharge_runs where state = 'succeeded'").await, 1);
    assert_eq!(listener.types().await, ["succeeded"]);
    assert_eq!(status_of(&world, &alice).await["state"], "active");
    world.finish().await;
}

/// Another card is as good as a yes of the bank: the page is closed, and the new card is charged.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_card_is_charged_instead_of_waiting_for_authentication() {
    let world = World::start().await;
    let alice = at_threshold(&world, ASKING_CARD, plain()).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    assert_eq!(status_of(&world, &alice).await["state"], "recharging");
    save_card(&world, &alice, GOOD_CARD).await;
    let stands = status_of(&world, &alice).await;
    assert_eq!((&stands["state"], &stands["pause"]), (&json!("active"), &json!(null)));
    assert_eq!(stands["spentThisMonth"]["minor"], 5_000);
    assert_eq!((world.balance(&alice.wallet_id).await, charges(&world).await.len()), (5_999, 1));
    world.finish().await;
}

/// A holder who does not come is waited for: no link a day, for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_holder_who_does_not_authenticate_pauses_auto_recharge() {
    let world = World::builder().without_scheduler().start().await;
    let alice = at_threshold(&world, ASKING_CARD, plain()).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    let mut listener = Listener::connect(&world, &alice).await;
    advance(&world, Duration::from_hours(25)).await;
    crate::events::publish(&world, &billing::payments::ExpirePayments {}).await;
    world.drain().await;
    assert_eq!(listener.types().await, ["paused"]);
    assert_eq!(world.count("recharge_runs where state = 'failed' and failure = 'expired'").await, 1);
    assert_eq!(status_of(&world, &alice).await["pause"]["reason"], "not_authenticated");
    sweep(&world).await;
    assert_eq!((asked(&world).await, world.count("recharge_runs").await), (1, 1));
    world.finish().await;
}

/// A charge that the provider refuses before any bank is asked sends no event; it is not tried for ever either.
#[tokio::test(flavor = "multi_thread")]
async fn a_charge_that_reaches_no_bank_pauses() {
    let world = World::builder().without_scheduler().start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    sqlx::query("update auto_recharge set payment_method = 'pm_of_somebody_else'")
        .execute(world.pool())
        .await
        .unwrap();
    spend(&world, &alice, 1).await;
    world.drain().await;
    assert_eq!(status_of(&world, &alice).await["pause"]["reason"], "card_removed");
    sweep(&world).await;
    assert_eq!(
        (world.count("recharge_runs").await, world.count("recharge_runs where state = 'failed'").await),
        (1, 1)
    );
    world.finish().await;
}

/// An expired card is not charged; the provider's news of the new one ends the wait.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_card_waits_for_the_new_one() {
    let world = World::start().await;
    let alice = at_threshold(&world, GOOD_CARD, plain()).await;
    sqlx::query("update auto_recharge set card_exp_year = 2020").execute(world.pool()).await.unwrap();
    let mut listener = Listener::connect(&world, &alice).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    assert_eq!(listener.types().await, ["paused"]);
    assert_eq!((asked(&world).await, world.count("recharge_runs").await), (0, 0));
    let method: String =
        sqlx::query_scalar("select payment_method from auto_recharge").fetch_one(world.pool()).await.unwrap();
    let object = json!({"id": method, "object": "payment_method", "livemode": false});
    let event = crate::events::event("payment_method.automatically_updated", &object);
    assert_eq!(crate::events::deliver(&world, &event).await.status(), 200);
    world.drain().await;
    sweep(&world).await;
    assert_eq!((world.balance(&alice.wallet_id).await, asked(&world).await), (5_999, 1));
    world.finish().await;
}

/// Has the saved card declined for this reason from now on.
async fn decline_with(world: &World, reason: &str) {
    let method: String =
        sqlx::query_scalar("select payment_method from auto_recharge").fetch_one(world.pool()).await.unwrap();
    let path = format!("/_emulator/payment_methods/{method}/decline");
    world.emulator().post(&path).json(json!({"reason": reason})).expect(200).await;
}
