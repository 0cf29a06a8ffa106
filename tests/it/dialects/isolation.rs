//! What every API answers to requests that it cannot serve, in its own format: each operation of the description, with
//! each bad credential, each bad body, each wrong method. Nothing of this is ever a failure of the server.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::client::{Answer, Request};
use harness::error_formats::{format_at, format_of};
use harness::world::World;
use reqwest::Method;
use serde_json::json;

use crate::openapi::{Operation, operations};

/// Above what any API takes.
const TOO_LARGE: usize = 1024 * 1024 + 1;

/// A path under each API at which there is nothing.
const NOWHERE: &[(&str, &str)] = &[
    ("native", "/nothing"),
    ("native", "/admin/nothing"),
    ("native", "/purser/v1/nothing"),
    ("native", "/api/nothing"),
    ("billing", "/orders/1/nothing"),
    ("billing", "/credits/nothing"),
    ("billing", "/payment/nothing"),
    ("billing", "/admin/billing/nothing"),
    ("billing", "/subscription/nothing"),
    ("samsar", "/v1/nothing"),
    ("samsar", "/v2/credits/nothing"),
    ("timeproof", "/api/payments/nothing"),
    ("timeproof", "/api/account/nothing"),
    ("wasdi", "/credits/stripe/nothing"),
    ("wasdi", "/wasdiwebserver/rest/credits/nothing"),
    ("allmine", "/api/v1/nothing"),
];

/// Checks an answer's status and the format of its error.
fn assert_refused(answer: &Answer, status: u16, api: &str, path: &str) {
    assert_eq!(answer.status(), status, "{answer}");
    assert_eq!(format_of(&answer.json().unwrap()), format_at(api, path), "{answer}");
}

/// A request to an operation, with what it needs to be understood.
fn request(world: &World, operation: &Operation) -> Request {
    let request = world.api().request(operation.method.clone(), &operation.example());
    match (operation.takes_body(), operation.described["responses"].get("101").is_some()) {
        (true, _) => request.json(json!({})),
        (_, true) => request
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        _ => request,
    }
}

async fn refused(request: Request, status: u16, operation: &Operation) {
    assert_refused(&request.send().await.unwrap(), status, &operation.api, &operation.path);
}

/// A token for `root`, signed with this header and perhaps not at all.
fn token(world: &World, header: &jsonwebtoken::Header, expires_in: Duration) -> String {
    let settings = world.settings();
    let (issuer, audience) = settings.jwt_issuer_and_audience();
    let expires = (world.clock().now() + expires_in).unix_timestamp();
    let claims = json!({"sub": "root", "iss": issuer, "aud": audience, "exp": expires});
    let key = jsonwebtoken::EncodingKey::from_secret(settings.secrets.jwt_hs256_secret.as_bytes());
    jsonwebtoken::encode(header, &claims, &key).unwrap()
}

