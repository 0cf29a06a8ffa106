//! Every page and state on both sizes, by day and by night: no barrier for anybody, no fault, and a picture of each in
//! `target/screenshots` (`cargo screenshots`).

use harness::browser::{Page, Screen};
use harness::receiver::{Answer, Receiver};
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

use super::{PASSWORD, employ, pay_too_little, sign_in};
use crate::parked_purchases;
use crate::recharge::{enable, plain};

async fn look(page: &Page, name: &str) {
    page.is_for_everybody(&format!("console-{name}")).await;
}

async fn sell(world: &World) {
    for (path, body) in [
        (
            "packs",
            json!({"packId": "starter", "name": "Starter", "description": "For a first project",
                         "credits": 500, "price": {"minor": 500, "currency": "usd"}}),
        ),
        (
            "packs",
            json!({"packId": "studio", "name": "Studio", "description": "For a team of five",
                         "credits": 12_500, "price": {"minor": 9_000, "currency": "usd"},
                         "expiresAfterDays": 365}),
        ),
        (
            "packs",
            json!({"packId": "summer", "name": "Summer sale", "credits": 3_000, "active": false,
                         "price": {"minor": 1_999, "currency": "eur"}}),
        ),
        (
            "plans",
            json!({"planId": "hobby", "name": "Hobby",
                         "monthly": {"credits": 1_000, "price": {"minor": 900, "currency": "usd"}},
                         "yearly": {"credits": 12_000, "price": {"minor": 9_000, "currency": "usd"}}}),
        ),
        ("coupons", json!({"code": "AUTUMN", "percent": 20, "maxRedemptions": 500})),
        ("coupons", json!({"code": "THANKYOU", "credits": 50, "expiresAt": "2035-01-01T00:00:00Z"})),
    ] {
        world.admin_post(&format!("/purser/v1/catalog/{path}"), body).expect(201).await;
    }
}

async fn spend(world: &World, user: &User, credits: Value, about: &str) {
    let spend = world.api().post("/purser/v1/wallets/me/debits").bearer(&user.api_key);
    spend.json(json!({"credits": credits, "description": about})).expect(200).await;
}

/// Somebody with something of everything.
async fn busy(world: &World) -> User {
    let alice = world.create_user("alice").await;
    let change = json!({"email": "alice.liddell@wonderland.example", "name": "Alice Liddell"});
    world.put_user("alice", change).expect(200).await;
    world.buy(&alice, 12_500).await;
    for (credits, about) in [
        (json!(412.5), "Forty renders of the reading room, in the largest size that there is"),
        (json!(18), "Chat"),
        (json!(0.25), "Speech"),
    ] {
        spend(world, &alice, credits, about).await;
    }
    let answer = enable(world, &alice, plain()).await;
    world.pay(answer["setupSessionId"].as_str().unwrap(), GOOD_CARD).await;
    let hold = world.api().post("/purser/v1/wallets/me/holds").bearer(&alice.api_key);
    hold.json(json!({"credits": 50, "description": "A long render"})).expect(201).await;
    let gift = json!({"credits": 100, "kind": "promotional", "expiresAfterDays": 30, "reason": "Welcome"});
    world.admin_post("/purser/v1/wallets/user:alice/grants", gift).expect(201).await;
    let order = json!({"wallet": "user:alice", "credits": 750, "reference": "basket-1107"});
    world.admin_post("/purser/v1/orders", order).send().await.unwrap();
    pay_too_little(world, &alice).await;
    alice
}

/// Jobs and purchases that wait for somebody.
async fn troubled(world: &World) {
    let letter = "insert into dead_letters (id, role, kind, reason, attempts, died_at, body) \
                  values (gen_random_uuid(), 'providers', 'payment.refund', \
                          'the provider answers 503 Service Unavailable', 8, now(), convert_to($1, 'UTF8'))";
    let body = r#"{"kind":"payment.refund","payload":{"refund_request_id":"0199c1de"}}"#;
    sqlx::query(letter).bind(body).execute(world.pool()).await.unwrap();
    parked_purchases::buy(world, "470001234567").await;
    let endpoint = json!({"url": "https://shop.example/hooks/purser"});
    world.admin_post("/purser/v1/webhook-endpoints", endpoint).expect(201).await;
}

