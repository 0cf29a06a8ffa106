//! A subscription on the wallet page: bought, seen, and ended by the customer.

use harness::browser::{Page, Screen};
use harness::world::{GOOD_CARD, World};
use serde_json::{Value, json};

use super::{open, pay};

/// The user's subscriptions, as the own API says.
async fn listed(world: &World) -> Vec<Value> {
    let found = world.api().get("/purser/v1/wallets/user:alice/subscriptions");
    let found = found.bearer(&world.settings().secrets.admin_api_key).expect(200).await;
    found["data"].as_array().unwrap().clone()
}

/// Subscribes to a plan on the page.
pub(super) async fn subscribe(page: &Page, world: &World) {
    let monthly = json!({"price": {"minor": 1_500, "currency": "usd"}, "credits": 2_000});
    let plan = json!({"planId": "studio", "name": "Studio", "monthly": monthly});
    world.admin_post("/purser/v1/catalog/plans", plan).expect(201).await;
    page.goto("/wallet/buy").await;
    page.click("form:has([value=studio]) button").await;
    pay(page, world, GOOD_CARD).await;
    page.sees("Paid, and credited").await;
    world.drain().await;
}

/// Ends the subscription on the page.
async fn end(page: &Page) {
    page.goto("/wallet/recharge").await;
    page.click("button[commandfor^=end]").await;
    page.click("dialog[open] button.danger").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_bought_seen_and_ended_with_its_period() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let page = open(&world, "user:alice", Screen::PHONE).await;
    page.goto("/wallet/recharge").await;
    assert_eq!(page.value("document.querySelector('#plans')").await, Value::Null);
    subscribe(&page, &world).await;
    page.goto("/wallet/recharge").await;
    page.sees("Studio").await;
    page.sees("$15.00 a month for 2,000 credits").await;
    page.sees("Renews on").await;
    page.click("button[commandfor^=end]").await;
    page.sees("End Studio?").await;
    page.press("Escape").await;
    page.wait_for("!document.querySelector('dialog[id^=end]').open").await;
    assert_eq!(listed(&world).await[0]["cancelAtPeriodEnd"], json!(false));
    // The provider takes its time; the page says so by itself.
    world.set_provider_faults(json!({"latency_ms": 2_000, "only": ["POST /v1/subscriptions"]})).await;
    end(&page).await;
    page.sees("It is being ended").await;
    page.sees("is not charged again").await;
    page.wait_for("document.querySelector('button[commandfor^=end]') === null").await;
    let stands = listed(&world).await;
    assert_eq!((&stands[0]["cancelAtPeriodEnd"], &stands[0]["state"]), (&json!(true), &json!("active")));
    assert_eq!(world.balance(&alice.wallet_id).await, 2_000);
    page.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_refuses_to_end_it_is_quoted() {
    let world = World::start().await;
    world.create_user("alice").await;
    let page = open(&world, "user:alice", Screen::PHONE).await;
    subscribe(&page, &world).await;
    end(&page).await;
    page.sees("is not charged again").await;
    world.drain().await;
    // No emulator refuses this: what a worker would have written.
    for refused in [
        "update subscription_endings set state = 'refused', refusal = 'The account is closed.'",
        "update subscriptions set cancel_at_period_end = false",
    ] {
        sqlx::query(refused).execute(world.pool()).await.unwrap();
    }
    page.goto("/wallet/recharge").await;
    page.sees("It could not be ended").await;
    page.sees("The account is closed.").await;
    // It can be asked for again.
    end(&page).await;
    page.sees("is not charged again").await;
    page.finish().await;
    world.finish().await;
}
