//! What a subscription can be moved to, and what that costs: said before, and charged so after.

use std::time::Duration;

use harness::client::{Answer, Request};
use harness::world::World;
use serde_json::{Value, json};

use super::{CREEM, STRIPE, Subscriber, creem_post, quarantined, sell_by_price, sell_over_creem, subscribe};

/// A session of a user, with scopes.
async fn session(world: &World, user: &str, scopes: &[&str]) -> String {
    let made = world.admin_post("/purser/v1/sessions", json!({"userId": user, "scopes": scopes})).expect(201);
    made.await["sessionToken"].as_str().unwrap().to_owned()
}

async fn own_id(world: &World, subscriber: &Subscriber) -> String {
    let own = world.api().get("/purser/v1/wallets/me/subscriptions").bearer(&subscriber.user.api_key);
    own.expect(200).await["data"][0]["subscriptionId"].as_str().unwrap().to_owned()
}

fn options_of(world: &World, id: &str, token: &str) -> Request {
    world.api().get(&format!("/purser/v1/subscriptions/{id}/plans")).bearer(token)
}

async fn change(world: &World, id: &str, token: &str, plan: &str, interval: &str) -> Answer {
    let wish = json!({"planId": plan, "interval": interval});
    let path = format!("/purser/v1/subscriptions/{id}/change");
    world.api().post(&path).bearer(token).json(wish).send().await.unwrap()
}

fn option<'a>(options: &'a Value, plan: &str, interval: &str) -> &'a Value {
    let mut all = options["data"].as_array().unwrap().iter();
    let found = all.find(|one| one["planId"] == plan && one["interval"] == interval);
    found.unwrap_or_else(|| panic!("no {plan} by the {interval} in {options}"))
}

/// The total of the newest invoice at Stripe.
async fn invoiced(world: &World, subscriber: &Subscriber) -> i64 {
    let path = format!("invoices?subscription={}&limit=1", subscriber.id);
    world.stripe_get(&path).expect(200).await["data"][0]["total"].as_i64().unwrap()
}

/// The clock goes on between the question and the charge.
fn assert_about(said: &Value, charged: i64) {
    let said = said["minor"].as_i64().unwrap();
    assert!((said - charged).abs() <= 1, "{said} was said, and {charged} is charged");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_change_costs_is_said_before_and_charged_after() {
    let world = World::start().await;
    sell_by_price(&world, "pro", "month", 999).await;
    sell_by_price(&world, "pro", "year", 9_990).await;
    sell_by_price(&world, "team", "month", 2_999).await;
    // Neither can be moved to: one has no price of its own at the provider, the other another currency.
    for (id, currency) in [("solo", "usd"), ("uno", "eur")] {
        let price = (currency == "eur").then_some("price_uno");
        let plan = json!({"planId": id, "name": id, "stripePriceMonthly": price,
                          "monthly": {"credits": 5, "price": {"minor": 500, "currency": currency}}});
        world.admin_post("/purser/v1/catalog/plans", plan).expect(201).await;
    }
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    world.advance(Duration::from_hours(24 * 10)).await;
    let (id, reads) = (own_id(&world, &alice).await, session(&world, "alice", &["read"]).await);
    let options = options_of(&world, &id, &reads).expect(200).await;
    assert_eq!(options["data"].as_array().unwrap().len(), 2, "{options}");
    let team = option(&options, "team", "month");
    assert_eq!((&team["price"]["minor"], &team["credits"]), (&json!(2_999), &json!(40_000)));
    // A third of the month is over.
    let due = team["due"]["minor"].as_i64().unwrap();
    assert!((1_280..1_380).contains(&due), "{due}");

    let buys = session(&world, "alice", &["read", "buy"]).await;
    assert_eq!(change(&world, &id, &buys, "team", "month").await.status(), 200);
    world.drain().await;
    assert_about(&team["due"], invoiced(&world, &alice).await);
    // Back again, less is charged later; to a year, a whole one begins now.
    let options = options_of(&world, &id, &reads).expect(200).await;
    let (back, year) = (option(&options, "pro", "month"), option(&options, "pro", "year"));
    assert!(back["due"]["minor"].as_i64().unwrap() < 0 && back["renewsAt"] == team["renewsAt"], "{back}");
    assert!(year["renewsAt"].as_str().unwrap() > back["renewsAt"].as_str().unwrap(), "{year}");
    assert_eq!(change(&world, &id, &buys, "pro", "year").await.status(), 200);
    world.drain().await;
    assert_about(&year["due"], invoiced(&world, &alice).await);
    assert_eq!(alice.status(&world).await, ("active".to_owned(), "pro".to_owned(), false));
    let own = world.api().get("/purser/v1/wallets/me/subscriptions").bearer(&buys).expect(200).await;
    let (said, is) =
        (year["renewsAt"].as_str().unwrap(), own["data"][0]["currentPeriodEnd"].as_str().unwrap());
    assert_eq!(said[..10], is[..10], "the day on which it renews");
    // What ends is moved to nothing.
    world.stripe_post(&format!("subscriptions/{}", alice.id), "cancel_at_period_end=true").expect(200).await;
    world.drain().await;
    assert_eq!(options_of(&world, &id, &reads).expect(200).await["data"], json!([]));
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_over_creem_costs_what_is_said() {
    let world = World::start().await;
    sell_over_creem(&world).await;
    let alice = subscribe(&world, "alice", CREEM).await;
    world.drain().await;
    world.advance(Duration::from_hours(24 * 20)).await;
    let (id, buys) = (own_id(&world, &alice).await, session(&world, "alice", &["read", "buy"]).await);
    let options = options_of(&world, &id, &buys).expect(200).await;
    assert_eq!(change(&world, &id, &buys, "team", "month").await.status(), 200);
    world.drain().await;
    let paid = "select amount_minor from payments where provider = 'creem' order by created_at desc limit 1";
    let paid: i64 = sqlx::query_scalar(paid).fetch_one(world.pool()).await.unwrap();
    assert_about(&option(&options, "team", "month")["due"], paid);
    // The way back is open: creem keeps the difference.
    let downgrade = json!({"product_id": "prod_pro", "update_behavior": "proration-charge-immediately"});
    creem_post(&world, &format!("subscriptions/{}/upgrade", alice.id), downgrade).await;
    world.drain().await;
    assert_eq!(alice.status(&world).await.1, "pro");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_buys_for_the_wallet_changes_its_plan() {
    let world = World::start().await;
    sell_by_price(&world, "team", "month", 2_999).await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.create_user("bob").await;
    world.drain().await;
    let id = own_id(&world, &alice).await;
    let (reads, strangers) =
        (session(&world, "alice", &["read"]).await, session(&world, "bob", &["read", "buy"]).await);
    options_of(&world, &id, &strangers).expect(404).await;
    assert_eq!(change(&world, &id, &strangers, "team", "month").await.status(), 404);
    assert_eq!(change(&world, &id, &reads, "team", "month").await.status(), 403);
    // A server that only sells does not decide it.
    let seller = json!({"name": "Shop", "scopes": ["read", "buy"]});
    let seller = world.admin_post("/purser/v1/api-keys", seller).expect(201).await;
    let seller = seller["apiKey"].as_str().unwrap();
    assert_eq!(change(&world, &id, seller, "team", "month").await.status(), 403);
    world.drain().await;
    assert_eq!(alice.status(&world).await.1, "pro");
    world.finish().await;
}
