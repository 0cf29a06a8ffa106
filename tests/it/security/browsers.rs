//! What pages of others can have a browser do: they cannot act with its cookies, and where a request says that it went
//! is not believed. That every operation refuses foreign origins is tested in `dialects/isolation.rs`, and where buyers
//! are sent in `dialects/billing/payment.rs`.

use harness::client::Request;
use harness::world::World;
use serde_json::json;

use crate::openapi::operations;

const ALLOWED: &str = "http://localhost:3000";
const BODY: &str = r#"{"credits": 500}"#;

/// Origins that are not allowed, however much some look like the allowed one.
const FOREIGN_ORIGINS: [&str; 16] = [
    "null",
    "",
    "https://evil.example",
    "http://localhost:3000.evil.example",
    "http://localhost:3000@evil.example",
    "http://evil.example#http://localhost:3000",
    "http://localhost:3000/",
    "http://localhost:30000",
    "http://localhost",
    "https://localhost:3000",
    "HTTP://LOCALHOST:3000",
    "localhost:3000",
    "http://localhost:3000 https://evil.example",
    "http://localhost:3000,https://evil.example",
    "*",
    "file://",
];

/// A page cannot choose what a browser says of it: what only looks like an allowed site's is another's.
#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_authenticates_pages_of_allowed_sites_only() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let session = world.create_session(&alice).await;
    let forged = |content_type: &str| {
        let cookie = format!("purser_session={session}");
        let request = world.api().post("/v1/credits/recharge").header("cookie", &cookie);
        request.header("content-type", content_type).body(BODY)
    };
    let refused = async |why: &str, request: Request| {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 403, "{why}: {answer}");
        assert!(answer.header("access-control-allow-origin").is_none(), "{why}");
    };
    for origin in FOREIGN_ORIGINS {
        for content_type in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
            refused(origin, forged(content_type).header("origin", origin)).await;
        }
    }
    // Without an origin nothing else stands for it.
    for (name, value) in [
        ("referer", "http://localhost:3000/shop"),
        ("referer", "https://evil.example/http://localhost:3000/"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-origin"),
        ("x-requested-with", "XMLHttpRequest"),
        ("x-forwarded-host", "localhost:3000"),
        ("host", "localhost:3000"),
    ] {
        refused(value, forged("text/plain").header(name, value)).await;
        refused(
            value,
            forged("application/json").header(name, value).header("origin", "https://evil.example"),
        )
        .await;
    }
    let several =
        forged("application/json").header("origin", "https://evil.example").header("origin", ALLOWED);
    refused("two origins", several).await;

    // What is sent as a form or as text without being asked first is no JSON, wherever it comes from.
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    {
        let answer = forged(content_type).header("origin", ALLOWED).send().await.unwrap();
        assert_eq!(answer.status(), 415, "{answer}");
    }
    // A read is a read, whatever it says that it would rather be.
    let cookie = format!("purser_session={session}");
    for name in ["x-http-method-override", "x-method-override", "x-http-method"] {
        let read = world.api().get("/v1/credits/recharge?_method=POST&credits=500");
        let answer = read.header("cookie", &cookie).header(name, "POST").send().await.unwrap();
        assert_eq!(answer.status(), 405, "{answer}");
    }
    assert_eq!(world.count("payments").await, 0);
    // It is what it seems to be.
    let answer = forged("application/json").header("origin", ALLOWED).send().await.unwrap();
    assert_eq!(
        (answer.status(), answer.header("access-control-allow-origin")),
        (200, Some(ALLOWED)),
        "{answer}"
    );
    world.finish().await;
}

/// A page could otherwise have its visitors listen to their wallets on its behalf.
#[tokio::test(flavor = "multi_thread")]
async fn foreign_pages_cannot_open_live_connections() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let cookie = format!("purser_session={}", world.create_session(&alice).await);
    for path in ["/ws", "/api/ws"] {
        for origin in
            [None, Some("https://evil.example"), Some("null"), Some("http://localhost:3000.evil.example")]
        {
            let opening = world.api().get(path).header("cookie", &cookie);
            let opening = opening.header("connection", "upgrade").header("upgrade", "websocket");
            let opening = opening.header("sec-websocket-version", "13");
            let opening = opening.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            let opening =
                origin.into_iter().fold(opening, |opening, origin| opening.header("origin", origin));
            assert_eq!(opening.send().await.unwrap().status(), 403, "{path} {origin:?}");
        }
    }
    world.finish().await;
}

/// The client writes the Host header: no address is built from it.
#[tokio::test(flavor = "multi_thread")]
async fn the_host_header_is_not_trusted() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let buy = |path: &str| {
        let body = match path {
            "/payment/create-session" => json!({"channel": "stripe", "type": "credits", "pack_id": "micro"}),
            "/api/payments/checkout" => json!({"packId": "micro"}),
            "/credits/add" => json!({"type": "Fifty", "buySuccess": false}),
            _ => json!({"credits": 500}),
        };
        world.api().post(path).json(body)
    };
    let mut requests: Vec<Request> =
        ["/v1/credits/recharge", "/payment/create-session", "/api/payments/checkout", "/credits/add"]
            .into_iter()
            .flat_map(|path| [buy(path), buy(path).header("prefer", "respond-async")])
            .collect();
    let readable = operations().into_iter().filter(|operation| {
        operation.method.is_safe() && !["/events", "/ws", "/api/ws"].contains(&operation.path.as_str())
    });
    requests.extend(readable.map(|operation| world.api().get(&operation.example())));
    for request in requests {
        let mut request = request.bearer(&alice.api_key).header("host", "evil.example");
        for name in [
            "x-forwarded-host",
            "x-host",
            "x-original-host",
            "forwarded",
            "x-forwarded-server",
            "x-original-url",
        ] {
            request =
                request.header(name, if name == "forwarded" { "host=evil.example" } else { "evil.example" });
        }
        let answer = request.send().await.unwrap();
        assert!(!answer.text().contains("evil.example"), "{answer}");
        // Whatever is in it, no page of others can run it as a script.
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer}");
        let location = answer.header("location").unwrap_or_default();
        assert!(!location.contains("evil.example"), "{answer}: {location}");
    }
    // Nor where buyers are to return to.
    let urls = "payments where checkout_url like '%evil.example%'";
    assert_eq!(world.count(urls).await, 0);
    world.finish().await;
}