/// The same token, which says that it need not be signed.
fn unsigned(token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode("x"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_refuses_bad_credentials() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_admin("root").await;
    let session = json!({"userId": "root", "ttlSeconds": 60});
    let session = world.admin_post("/purser/v1/sessions", session).expect(201).await;
    let session = session["sessionToken"].as_str().unwrap();
    let key = world.admin_post("/purser/v1/api-keys", harness::world::key_of("root")).expect(201).await;
    let (key_id, key) = (key["apiKeyId"].as_str().unwrap(), key["apiKey"].as_str().unwrap());
    let header = jsonwebtoken::Header::default();
    let (brief, lasting) =
        (token(&world, &header, Duration::from_secs(60)), token(&world, &header, Duration::from_hours(1)));

    // They are what they seem to be: each would open what the next loop asks for, were it not for what follows.
    for credential in [session, key, &brief, &lasting] {
        world.api().get("/purser/v1/catalog/packs").bearer(credential).expect(200).await;
    }
    let admin = &world.settings().secrets.admin_api_key;
    let revoked =
        world.api().delete(&format!("/purser/v1/api-keys/{key_id}")).bearer(admin).send().await.unwrap();
    assert_eq!(revoked.status(), 204);
    world.advance(Duration::from_secs(120)).await;
    world.api().get("/purser/v1/catalog/packs").bearer(&lasting).expect(200).await;

    let bearer = |text: &str| ("authorization", format!("Bearer {text}"));
    let bad = [
        ("a malformed header", ("authorization", "Bearer".to_owned())),
        ("an empty cookie", ("cookie", "purser_session=".to_owned())),
        ("garbage", bearer("garbage")),
        ("an unknown key", bearer(&format!("psk_{}", "0".repeat(64)))),
        ("an unknown session", ("x-session-token", format!("pst_{}", "0".repeat(64)))),
        ("an expired session", ("x-session-token", session.to_owned())),
        ("an expired session in a cookie", ("cookie", format!("purser_session={session}"))),
        ("a revoked key", bearer(key)),
        ("an expired token", bearer(&brief)),
        ("an unsigned token", bearer(&unsigned(&lasting))),
        ("half of a token", bearer(lasting.rsplit_once('.').unwrap().0)),
    ];
    let protected: Vec<Operation> = operations().into_iter().filter(Operation::is_protected).collect();
    assert_eq!(protected.iter().map(|operation| operation.api.as_str()).collect::<BTreeSet<_>>().len(), 6);
    for operation in &protected {
        refused(request(&world, operation), 401, operation).await;
        for (what, (name, value)) in &bad {
            let answer = request(&world, operation).header(name, value).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{what}: {answer}");
            assert_refused(&answer, 401, &operation.api, &operation.path);
        }
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_cannot_administrate_and_foreign_pages_cannot_act() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_admin("root").await;
    let alice = world.create_user("alice").await;
    let session = world.admin_post("/purser/v1/sessions", json!({"userId": "root"})).expect(201).await;
    let cookie = format!("purser_session={}", session["sessionToken"].as_str().unwrap());
    for operation in operations().iter().filter(|operation| operation.is_protected()) {
        if operation.is_for_admins() {
            refused(request(&world, operation).bearer(&alice.api_key), 403, operation).await;
        }
        if operation.method.is_safe() {
            continue;
        }
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("referer", "https://evil.example/"),
        ] {
            let from = request(&world, operation).header("cookie", &cookie);
            refused(from.header(name, value), 403, operation).await;
        }
    }
    assert_eq!(world.count("payments").await, 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_requests_are_refused_in_each_apis_format() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let key = world.create_admin("root").await.api_key;
    for operation in operations().iter().filter(|operation| operation.takes_body()) {
        // RevenueCat proves who it is before its events are looked at, with a secret of its own.
        let proof = match operation.path.as_str() {
            "/webhooks/revenuecat" => world.settings().secrets.revenuecat_webhook_auth.clone(),
            _ => format!("Bearer {key}"),
        };
        let plain = || {
            let request = world.api().request(operation.method.clone(), &operation.example());
            request.header("authorization", &proof)
        };
        refused(plain().body(vec![b' '; TOO_LARGE]), 413, operation).await;
        refused(plain().header("content-type", "application/json").body("{"), 400, operation).await;
        // Providers' events are taken for what they are, whatever they are called.
        let is_ours = operation.is_protected() || operation.path.starts_with("/purser/");
        let (body, status) = if is_ours { ("{}", 415) } else { ("{", 400) };
        refused(plain().header("content-type", "text/plain").body(body), status, operation).await;
    }
    for operation in operations() {
        let path = format!("{}?x=%00", operation.example());
        let answer = world.api().request(operation.method.clone(), &path).bearer(&key).send().await.unwrap();
        assert_refused(&answer, 400, &operation.api, &operation.path);
    }
    assert_eq!(world.count("payments").await, 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_wrong_methods_are_refused_in_each_apis_format() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    for (api, path) in NOWHERE {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = world.api().request(method, path).send().await.unwrap();
            assert_refused(&answer, 404, api, path);
        }
    }
    let mut by_path: BTreeMap<String, (Operation, BTreeSet<String>)> = BTreeMap::new();
    for operation in operations() {
        let method = operation.method.to_string();
        let entry = by_path.entry(operation.path.clone()).or_insert((operation, BTreeSet::new()));
        entry.1.insert(method);
    }
    for (operation, taken) in by_path.into_values() {
        let answer = world.api().request(Method::PATCH, &operation.example()).send().await.unwrap();
        assert_refused(&answer, 405, &operation.api, &operation.path);
        let allowed = answer.header("allow").unwrap().split(", ").map(str::to_owned).collect::<BTreeSet<_>>();
        // A name is also a path with that name as its parameter.
        assert!(allowed.is_superset(&taken) && !allowed.contains("PATCH"), "{taken:?}: {answer}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_allowed_sites_may_call_the_apis() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let own = &world.settings().allowed_origins()[0];
    for operation in operations() {
        for (origin, may) in [(own.as_str(), true), ("https://evil.example", false)] {
            let ask = world.api().request(Method::OPTIONS, &operation.example()).header("origin", origin);
            let ask = ask.header("access-control-request-method", operation.method.as_str());
            let answer = ask.send().await.unwrap();
            assert_eq!(answer.header("access-control-allow-origin"), may.then_some(origin), "{answer}");
            assert_eq!(answer.header("access-control-allow-methods").is_some(), may, "{answer}");
        }
    }
    world.finish().await;
}
