//! The wallet page in a real browser, as a customer uses it.

mod access;
mod buying;
mod history;
mod looks;
mod members;
mod recharging;
mod subscriptions;

use harness::browser::{Page, Screen};
use harness::world::World;
use serde_json::{Value, json};

/// Makes a link to a wallet's page; returns the whole answer.
async fn link(world: &World, wallet: &str, more: Value) -> Value {
    let mut body = json!({"wallet": wallet, "returnUrl": "http://localhost:3000/account"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    world.admin_post("/purser/v1/portal-sessions", body).expect(201).await
}

fn url(link: &Value) -> &str {
    link["url"].as_str().unwrap()
}

/// Opens a wallet's page with a link of its own.
pub async fn open(world: &World, wallet: &str, screen: Screen) -> Page {
    let link = link(world, wallet, json!({"locale": "en"})).await;
    let page = Page::open(&world.settings().api_url(), screen).await;
    let page = page.may_visit(&world.settings().emulator_url());
    page.goto(url(&link)).await;
    page.wait_for("location.pathname === '/wallet'").await;
    page
}

/// Gives credits to a wallet.
async fn give(world: &World, wallet: &str, credits: i64, more: Value) {
    let mut body = json!({"credits": credits, "kind": "promotional", "reason": "For this test"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    world.admin_post(&format!("/purser/v1/wallets/{wallet}/grants"), body).expect(201).await;
}

/// Uses credits of a wallet.
async fn take(world: &World, wallet: &str, credits: i64, kind: &str) {
    let body = json!({"credits": credits, "type": kind});
    world.admin_post(&format!("/purser/v1/wallets/{wallet}/debits"), body).expect(200).await;
}

/// Pays on the provider's page that the browser has come to.
async fn pay(page: &Page, world: &World, card: &str) {
    page.wait_for(&format!("location.origin === {}", json!(world.settings().emulator_url()))).await;
    page.wait_for("document.querySelector('[name=card]') !== null").await;
    if page.value("document.querySelector('[name=email]') !== null").await == json!(true) {
        page.fill("[name=email]", "alice@example.com").await;
    }
    page.fill("[name=card]", card).await;
    page.click("button[value=pay]").await;
}
