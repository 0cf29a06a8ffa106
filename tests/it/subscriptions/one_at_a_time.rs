//! One subscription to a wallet, what is shown of it, and what follows the customer from one to the next.

use harness::client::Answer;
use harness::world::{GOOD_CARD, User, World};
use serde_json::json;

use super::changes::move_to;
use super::{DAY, MONTH, STRIPE, pass, quarantined, sell_by_price, subscribe};

async fn order(world: &World, user: &User, plan: &str) -> Answer {
    let body = json!({"channel": "stripe", "type": "subscription", "plan_id": plan});
    world.api().post("/payment/create-session").bearer(&user.api_key).json(body).send().await.unwrap()
}

fn page(answer: &Answer) -> String {
    assert_eq!(answer.status(), 201, "{answer}");
    answer.json().unwrap()["data"]["session_id"].as_str().unwrap().to_owned()
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.json().unwrap()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_subscription_is_refused_and_a_second_page_closes_the_first() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let first = page(&order(&world, &alice, "pro").await);
    let second = page(&order(&world, &alice, "team").await);
    let pay = |page: &str| {
        let path = format!("/_emulator/checkout/{page}/pay");
        world.emulator().post(&path).json(json!({"card": GOOD_CARD})).send()
    };
    assert!(pay(&first).await.unwrap().status() >= 400, "the first page is still open");
    assert_eq!(pay(&second).await.unwrap().status(), 200);
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 40_000);
    assert_eq!(refusal(&order(&world, &alice, "pro").await), (409, "ALREADY_SUBSCRIBED".to_owned()));
    // Others are not concerned.
    let bob = world.create_user("bob").await;
    page(&order(&world, &bob, "pro").await);
    assert_eq!(world.count("subscriptions").await, 1);
    world.finish().await;
}

/// Paid a moment ago, and nothing is told of it yet.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_just_paid_is_not_sold_a_second_one() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let first = page(&order(&world, &alice, "pro").await);
    world.lose_events().await;
    world.pay(&first, GOOD_CARD).await;
    let answer = order(&world, &alice, "pro").await;
    assert_eq!(answer.status(), 409, "{answer}");
    world.set_provider_faults(json!({})).await;
    let orders = async || {
        world.count("payments where state in ('created', 'pending') and superseded_by is null").await
    };
    assert_eq!(orders().await, 0);
    let subscriptions = world.stripe_get("subscriptions?limit=10").expect(200).await;
    assert_eq!(subscriptions["data"].as_array().map(Vec::len), Some(1), "{subscriptions}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_are_sold_where_that_is_configured() {
    let world = World::builder().several_subscriptions().start().await;
    let alice = world.create_user("alice").await;
    let pages = [page(&order(&world, &alice, "pro").await), page(&order(&world, &alice, "pro").await)];
    for page in pages {
        world.pay(&page, GOOD_CARD).await;
    }
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 20_000);
    // That both bill is shown.
    let shown = world.api().get("/subscription").bearer(&alice.api_key).expect(200).await;
    assert_eq!(shown["data"]["others"].as_array().map(Vec::len), Some(1), "{shown}");
    world.finish().await;
}

/// The change is billed with the next invoice only. It is shown at once, and grants nothing until then.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_plan_is_shown_before_it_is_paid() {
    let world = World::start().await;
    let pro = sell_by_price(&world, "pro", "month", 999).await;
    let team = sell_by_price(&world, "team", "month", 2_999).await;
    let alice = subscribe(&world, "alice", STRIPE).await;
    world.drain().await;
    pass(&world, DAY).await;
    let shown = async || alice.status(&world).await.1;
    move_to(&world, &alice, &team, "none").await;
    world.drain().await;
    assert_eq!((shown().await.as_str(), alice.balance(&world).await), ("team", 10_000));
    pass(&world, DAY).await;
    move_to(&world, &alice, &pro, "none").await;
    world.drain().await;
    assert_eq!((shown().await.as_str(), alice.balance(&world).await), ("pro", 10_000));
    pass(&world, DAY).await;
    move_to(&world, &alice, &team, "none").await;
    pass(&world, MONTH).await;
    world.drain().await;
    assert_eq!((shown().await.as_str(), alice.balance(&world).await), ("team", 50_000));
    assert_eq!(world.count("subscriptions where told_plan_id is null").await, 1);
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}

/// A year is given back as a balance at the provider, which pays for the next subscription: its periods grant nothing
/// until that balance, for which credits were granted before, is used up.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_carried_follows_the_customer_to_the_next_subscription() {
    let world = World::start().await;
    let monthly = sell_by_price(&world, "pro", "month", 999).await;
    sell_by_price(&world, "pro", "year", 9_990).await;
    let alice = subscribe(&world, "alice", super::Choice { interval: "year", ..STRIPE }).await;
    world.drain().await;
    assert_eq!(alice.balance(&world).await, 120_000);
    move_to(&world, &alice, &monthly, "always_invoice").await;
    world.drain().await;
    assert_eq!(world.count("subscriptions where carried = -110000000000").await, 1);
    let path = format!("subscriptions/{}", alice.id);
    world.stripe(reqwest::Method::DELETE, &path).expect(200).await;
    world.drain().await;

    let again = page(&order(&world, &alice.user, "pro").await);
    world.pay(&again, GOOD_CARD).await;
    world.drain().await;
    let granted = async || -> i64 {
        let sum = "select (coalesce(sum(amount), 0) / 1000000)::bigint from ledger_entries where amount > 0";
        sqlx::query_scalar(sum).fetch_one(world.pool()).await.unwrap()
    };
    assert_eq!(granted().await, 120_000);
    let carried = async || -> i64 {
        let sum = "select (sum(carried) / 1000000)::bigint from subscriptions";
        sqlx::query_scalar(sum).fetch_one(world.pool()).await.unwrap()
    };
    assert_eq!(carried().await, -100_000);
    pass(&world, MONTH).await;
    world.drain().await;
    assert_eq!((granted().await, carried().await), (120_000, -90_000));
    let paid = world.stripe_get("invoices?limit=100").expect(200).await;
    let charged: i64 =
        paid["data"].as_array().unwrap().iter().map(|one| one["amount_paid"].as_i64().unwrap()).sum();
    assert_eq!(charged, 9_990, "money was charged although the balance pays");
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    world.finish().await;
}
