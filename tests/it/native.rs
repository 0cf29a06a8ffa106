//! Purser's own API: registering, credentials, idempotency keys, the catalog, browsers.

use futures::future::join_all;
use harness::client::{Answer, Request};
use harness::world::World;
use serde_json::{Value, json};

fn admin(world: &World, request: Request) -> Request {
    request.bearer(&world.settings().secrets.admin_api_key)
}

fn code(answer: &Answer) -> (u16, String) {
    let body = answer.json().unwrap();
    (answer.status(), body["error"]["code"].as_str().unwrap_or("none").to_owned())
}

async fn post(world: &World, path: &str, body: Value) -> Answer {
    admin(world, world.api().post(path)).json(body).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_registrations_create_a_user_once() {
    let world = World::start().await;
    let body = json!({"email": "ada@example.com"});
    let answers: Vec<Answer> = join_all((0..10).map(|_| world.put_user("ada", body.clone()).send()))
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let wallets: Vec<Value> =
        answers.iter().map(|answer| answer.json().unwrap()["walletId"].clone()).collect();
    let mut statuses: Vec<u16> = answers.iter().map(Answer::status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 200, 200, 201]);
    assert!(wallets.iter().all(|wallet| wallet.is_string() && *wallet == wallets[0]), "{wallets:?}");
    let changed = world.put_user("ada", json!({"name": "Ada", "metadata": {"team": "7"}})).expect(200).await;
    assert_eq!((&changed["email"], &changed["name"]), (&json!("ada@example.com"), &json!("Ada")));
    assert_eq!(changed["metadata"], json!({"team": "7"}));
    for (user, body) in [
        ("x".repeat(129), json!({})),
        ("a%00b".to_owned(), json!({})),
        ("a".to_owned(), json!({"email": "no address"})),
        ("a".to_owned(), json!({"name": ""})),
        ("a".to_owned(), json!({"name": "a\u{0}b"})),
        ("a".to_owned(), json!({"metadata": {"team": 7}})),
        ("a".to_owned(), json!({"userId": "a"})),
    ] {
        assert_eq!(world.put_user(&user, body.clone()).send().await.unwrap().status(), 400, "{user} {body}");
    }
    assert_eq!((world.count("users").await, world.count("wallets").await), (1, 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_administrate() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let ada = world.create_user("ada").await;
    let root = &world.create_admin("root").await.api_key;
    // Her key has the scope `admin`, for her own wallets.
    for (path, expected) in [
        ("/purser/v1/organizations", "missing_scope"),
        ("/purser/v1/sessions", "missing_scope"),
        ("/purser/v1/api-keys", "bound_credential"),
        ("/purser/v1/webhook-endpoints", "bound_credential"),
    ] {
        let request = || world.api().post(path).json(json!({}));
        assert_eq!(request().send().await.unwrap().status(), 401, "{path}");
        assert_eq!(request().bearer("wrong").send().await.unwrap().status(), 401, "{path}");
        assert_eq!(code(&request().bearer(&ada.api_key).send().await.unwrap()), (403, expected.to_owned()));
        assert_eq!(code(&request().bearer(root).send().await.unwrap()), (400, "invalid_request".to_owned()));
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_end_when_revoked_or_expired() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let ada = world.create_user("ada").await;
    let key = post(&world, "/purser/v1/api-keys", harness::world::key_of("ada")).await.json().unwrap();
    let (id, key) = (key["apiKeyId"].as_str().unwrap(), key["apiKey"].as_str().unwrap());
    let use_it = async |name: &str, value: &str| {
        world.api().get("/v1/credits").header(name, value).send().await.unwrap().status()
    };
    let bearer = format!("Bearer {key}");
    assert_eq!(use_it("authorization", &bearer).await, 200);
    for _ in 0..2 {
        let path = format!("/purser/v1/api-keys/{id}");
        assert_eq!(admin(&world, world.api().delete(&path)).send().await.unwrap().status(), 204);
        // It was remembered a moment ago, and is forgotten at once.
        assert_eq!(use_it("authorization", &bearer).await, 401);
    }
    let unknown = admin(&world, world.api().delete("/purser/v1/api-keys/unknown")).send().await.unwrap();
    assert_eq!(code(&unknown), (404, "not_found".to_owned()));

    let session = json!({"userId": ada.id, "ttlSeconds": 60});
    let session = post(&world, "/purser/v1/sessions", session).await.json().unwrap();
    let token = session["sessionToken"].as_str().unwrap();
    assert_eq!(use_it("x-session-token", token).await, 200);
    assert_eq!(use_it("authorization", &format!("Bearer {token}")).await, 200);
    assert_eq!(use_it("cookie", &format!("a=b; purser_session={token}")).await, 200);
    assert_eq!(use_it("cookie", &format!("better-auth.session_token={token}")).await, 200);
    world.advance(std::time::Duration::from_secs(61)).await;
    assert_eq!(use_it("x-session-token", token).await, 401);

    // Neither is found in the database as it is.
    let stored = format!("api_keys where encode(key_hash, 'escape') like '%{key}%'");
    assert_eq!(world.count(&stored).await, 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_changes_nothing_from_a_foreign_page() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let ada = world.create_user("ada").await;
    let session = json!({"userId": ada.id, "scopes": ["spend"]});
    let session = post(&world, "/purser/v1/sessions", session).await.json().unwrap();
    let token = session["sessionToken"].as_str().unwrap();
    let consume = |origin: Option<&str>| {
        let request = world.api().post("/purser/v1/wallets/me/debits").json(json!({"credits": 1}));
        let request = request.header("cookie", &format!("purser_session={token}"));
        match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        }
    };
    for origin in [Some("https://evil.example"), Some("null")] {
        let answer = consume(origin).send().await.unwrap();
        assert_eq!(code(&answer), (403, "origin_not_allowed".to_owned()), "{origin:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    // A program that keeps its cookies says nothing of pages.
    assert_eq!(code(&consume(None).send().await.unwrap()).0, 402);
    let own = world.settings().api_url();
    let answer = consume(Some(&own)).send().await.unwrap();
    assert_eq!(code(&answer), (402, "insufficient_credits".to_owned()));
    assert_eq!(answer.header("access-control-allow-origin"), Some(own.as_str()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_repeated_with_its_key_runs_once_and_shows_its_secret_once() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_user("ada").await;
    let send = async |path: &str, body: Value, key: &str| {
        admin(&world, world.api().post(path)).json(body).idempotency_key(key).send().await.unwrap()
    };
    let organization = json!({"name": "Acme", "members": [{"userId": "ada", "role": "owner"}]});
    let answers =
        join_all((0..8).map(|_| send("/purser/v1/organizations", organization.clone(), "one"))).await;
    // Those who came while the first was at work are told so; none made another.
    assert!(answers.iter().all(|answer| {
        answer.status() == 201 || code(answer) == (409, "idempotency_key_in_use".to_owned())
    }));
    assert_eq!(world.count("organizations").await, 1);
    let replay = send("/purser/v1/organizations", organization, "one").await;
    assert_eq!((replay.status(), replay.header("idempotent-replayed")), (201, Some("true")));
    let other = send("/purser/v1/organizations", json!({"name": "Other", "members": []}), "one").await;
    assert_eq!(code(&other), (409, "idempotency_key_reused".to_owned()));

    let first = send("/purser/v1/api-keys", harness::world::key_of("ada"), "two").await;
    let key = first.json().unwrap()["apiKey"].as_str().unwrap().to_owned();
    let again = send("/purser/v1/api-keys", harness::world::key_of("ada"), "two").await;
    assert_eq!(code(&again), (409, "secret_already_shown".to_owned()));
    assert!(!again.text().contains(&key));
    assert_eq!(world.count(&format!("idempotency_keys where body::text like '%{key}%'")).await, 0);
    // What was refused was not done: the key is free for the same request, and for another.
    let of_bob = harness::world::key_of("bob");
    let refused = send("/purser/v1/api-keys", of_bob.clone(), "three").await;
    assert_eq!(code(&refused), (404, "user_not_found".to_owned()));
    let other = send("/purser/v1/organizations", json!({"name": "", "members": []}), "three").await;
    assert_eq!(code(&other), (400, "invalid_request".to_owned()));
    world.create_user("bob").await;
    assert_eq!(send("/purser/v1/api-keys", of_bob.clone(), "three").await.status(), 201);
    assert_eq!(
        code(&send("/purser/v1/api-keys", of_bob, "three").await),
        (409, "secret_already_shown".to_owned())
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_spend_as_their_role_allows() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let (ada, bob) = (world.create_user("ada").await, world.create_user("bob").await);
    let eve = world.create_user("eve").await;
    let members = json!([{"userId": "ada", "role": "member"}, {"userId": "bob", "role": "viewer"}]);
    let made = post(&world, "/purser/v1/organizations", json!({"name": "Acme", "members": members})).await;
    let id = made.json().unwrap()["orgId"].as_str().unwrap().to_owned();
    for (user, expected) in [
        (&ada, (402, "insufficient_credits")),
        (&bob, (403, "role_not_allowed")),
        (&eve, (404, "wallet_not_found")),
    ] {
        for what in ["debits", "holds"] {
            let request =
                world.api().post(&format!("/purser/v1/wallets/org:{id}/{what}")).bearer(&user.api_key);
            let answer = request.json(json!({"credits": 1})).send().await.unwrap();
            assert_eq!(code(&answer), (expected.0, expected.1.to_owned()), "{} {what}", user.id);
        }
    }
    for members in [
        json!([{"userId": "nobody", "role": "owner"}]),
        json!([{"userId": "ada", "role": "owner"}, {"userId": "ada", "role": "viewer"}]),
        json!([{"userId": "ada", "role": "emperor"}]),
    ] {
        let answer = post(&world, "/purser/v1/organizations", json!({"name": "X", "members": members})).await;
        assert!((400..=404).contains(&answer.status()), "{answer}");
    }
    assert_eq!(world.count("organizations").await, 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_are_added_and_replaced() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let pack =
        json!({"packId": "tiny", "name": "Tiny", "credits": 0.5, "price": {"minor": 99, "currency": "USD"}});
    let made = post(&world, "/purser/v1/catalog/packs", pack.clone()).await;
    assert_eq!((made.status(), &made.json().unwrap()["credits"]), (201, &json!(0.5)));
    let again = post(&world, "/purser/v1/catalog/packs", pack).await;
    assert_eq!(code(&again), (409, "pack_exists".to_owned()));
    let replaced =
        json!({"name": "Tiny", "credits": 1, "price": {"minor": 99, "currency": "usd"}, "active": false});
    let put = |id: &str| {
        admin(&world, world.api().put(&format!("/purser/v1/catalog/packs/{id}"))).json(replaced.clone())
    };
    assert_eq!(put("tiny").expect(200).await["active"], false);
    assert_eq!(code(&put("none").send().await.unwrap()), (404, "not_found".to_owned()));
    let all = admin(&world, world.api().get("/purser/v1/catalog/packs")).expect(200).await;
    let tiny = all["data"].as_array().unwrap().iter().find(|pack| pack["packId"] == "tiny").unwrap();
    assert_eq!((&tiny["credits"], &tiny["active"]), (&json!(1), &json!(false)));
    world.finish().await;
}

/// The link to such a page can write nothing on it.
#[tokio::test(flavor = "multi_thread")]
async fn the_return_pages_show_nothing_of_the_request() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    for path in ["/payment_success", "/payment_cancel"] {
        let query = "stripeCustomerId=%3Cscript%3Ealert(1)%3C/script%3E&session_id=cs_test_1";
        let page = world.api().get(&format!("{path}?{query}")).send().await.unwrap();
        assert_eq!((page.status(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert_eq!(page.header("referrer-policy"), Some("same-origin"));
        assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        let text = page.text();
        assert!(text.starts_with("<!DOCTYPE html>") && !text.contains("alert") && !text.contains("cs_test"));
    }
    world.finish().await;
}
