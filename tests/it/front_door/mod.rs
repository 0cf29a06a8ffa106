//! Purser's own API, as a shop uses it.

mod bodies;
mod catalog;
mod clients;
mod credentials;
mod events;
mod examples;
mod export;
mod imports;
mod refunds;
mod rights;
mod roles;
mod selling;
mod spending;
mod statistics;
mod support;

use harness::client::{Answer, Request};
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

fn admin(world: &World, request: Request) -> Request {
    request.bearer(&world.settings().secrets.admin_api_key)
}

async fn get(world: &World, path: &str) -> Value {
    admin(world, world.api().get(path)).expect(200).await
}

fn usd(minor: i64) -> Value {
    json!({"minor": minor, "currency": "usd"})
}

/// The status and code of a refusal.
fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.json().unwrap()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

/// Has the pack `starter` sold, 100 credits for $15, and the plan `pro`, at both providers.
async fn sell(world: &World) {
    let product = json!({"id": "prod_starter", "name": "Starter", "description": "100 credits", "price": 1_500,
                         "currency": "USD", "billing_type": "onetime"});
    world.emulator().post("/_emulator/creem/products").json(product).expect(200).await;
    let pack = json!({"packId": "starter", "name": "Starter", "credits": 100, "price": usd(1_500),
                      "dialects": ["native"], "creemProductId": "prod_starter"});
    world.admin_post("/purser/v1/catalog/packs", pack).expect(201).await;
    let mut pro = get(world, "/purser/v1/catalog/plans/pro").await;
    pro["creemProductMonthly"] = json!("prod_pro");
    admin(world, world.api().put("/purser/v1/catalog/plans/pro")).json(pro).expect(200).await;
}

/// Places an order; returns it.
async fn order(world: &World, body: Value) -> Value {
    world.admin_post("/purser/v1/orders", body).expect(201).await
}

/// Pays on the order's page, and waits for what follows.
async fn pay(world: &World, order: &Value) {
    let id = order["orderId"].as_str().unwrap();
    let session = sqlx::query_scalar("select provider_session from payments where id = $1::text::uuid");
    let session: String = session.bind(id).fetch_one(world.pool()).await.unwrap();
    if order["provider"] == "creem" {
        let path = format!("/_emulator/creem/checkouts/{session}/pay");
        world.emulator().post(&path).json(json!({"card": GOOD_CARD})).expect(200).await;
    } else {
        world.pay(&session, GOOD_CARD).await;
    }
    world.drain().await;
}

/// The order as it is now.
async fn shown(world: &World, order: &Value) -> Value {
    get(world, &format!("/purser/v1/orders/{}", order["orderId"].as_str().unwrap())).await
}

/// An order of the pack that is paid.
async fn bought(world: &World, user: &User, provider: &str) -> Value {
    let wallet = format!("user:{}", user.id);
    let order = order(world, json!({"wallet": wallet, "packId": "starter", "provider": provider})).await;
    pay(world, &order).await;
    order
}
