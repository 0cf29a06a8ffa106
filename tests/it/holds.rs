//! Holds: what they keep from lapsing, who may settle them, and what their keys mean.

use std::time::Duration;

use harness::client::{Answer, Request};
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

use crate::events::publish;
use crate::organizations::{Cast, organization};

fn post(world: &World, user: &User, path: &str, body: Value) -> Request {
    world.api().post(path).bearer(&user.api_key).json(body)
}

async fn place(world: &World, user: &User, body: Value) -> String {
    place_in(world, user, "/purser/v1/wallets/me/holds", body).await
}

async fn place_in(world: &World, user: &User, path: &str, body: Value) -> String {
    let placed = post(world, user, path, body).expect(201).await;
    placed["holdId"].as_str().unwrap().to_owned()
}

fn end(world: &World, user: &User, hold: &str, verb: &str, body: Value) -> Request {
    post(world, user, &format!("/purser/v1/holds/{hold}/{verb}"), body)
}

async fn code(request: Request) -> (u16, String) {
    let answer: Answer = request.send().await.unwrap();
    let code = answer.json().unwrap()["error"]["code"].as_str().unwrap_or("none").to_owned();
    (answer.status(), code)
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Sixty credits that lapse in an hour, and a hundred that never do.
async fn grants(world: &World, user: &User) {
    world.buy(user, 60).await;
    world.buy(user, 100).await;
    let soon = world.clock().now() + time::Duration::hours(1);
    let lapse = "update grants set expires_at = $1 where amount = 60000000 and wallet_id = $2::text::uuid";
    sqlx::query(lapse).bind(soon).bind(&user.wallet_id).execute(world.pool()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_does_not_lapse_and_what_was_kept_for_it_lapses_with_it() {
    for sweeps in [false, true] {
        let world = World::start().await;
        let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
        grants(&world, &alice).await;
        grants(&world, &bob).await;
        let whole = place(&world, &alice, json!({"credits": 60, "ttlSeconds": 7_200})).await;
        let part = place(&world, &bob, json!({"credits": 80, "ttlSeconds": 7_200})).await;
        world.advance(Duration::from_secs(3_601)).await;
        if sweeps {
            publish(&world, &ledger::operations::ExpireGrants {}).await;
            world.drain().await;
        }
        let shown = world.api().get("/v1/credits").bearer(&alice.api_key).expect(200).await;
        assert_eq!(shown["remainingCredits"], 160, "sweeps: {sweeps}");
        let spend = post(&world, &alice, "/purser/v1/wallets/me/debits", json!({"credits": 101}));
        assert_eq!(code(spend).await, is(402, "insufficient_credits"));
        let captured = end(&world, &alice, &whole, "capture", json!({})).expect(200).await;
        assert_eq!((&captured["captured"], &captured["balance"]), (&json!(60), &json!(100)));

        let captured = end(&world, &bob, &part, "capture", json!({"credits": 15})).expect(200).await;
        assert_eq!(captured["balance"], 100, "45 of 60 lapse with the rest of the hold");
        assert_eq!(world.balance(&bob.wallet_id).await, 100);
        world.finish().await;
    }
}

/// A browser holds the session or token, and the server holds the key.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_credential_that_may_spend_settles_a_hold() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 100).await;
    let hold = {
        let request = post(&world, &alice, "/purser/v1/wallets/me/holds", json!({"credits": 42}))
            .idempotency_key("render-7");
        request.expect(201).await["holdId"].as_str().unwrap().to_owned()
    };
    let session = world.create_session(&alice).await;
    let tries = [
        ("/purser/v1/wallets/me/holds".to_owned(), json!({"credits": 1})),
        ("/purser/v1/wallets/me/debits".to_owned(), json!({"credits": 1})),
        (format!("/purser/v1/holds/{hold}/capture"), json!({"credits": 0.000_001})),
        (format!("/purser/v1/holds/{hold}/release"), json!({})),
    ];
    for (path, body) in &tries {
        for credential in
            [session.clone(), token(&world, &json!({})), token(&world, &json!({"scope": "read buy spender"}))]
        {
            let request = world.api().post(path).bearer(&credential).json(body.clone());
            assert_eq!(code(request).await, is(403, "missing_scope"), "{path}");
        }
    }
    // To look is allowed.
    world.api().get(&format!("/purser/v1/holds/{hold}")).bearer(&session).expect(200).await;
    let captured = end(&world, &alice, &hold, "capture", json!({"credits": 42})).expect(200).await;
    assert_eq!(captured["balance"], 58);

    let given = world
        .admin_post("/purser/v1/sessions", json!({"userId": "alice", "scopes": ["spend"]}))
        .expect(201)
        .await;
    let given = given["sessionToken"].as_str().unwrap().to_owned();
    for credential in
        [given, token(&world, &json!({"scope": "read spend"})), token(&world, &json!({"scope": ["spend"]}))]
    {
        let spend =
            world.api().post("/purser/v1/wallets/me/debits").bearer(&credential).json(json!({"credits": 1}));
        spend.expect(200).await;
    }
    let unknown =
        world.admin_post("/purser/v1/sessions", json!({"userId": "alice", "scopes": ["everything"]}));
    assert_eq!(unknown.send().await.unwrap().status(), 400);
    world.finish().await;
}

/// A token of the host application for Alice, with these claims besides.
fn token(world: &World, more: &Value) -> String {
    let (issuer, audience) = world.settings().jwt_issuer_and_audience();
    let expires = (world.clock().now() + time::Duration::hours(1)).unix_timestamp();
    let mut claims = json!({"sub": "alice", "iss": issuer, "aud": audience, "exp": expires});
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let key = jsonwebtoken::EncodingKey::from_secret(world.settings().secrets.jwt_hs256_secret.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_places_one_hold_for_ever_a_refusal_does_not_stick_and_ids_are_not_guessed() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let request = |credits: i64| {
        post(&world, &alice, "/purser/v1/wallets/me/holds", json!({"credits": credits}))
            .idempotency_key("render-7")
    };
    assert_eq!(code(request(60)).await, is(402, "insufficient_credits"));
    world.buy(&alice, 100).await;
    let first = request(60).expect(201).await;
    let again = request(60).send().await.unwrap();
    assert_eq!((again.status(), again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(again.json().unwrap(), first);
    assert_eq!(code(request(61)).await, is(409, "idempotency_key_reused"));
    // The same key in another installation, or of another user, says nothing of the id.
    sqlx::query("delete from idempotency_keys").execute(world.pool()).await.unwrap();
    world.buy(&bob, 100).await;
    let foreign =
        post(&world, &bob, "/purser/v1/wallets/me/holds", json!({"credits": 60})).idempotency_key("render-7");
    let foreign = foreign.expect(201).await;
    let ids = [&first, &foreign].map(|hold| hold["holdId"].as_str().unwrap().parse::<uuid::Uuid>().unwrap());
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| id.get_version_num() == 7), "{ids:?} are made of nothing");

    let hold = first["holdId"].as_str().unwrap();
    end(&world, &alice, hold, "release", json!({})).expect(200).await;
    let released = request(60).send().await.unwrap();
    let body = released.json().unwrap();
    assert_eq!(
        (released.status(), &body["state"], &body["holdId"]),
        (200, &json!("released"), &first["holdId"])
    );
    assert_eq!(world.count("holds where user_id = 'alice'").await, 1);
    post(&world, &alice, "/purser/v1/wallets/me/debits", json!({"credits": 100})).expect(200).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_captured_once_in_time_and_says_what_for() {
    let world = World::builder().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 100).await;
    let body = json!({"credits": 42, "type": "render", "description": "A video"});
    let hold = place(&world, &alice, body).await;
    let capture = |key: &str, body: Value| end(&world, &alice, &hold, "capture", body).idempotency_key(key);
    let first = capture("a", json!({"credits": 40})).expect(200).await;
    assert_eq!(first["balance"], 60);
    // Also when its answer was lost.
    sqlx::query("delete from idempotency_keys").execute(world.pool()).await.unwrap();
    assert_eq!(capture("a", json!({"credits": 40})).expect(200).await, first);
    assert_eq!(code(capture("b", json!({"credits": 40}))).await, is(409, "hold_captured"));
    assert_eq!(
        code(end(&world, &alice, &hold, "capture", json!({"credits": 40}))).await,
        is(409, "hold_captured")
    );
    assert_eq!(code(capture("a", json!({"credits": 39}))).await, is(409, "idempotency_key_reused"));
    assert_eq!(world.balance(&alice.wallet_id).await, 60);
    let said =
        "ledger_entries where entry_type = 'render' and description = 'A video' and amount = -40000000";
    assert_eq!(world.count(said).await, 1);
    let shown = world.api().get(&format!("/purser/v1/holds/{hold}")).bearer(&alice.api_key).expect(200).await;
    assert_eq!((&shown["type"], &shown["description"]), (&json!("render"), &json!("A video")));

    let late = place(&world, &alice, json!({"credits": 42, "ttlSeconds": 60})).await;
    world.advance(Duration::from_mins(1)).await;
    assert_eq!(code(end(&world, &alice, &late, "capture", json!({}))).await, is(409, "hold_expired"));
    let shown = world.api().get(&format!("/purser/v1/holds/{late}")).bearer(&alice.api_key).expect(200).await;
    assert_eq!(shown["state"], "expired");
    end(&world, &alice, &late, "release", json!({})).expect(200).await;
    assert_eq!(world.balance(&alice.wallet_id).await, 60);
    world.finish().await;
}

/// An organization with a hundred credits, ninety of them held by a member.
async fn held_by_a_member(world: &World) -> (Cast, String) {
    let cast = organization(world).await;
    let order = json!({"packId": "micro", "orgId": cast.id});
    let checkout = post(world, &cast.owner, "/api/payments/checkout", order).expect(200).await;
    world.pay(checkout["sessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    let body = json!({"credits": 90, "ttlSeconds": 604_800});
    let hold = place_in(world, &cast.member, &cast.path("holds"), body).await;
    (cast, hold)
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_and_admins_see_and_give_up_what_members_hold() {
    let world = World::start().await;
    let (cast, hold) = held_by_a_member(&world).await;
    let list = |user: &User| {
        world
            .api()
            .get(&format!("/purser/v1/wallets/org:{}/holds?state=active", cast.id))
            .bearer(&user.api_key)
    };
    let listed = list(&cast.owner).expect(200).await;
    let line = &listed["data"][0];
    assert_eq!(
        (&line["holdId"], &line["userId"], &line["credits"]),
        (&json!(hold), &json!("member"), &json!(90))
    );
    assert_eq!(list(&cast.member).expect(200).await["data"][0]["holdId"], json!(hold));
    assert_eq!(list(&cast.viewer).expect(200).await["data"], json!([]));
    assert_eq!(code(list(&cast.stranger)).await, is(404, "wallet_not_found"));
    for user in [&cast.viewer, &cast.stranger] {
        for verb in ["release", "capture"] {
            assert_eq!(code(end(&world, user, &hold, verb, json!({}))).await, is(404, "not_found"));
        }
    }
    assert_eq!(code(end(&world, &cast.owner, &hold, "capture", json!({}))).await, is(404, "not_found"));
    let spend = || post(&world, &cast.owner, &cast.path("debits"), json!({"credits": 20}));
    assert_eq!(code(spend()).await, is(402, "insufficient_credits"));
    end(&world, &cast.admin, &hold, "release", json!({})).expect(200).await;
    assert_eq!(list(&cast.owner).expect(200).await["data"], json!([]));
    spend().expect(200).await;
    assert_eq!(code(end(&world, &cast.member, &hold, "capture", json!({}))).await, is(409, "hold_released"));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_or_may_not_spend_any_more_holds_nothing() {
    for becomes in [None, Some("viewer")] {
        let world = World::start().await;
        let (cast, hold) = held_by_a_member(&world).await;
        let kept = place_in(&world, &cast.admin, &cast.path("holds"), json!({"credits": 10})).await;
        let path = format!("/purser/v1/organizations/{}/members/member", cast.id);
        let admin = &world.settings().secrets.admin_api_key;
        // To become an admin is no loss.
        world.api().put(&path).bearer(admin).json(json!({"role": "admin"})).expect(200).await;
        assert_eq!(world.count("holds where state = 'active'").await, 2);
        match becomes {
            Some(role) => {
                world.api().put(&path).bearer(admin).json(json!({"role": role})).expect(200).await;
            }
            None => assert_eq!(world.api().delete(&path).bearer(admin).send().await.unwrap().status(), 204),
        }
        assert_eq!(world.count(&format!("holds where id = '{hold}' and state = 'released'")).await, 1);
        let expected = if becomes.is_some() { is(403, "role_not_allowed") } else { is(404, "not_found") };
        assert_eq!(code(end(&world, &cast.member, &hold, "capture", json!({}))).await, expected);
        post(&world, &cast.owner, &cast.path("debits"), json!({"credits": 90})).expect(200).await;
        end(&world, &cast.admin, &kept, "capture", json!({})).expect(200).await;
        world.finish().await;
    }
}
