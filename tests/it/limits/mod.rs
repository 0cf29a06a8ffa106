//! Limits on what members and keys spend: met exactly, seen, changed, told, and set by those only who may.

mod keys;
mod members;
mod rights;
mod together;

use std::time::Duration;

use harness::client::{Answer, Request};
use harness::world::World;
use serde_json::{Value, json};

use crate::organizations::{Cast, organization};

fn admin(world: &World, request: Request) -> Request {
    request.bearer(&world.settings().secrets.admin_api_key)
}

async fn get(world: &World, path: &str) -> Value {
    admin(world, world.api().get(path)).expect(200).await
}

async fn delete(world: &World, path: &str) {
    let answer = admin(world, world.api().delete(path)).send().await.unwrap();
    assert_eq!(answer.status(), 204, "{answer}");
}

async fn give(world: &World, wallet: &str, credits: i64) {
    let body = json!({"credits": credits, "kind": "paid", "reason": "a test"});
    world.admin_post(&format!("/purser/v1/wallets/{wallet}/grants"), body).expect(201).await;
}

/// An organization with 1,000 credits.
async fn acme(world: &World) -> Cast {
    let cast = organization(world).await;
    give(world, &format!("org:{}", cast.id), 1_000).await;
    cast
}

fn member_path(cast: &Cast, user: &str) -> String {
    format!("/purser/v1/organizations/{}/members/{user}", cast.id)
}

/// Limits the member, and returns how it is shown.
async fn limit(world: &World, cast: &Cast, credits: i64, per: &str) -> Value {
    let body = json!({"role": "member", "limit": {"credits": credits, "per": per}});
    admin(world, world.api().put(&member_path(cast, "member"))).json(body).expect(200).await["limit"].clone()
}

/// What is used and left of the member's limit.
async fn standing(world: &World, cast: &Cast) -> Value {
    let shown = get(world, &format!("/purser/v1/organizations/{}", cast.id)).await;
    let members = shown["members"].as_array().unwrap();
    members.iter().find(|member| member["userId"] == "member").unwrap()["limit"].clone()
}

async fn post(world: &World, path: &str, bearer: &str, key: &str, body: Value) -> Answer {
    let request = world.api().post(path).bearer(bearer).idempotency_key(key);
    request.json(body).send().await.unwrap()
}

/// A debit of the member; its key is what it is for.
async fn spend(world: &World, cast: &Cast, key: &str, credits: i64) -> Answer {
    let bearer = &cast.member.api_key;
    post(world, &cast.path("debits"), bearer, key, json!({"credits": credits})).await
}

fn status(answer: &Answer) -> (u16, String) {
    let body = answer.json().unwrap();
    (answer.status(), body["error"]["code"].as_str().unwrap_or("none").to_owned())
}

fn limit_reached() -> (u16, String) {
    (402, "limit_reached".to_owned())
}

fn done() -> (u16, String) {
    (200, "none".to_owned())
}

/// Until the next midnight in UTC.
async fn until_tomorrow(world: &World) {
    let now = world.clock().now();
    let tomorrow = now.date().next_day().unwrap().midnight().assume_utc();
    world.advance(Duration::try_from(tomorrow - now).unwrap() + Duration::from_secs(1)).await;
}
