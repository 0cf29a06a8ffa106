//! Keys, sessions and tokens: how they begin, how they end, and what is seen of them.

use std::time::Duration;

use harness::client::{Answer, Request};
use harness::world::{World, key_of};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

fn admin(world: &World, request: Request) -> Request {
    request.bearer(&world.settings().secrets.admin_api_key)
}

/// A token of the host application for a user, with these claims besides.
pub fn token(world: &World, user: &str, more: &Value) -> String {
    let (issuer, audience) = world.settings().jwt_issuer_and_audience();
    let expires = (world.clock().now() + time::Duration::hours(1)).unix_timestamp();
    let mut claims = json!({"sub": user, "iss": issuer, "aud": audience, "exp": expires});
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let key = jsonwebtoken::EncodingKey::from_secret(world.settings().secrets.jwt_hs256_secret.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

async fn use_it(world: &World, credential: &str) -> (u16, String) {
    let answer: Answer = world.api().get("/purser/v1/organizations").bearer(credential).send().await.unwrap();
    let code = answer.json().unwrap()["error"]["code"].as_str().unwrap_or("none").to_owned();
    (answer.status(), code)
}

fn ok() -> (u16, String) {
    (200, "none".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_expire_are_revoked_at_once_and_say_when_they_were_used() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_user("alice").await;
    let ends = (world.clock().now() + time::Duration::hours(1)).format(&Rfc3339).unwrap();
    let body =
        json!({"name": "Shop", "scopes": ["spend", "read"], "walletsOf": "user:alice", "expiresAt": ends});
    let made = world.admin_post("/purser/v1/api-keys", body).expect(201).await;
    let (id, key) = (made["apiKeyId"].as_str().unwrap(), made["apiKey"].as_str().unwrap());
    assert_eq!(made["prefix"], json!(key.get(..12).unwrap()));
    assert_eq!((&made["scopes"], &made["walletsOf"]), (&json!(["read", "spend"]), &json!("user:alice")));
    assert_eq!((&made["lastUsedAt"], &made["revokedAt"]), (&Value::Null, &Value::Null));

    assert_eq!(use_it(&world, key).await, ok());
    world.wait_for_rows(1, &format!("api_keys where id = '{id}' and last_used_at is not null")).await;
    let path = format!("/purser/v1/api-keys/{id}");
    let shown = admin(&world, world.api().get(&path)).expect(200).await;
    assert!(shown["lastUsedAt"].as_str().unwrap().ends_with('Z') && shown.get("apiKey").is_none(), "{shown}");
    assert_eq!((&shown["name"], &shown["prefix"]), (&json!("Shop"), &made["prefix"]));
    let listed = admin(&world, world.api().get("/purser/v1/api-keys?limit=1")).expect(200).await;
    assert_eq!(listed["data"], json!([shown]));
    assert!(listed["nextCursor"].is_string() && !listed.to_string().contains(key), "{listed}");

    let other = world.admin_post("/purser/v1/api-keys", key_of("alice")).expect(201).await;
    let other_path = format!("/purser/v1/api-keys/{}", other["apiKeyId"].as_str().unwrap());
    let other = other["apiKey"].as_str().unwrap();
    assert_eq!(use_it(&world, other).await, ok());
    assert_eq!(admin(&world, world.api().delete(&other_path)).send().await.unwrap().status(), 204);
    assert_eq!(use_it(&world, other).await, (401, "unauthorized".to_owned()));
    assert!(admin(&world, world.api().get(&other_path)).expect(200).await["revokedAt"].is_string());

    world.advance(Duration::from_mins(59)).await;
    assert_eq!(use_it(&world, key).await, ok());
    world.advance(Duration::from_mins(2)).await;
    assert_eq!(use_it(&world, key).await, (401, "credential_expired".to_owned()));
    for (body, param) in [
        (json!({"name": "x", "scopes": []}), "scopes"),
        (json!({"name": "", "scopes": ["read"]}), "name"),
        (json!({"name": "x", "scopes": ["everything"]}), "scopes[0]"),
        (json!({"name": "x", "scopes": ["read"], "expiresAt": ends}), "expiresAt"),
        (json!({"name": "x", "scopes": ["read"], "expiresAt": "soon"}), "expiresAt"),
        (json!({"name": "x", "scopes": ["read"], "walletsOf": "alice"}), "walletsOf"),
    ] {
        let refused = world.admin_post("/purser/v1/api-keys", body.clone()).expect(400).await;
        assert_eq!(refused["error"]["param"], json!(param), "{body}: {refused}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_may_what_it_was_given_and_no_more() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let usual = world.create_session(&alice).await;
    assert_eq!(use_it(&world, &usual).await, ok());
    let spending = json!({"userId": "alice", "scopes": ["spend"]});
    let spending = world.admin_post("/purser/v1/sessions", spending).expect(201).await;
    let spending = spending["sessionToken"].as_str().unwrap();
    assert_eq!(use_it(&world, spending).await, (403, "missing_scope".to_owned()));
    let debit = |credential: &str| {
        world.api().post("/purser/v1/wallets/me/debits").bearer(credential).json(json!({"credits": 1}))
    };
    assert_eq!(debit(spending).expect(402).await["error"]["code"], "insufficient_credits");
    assert_eq!(debit(&usual).expect(403).await["error"]["code"], "missing_scope");
    for scopes in [json!(["manage"]), json!(["read", "admin"]), json!(["everything"]), json!("read")] {
        let body = json!({"userId": "alice", "scopes": scopes});
        world.admin_post("/purser/v1/sessions", body).expect(400).await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_an_unknown_user_says_what_to_do() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let hers = token(&world, "alice", &json!({}));
    let answer = world.api().get("/purser/v1/wallets/me").bearer(&hers).expect(401).await;
    assert_eq!(answer["error"]["code"], "user_not_registered");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("PUT /purser/v1/users/") && message.contains("JWT_REGISTERS_USERS"),
        "{message}"
    );
    assert_eq!(world.count("users").await, 0);
    world.create_user("alice").await;
    world.api().get("/purser/v1/wallets/me").bearer(&hers).expect(200).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_registers_its_user_where_that_is_set() {
    let world = World::builder().registering_users().start().await;
    let hers = token(&world, "alice", &json!({}));
    let ask = || world.api().get("/purser/v1/wallets/me").bearer(&hers).expect(200);
    let together = futures::future::join_all((0..8).map(|_| ask())).await;
    assert!(
        together.iter().all(|wallet| wallet["userId"] == "alice" && *wallet == together[0]),
        "{together:?}"
    );
    assert_eq!((world.count("users").await, world.count("wallets").await), (1, 1));
    assert_eq!(world.count("admin_actions where action = 'user.create' and subject = 'alice'").await, 1);
    // A forged one registers nobody, and who is kept out or gone stays so.
    let forged = format!("{}AAAA", token(&world, "mallory", &json!({})));
    world.api().get("/purser/v1/wallets/me").bearer(&forged).expect(401).await;
    let why = json!({"reason": "chargebacks"});
    world.admin_post("/purser/v1/users/alice/block", why).expect(200).await;
    let refused = world.api().get("/purser/v1/wallets/me").bearer(&hers).expect(401).await;
    assert_eq!(refused["error"]["code"], "unauthorized");
    let erased = admin(&world, world.api().delete("/purser/v1/users/alice")).send().await.unwrap();
    assert_eq!(erased.status(), 204);
    world.api().get("/purser/v1/wallets/me").bearer(&hers).expect(401).await;
    assert_eq!(world.count("users").await, 1);
    world.finish().await;
}
