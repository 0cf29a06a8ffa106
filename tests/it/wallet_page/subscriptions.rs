//! A subscription on the wallet page: bought, seen, changed and ended by the customer.

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

/// Sells two plans by prices of their own at the provider: to the dear one one can move.
pub(super) async fn sell_dearer(world: &World) {
    for (id, name, minor, credits) in [("studio", "Studio", 1_500, 2_000), ("house", "House", 4_500, 9_000)] {
        let price =
            format!("currency=usd&unit_amount={minor}&recurring[interval]=month&product_data[name]={id}");
        let price = world.stripe_post("prices", &price).expect(200).await["id"].clone();
        let monthly = json!({"price": {"minor": minor, "currency": "usd"}, "credits": credits});
        let plan = json!({"name": name, "monthly": monthly, "stripePriceMonthly": price});
        let path = format!("/purser/v1/catalog/plans/{id}");
        let put = world.api().put(&path).bearer(&world.settings().secrets.admin_api_key).json(plan.clone());
        if put.send().await.unwrap().status() != 200 {
            let mut plan = plan;
            plan["planId"] = json!(id);
            world.admin_post("/purser/v1/catalog/plans", plan).expect(201).await;
        }
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_moves_to_another_plan_knowing_what_it_costs() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let page = open(&world, "user:alice", Screen::PHONE).await;
    subscribe(&page, &world).await;
    page.goto("/wallet/recharge").await;
    page.sees("Studio").await;
    // As long as there is nothing to change to, it is not offered.
    assert_eq!(page.value("document.querySelector('a[href^=\"/wallet/plan/\"]')").await, Value::Null);
    sell_dearer(&world).await;
    page.goto("/wallet/recharge").await;
    page.click("a[href^='/wallet/plan/']").await;
    page.sees("$45.00 a month for 9,000 credits").await;
    // The period has just begun: the whole difference.
    page.sees("About $30.00 is charged now").await;
    page.sees("Then $45.00 on").await;
    // The provider takes its time; the page says so by itself.
    world.set_provider_faults(json!({"latency_ms": 2_000, "only": ["POST /v1/subscriptions"]})).await;
    page.click("form[action='/wallet/plan'] button").await;
    page.sees("The plan is being changed").await;
    page.sees("$45.00 a month for 9,000 credits").await;
    page.wait_for("!document.body.innerText.includes('The plan is being changed')").await;
    let stands = listed(&world).await;
    assert_eq!((&stands[0]["planId"], &stands[0]["change"]["state"]), (&json!("house"), &json!("done")));
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 2_000 + 7_000);
    page.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_not_paid_changes_nothing_and_says_why() {
    let world = World::start().await;
    world.create_user("alice").await;
    let page = open(&world, "user:alice", Screen::PHONE).await;
    subscribe(&page, &world).await;
    sell_dearer(&world).await;
    page.goto("/wallet/recharge").await;
    page.click("a[href^='/wallet/plan/']").await;
    page.sees("Change to House").await;
    // From now on her card is declined.
    let path = format!("subscriptions/{}", listed(&world).await[0]["providerSubscription"].as_str().unwrap());
    let customer = world.stripe_get(&path).expect(200).await["customer"].as_str().unwrap().to_owned();
    let attach = "payment_methods/pm_card_chargeCustomerFail/attach";
    let card = world.stripe_post(attach, &format!("customer={customer}")).expect(200).await;
    let card = format!("default_payment_method={}", card["id"].as_str().unwrap());
    world.stripe_post(&path, &card).expect(200).await;
    page.click("form[action='/wallet/plan'] button").await;
    page.sees("The plan could not be changed").await;
    page.sees("Your card was declined.").await;
    page.sees("$15.00 a month for 2,000 credits").await;
    world.drain().await;
    assert_eq!(listed(&world).await[0]["planId"], json!("studio"));
    page.finish().await;
    world.finish().await;
}
