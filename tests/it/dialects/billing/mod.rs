//! The Billing API, to the letter: its samples, its errors, and whose data is whose.

mod checkin;
mod coupons;
mod credits;
mod orders;
mod payment;
mod plans;

use harness::client::{Answer, Request};
use harness::world::{User, World};
use serde_json::{Value, json};

/// What was answered well.
fn data(answer: Value) -> Value {
    assert_eq!(answer["success"], json!(true), "{answer}");
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(2), "{answer}");
    answer["data"].clone()
}

/// The status and code of an error, which has nothing else in it.
fn complaint(answer: &Answer) -> (u16, String) {
    let body = answer.json().unwrap();
    assert_eq!(body["success"], json!(false), "{answer}");
    assert!(body["error"]["message"].is_string(), "{answer}");
    (answer.status(), body["error"]["code"].as_str().unwrap().to_owned())
}

fn admin(world: &World, request: Request) -> Request {
    request.bearer(&world.settings().secrets.admin_api_key)
}

async fn get(world: &World, user: &User, path: &str) -> Value {
    data(world.api().get(path).bearer(&user.api_key).expect(200).await)
}

async fn post(world: &World, user: &User, path: &str, body: Value) -> Answer {
    world.api().post(path).bearer(&user.api_key).json(body).send().await.unwrap()
}

async fn refused(world: &World, user: &User, body: Value) -> (u16, String) {
    complaint(&post(world, user, "/payment/create-session", body).await)
}

/// Opens a payment page.
async fn session(world: &World, user: &User, body: Value) -> Value {
    let answer = post(world, user, "/payment/create-session", body).await;
    assert_eq!(answer.status(), 201, "{answer}");
    data(answer.json().unwrap())
}

async fn coupon(world: &World, body: Value) -> Value {
    data(admin(world, world.api().post("/admin/billing/coupons")).json(body).expect(201).await)
}

async fn sell_over_creem(world: &World) {
    let product = json!({"creem_product_id": "prod_pro"});
    admin(world, world.api().put("/admin/billing/plans/pro")).json(product).expect(200).await;
}

const RETURN: &str = "http://localhost:3000/dashboard/subscription?success=true";
