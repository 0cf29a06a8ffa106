//! The console: as requests without a browser, and in a real browser as operators use it.

mod audit_log;
mod catalog;
mod forms;
mod looks;
mod numbers;
mod rights;
mod support;

use harness::browser::{Page, Screen};
use harness::world::{GOOD_CARD, User, World, link};
use serde_json::{Value, json};

pub const PASSWORD: &str = "correct horse battery";

/// Invites somebody, who accepts and has not signed in; returns the e-mail address.
async fn employ(world: &World, name: &str, role: &str) -> String {
    let email = format!("{}@example.com", name.to_lowercase());
    let new = json!({"email": email, "name": name, "role": role});
    let made = world.admin_post("/purser/v1/operators", new).expect(201).await;
    let body = json!({"link": link(made["url"].as_str().unwrap()), "password": PASSWORD});
    world.api().post("/purser/v1/operator-invitations/accept").json(body).expect(200).await;
    email
}

/// Signs in as a person does, by keyboard.
async fn sign_in(world: &World, email: &str, screen: Screen) -> Page {
    let page = Page::open(&world.settings().api_url(), screen).await;
    page.goto("/console").await;
    page.wait_for("location.pathname === '/console/sign-in'").await;
    page.tab_to("#email").await;
    page.write(email).await;
    page.tab_to("#password").await;
    page.write(PASSWORD).await;
    page.press("Enter").await;
    page.wait_for("location.pathname === '/console'").await;
    page
}

/// Opens the form behind a button, fills it in and sends it.
async fn act(page: &Page, action: &str, fields: &[(&str, &str)], done: &str) {
    page.click(&format!("a[href^='/console/do/{action}?']")).await;
    page.wait_for(&format!("location.pathname === '/console/do/{action}'")).await;
    for (name, value) in fields {
        page.fill(&format!("#{name}"), value).await;
    }
    page.click("main form button").await;
    page.sees(done).await;
}

/// What the audit log says of the newest such action.
async fn audited(world: &World, action: &str) -> Value {
    let admin = &world.settings().secrets.admin_api_key;
    let log = world.api().get("/purser/v1/audit-log?limit=500").bearer(admin).expect(200).await;
    let found = log["data"].as_array().unwrap().iter().find(|one| one["action"] == action);
    found.unwrap_or_else(|| panic!("no {action}: {log}")).clone()
}

/// Pays at the provider for what was ordered; but the order says that more is to be paid.
async fn pay_too_little(world: &World, user: &User) {
    let checkout = world.start_checkout(user, 2_500).await;
    let raise = sqlx::query("update payments set amount_minor = 3000 where provider_session = $1");
    raise.bind(&checkout.session_id).execute(world.pool()).await.unwrap();
    world.pay(&checkout.session_id, GOOD_CARD).await;
    world.drain().await;
}