async fn one(world: &World, statement: &'static str) -> String {
    sqlx::query_scalar(statement).fetch_one(world.pool()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_console_is_for_everybody() {
    let world = World::start().await;
    world.create_user("bob").await;
    let page = sign_in(&world, &employ(&world, "Ada", "admin").await, Screen::DESK).await;
    for (name, path) in [
        ("overview-empty", "/console"),
        ("search-start", "/console/search"),
        ("search-nothing", "/console/search?query=nobody"),
        ("wallet-empty", "/console/wallets/user:bob"),
        ("orders-empty", "/console/orders"),
        ("quarantine-empty", "/console/quarantine"),
        ("dead-letters-empty", "/console/dead-letters"),
        ("parked-empty", "/console/parked-purchases"),
        ("recharges-empty", "/console/recharges"),
        ("catalog-empty", "/console/catalog"),
        ("webhooks-empty", "/console/webhooks"),
        ("audit-nothing", "/console/audit?action=nothing"),
    ] {
        page.goto(path).await;
        look(&page, name).await;
    }
    page.finish().await;
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_the_console_is_for_everybody() {
    let mut world = World::start().await;
    world.allow_dead_letters();
    sell(&world).await;
    busy(&world).await;
    troubled(&world).await;
    employ(&world, "Sue", "support").await;
    let page = sign_in(&world, &employ(&world, "Ada", "admin").await, Screen::DESK).await;
    let order = one(&world, "select id::text from payments order by created_at limit 1").await;
    let event =
        "select provider || ':' || event_id from provider_events where outcome = 'quarantined' limit 1";
    let event = one(&world, event).await;
    let operator = one(&world, "select id::text from operators where role = 'support'").await;
    let letter = one(&world, "select id::text from dead_letters").await;
    let endpoint = one(&world, "select id::text from webhook_endpoints").await;
    for (name, path) in [
        ("overview", "/console".to_owned()),
        ("search", "/console/search?query=alice".to_owned()),
        ("wallet", "/console/wallets/user:alice".to_owned()),
        ("orders", "/console/orders".to_owned()),
        ("order", format!("/console/orders/{order}")),
        ("quarantine", "/console/quarantine".to_owned()),
        ("event", format!("/console/quarantine/{event}")),
        ("dead-letters", "/console/dead-letters".to_owned()),
        ("dead-letter", format!("/console/dead-letters/{letter}")),
        ("parked", "/console/parked-purchases".to_owned()),
        ("catalog", "/console/catalog".to_owned()),
        ("webhooks", "/console/webhooks".to_owned()),
        ("endpoint", format!("/console/webhooks/{endpoint}")),
        ("keys", "/console/keys".to_owned()),
        ("operators", "/console/operators".to_owned()),
        ("operator", format!("/console/operators/{operator}")),
        ("account", "/console/account".to_owned()),
        ("audit", "/console/audit".to_owned()),
        ("system", "/console/system".to_owned()),
        ("do-grant", "/console/do/grant?wallet=user:alice&back=/console".to_owned()),
        ("do-invite", "/console/do/invite?back=/console/operators".to_owned()),
        ("do-key", "/console/do/key?back=/console/keys".to_owned()),
        ("do-pack", "/console/do/change-pack?packId=studio&back=/console/catalog".to_owned()),
        ("do-plan", "/console/do/change-plan?planId=hobby&back=/console/catalog".to_owned()),
        ("do-refund", format!("/console/do/refund?orderId={order}&currency=usd&back=/console/orders")),
        ("do-erase", "/console/do/erase?userId=alice&back=/console".to_owned()),
        ("not-found", "/console/wallets/user:nobody".to_owned()),
    ] {
        page.goto_first(&path).await;
        look(&page, name).await;
    }
    page.finish().await;
    world.abandon().await;
}

/// Wallets that have more than money in them: a subscription, a recharge that is paused, members with limits; and
/// deliveries of all kinds.
async fn rich(world: &World) -> (String, String) {
    sell(world).await;
    let order = json!({"wallet": "user:alice", "planId": "hobby"});
    let order = world.admin_post("/purser/v1/orders", order).expect(201).await;
    let session = sqlx::query_scalar("select provider_session from payments where id = $1::uuid");
    let session = session.bind(order["orderId"].as_str()).fetch_one(world.pool());
    let session: String = session.await.unwrap();
    world.pay(&session, GOOD_CARD).await;
    world.drain().await;
    let pause = json!({"reason": "She lost her card"});
    world.admin_post("/purser/v1/wallets/user:alice/auto-recharge/pause", pause).expect(200).await;
    let members = json!([{"userId": "alice", "role": "owner"}, {"userId": "bob", "role": "member"}]);
    let made = world.admin_post("/purser/v1/organizations", json!({"name": "Acme", "members": members}));
    let organization = made.expect(201).await["orgId"].as_str().unwrap().to_owned();
    let limit = json!({"role": "member", "limit": {"credits": 100, "per": "day"}});
    let path = format!("/purser/v1/organizations/{organization}/members/bob");
    world.api().put(&path).bearer(&world.settings().secrets.admin_api_key).json(limit).expect(200).await;
    let gift = json!({"credits": 1_000, "kind": "promotional", "reason": "Welcome"});
    world.admin_post(&format!("/purser/v1/wallets/org:{organization}/grants"), gift).expect(201).await;
    let endpoint = one(world, "select id::text from webhook_endpoints").await;
    (format!("org:{organization}"), endpoint)
}

#[tokio::test(flavor = "multi_thread")]
async fn wallets_and_endpoints_with_all_that_they_can_have_are_for_everybody() {
    let world = World::start().await;
    let refusal = Answer::Status(500);
    let receiver = Receiver::answering(&[Answer::Status(204), refusal, refusal], Answer::Status(204)).await;
    let endpoint = json!({"url": receiver.url()});
    world.admin_post("/purser/v1/webhook-endpoints", endpoint).expect(201).await;
    world.create_user("bob").await;
    busy(&world).await;
    let (organization, endpoint) = rich(&world).await;
    let page = sign_in(&world, &employ(&world, "Ada", "admin").await, Screen::DESK).await;
    for (name, path) in [
        ("wallet-rich", "/console/wallets/user:alice".to_owned()),
        ("wallet-organization", format!("/console/wallets/{organization}")),
        ("recharges", "/console/recharges".to_owned()),
        ("deliveries", format!("/console/webhooks/{endpoint}")),
        ("deliveries-failed", format!("/console/webhooks/{endpoint}?state=failed")),
        ("do-check-in", "/console/do/check-in?back=/console/catalog".to_owned()),
        (
            "do-cancel-subscription",
            "/console/do/cancel-subscription?subscriptionId=1&back=/console".to_owned(),
        ),
    ] {
        page.goto_first(&path).await;
        look(&page, name).await;
    }
    page.finish().await;
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_before_and_after_is_for_everybody() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_user("alice").await;
    let page = Page::open(&world.settings().api_url(), Screen::PHONE).await;
    page.goto("/console").await;
    look(&page, "sign-in").await;
    page.fill("#email", "ada@example.com").await;
    page.fill("#password", "wrong").await;
    page.press("Enter").await;
    page.sees("You are not signed in").await;
    look(&page, "sign-in-refused").await;
    page.goto("/console/invitation?link=pol_none").await;
    look(&page, "invitation-used").await;
    let new = json!({"email": "vera@example.com", "name": "Vera", "role": "viewer"});
    let made = world.admin_post("/purser/v1/operators", new).expect(201).await;
    page.goto(made["url"].as_str().unwrap()).await;
    look(&page, "invitation").await;
    page.fill("#password", "short").await;
    page.press("Enter").await;
    page.sees("12 to 256 characters").await;
    look(&page, "invitation-refused").await;
    page.fill("#password", PASSWORD).await;
    page.press("Enter").await;
    page.sees("Your password is set").await;
    look(&page, "invitation-accepted").await;
    page.fill("#email", "vera@example.com").await;
    page.fill("#password", PASSWORD).await;
    page.press("Enter").await;
    page.wait_for("location.pathname === '/console'").await;
    page.goto("/console/wallets/user:alice").await;
    look(&page, "viewer-wallet").await;
    page.goto("/console/do/grant?wallet=user:alice").await;
    look(&page, "viewer-refused").await;
    page.finish().await;
    let page = sign_in(&world, &employ(&world, "Ada", "admin").await, Screen::DESK).await;
    page.goto("/console/do/adjust?wallet=user:alice&back=/console/wallets/user:alice").await;
    page.fill("#credits", "-1000").await;
    page.fill("#reason", "Too much").await;
    page.click("main form button").await;
    page.sees("This was not done").await;
    look(&page, "do-refused").await;
    page.fill("#credits", "10").await;
    page.click("main form button").await;
    page.sees("The balance is corrected.").await;
    look(&page, "done").await;
    page.goto("/console/do/key?back=/console/keys").await;
    page.fill("#name", "The shop").await;
    page.click("input[value=read]").await;
    page.click("main form button").await;
    page.sees("Copy it now").await;
    look(&page, "shown-once").await;
    page.finish().await;
    world.abandon().await;
}
