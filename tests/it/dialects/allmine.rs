//! Allmine's API, to the letter: each sample of its document, then each error, then what others may not do.

use harness::client::{Answer, Request};
use harness::world::{User, World};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

const PACKAGE: &str = "65a000000000000000000100";
const PURCHASE: &str = "/api/v1/credit-packages/purchase";
const TRANSACTIONS: &str = "/api/v1/users/me/transactions";

const INVALID: (u16, &str) = (400, "Validation failed");
const UNAUTHORIZED: (u16, &str) = (401, "Authentication required");
const FORBIDDEN: (u16, &str) = (403, "Insufficient permissions");
const NOT_FOUND: (u16, &str) = (404, "Resource not found");
const CONFLICT: (u16, &str) = (409, "Resource already exists or cannot be changed in its current state");

/// A token of the host application, as the document has its callers send one.
fn token(world: &World, user: &str, lifetime: i64) -> String {
    let (issuer, audience) = world.settings().jwt_issuer_and_audience();
    let expires = time::OffsetDateTime::now_utc().unix_timestamp() + lifetime;
    let claims = json!({"sub": user, "exp": expires, "iss": issuer, "aud": audience});
    let key = EncodingKey::from_secret(world.settings().secrets.jwt_hs256_secret.as_bytes());
    encode(&Header::default(), &claims, &key).unwrap()
}

/// The document's request: `POST …/purchase`, a token, and a body.
fn purchase(world: &World, user: &str, body: Value) -> Request {
    world.api().post(PURCHASE).bearer(&token(world, user, 3_600)).json(body)
}

async fn buy(world: &World, user: &User, package: &str) -> Answer {
    purchase(world, &user.id, json!({ "packageId": package })).send().await.unwrap()
}

/// Checks the envelope and returns what is in it.
fn opened(answer: &Answer) -> Value {
    let body = answer.json().unwrap();
    let mut keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    assert_eq!(keys, ["data", "errors", "isSuccess", "statusCode", "timestamp"], "{answer}");
    assert_eq!(body["statusCode"], json!(answer.status()), "{answer}");
    let at = body["timestamp"].as_str().unwrap();
    assert!(at.len() == "2026-01-15T10:30:00.000Z".len() && at.ends_with('Z'), "{at}");
    body
}

fn data(answer: &Answer) -> Value {
    let body = opened(answer);
    assert_eq!((&body["isSuccess"], &body["errors"]), (&json!(true), &json!([])), "{answer}");
    body["data"].clone()
}

/// The status and text of an error in its envelope.
fn complaint(answer: &Answer) -> (u16, String) {
    let body = opened(answer);
    assert_eq!((&body["isSuccess"], &body["data"]), (&json!(false), &Value::Null), "{answer}");
    assert_eq!(body["errors"].as_array().map(Vec::len), Some(1), "{answer}");
    (answer.status(), body["errors"][0].as_str().unwrap().to_owned())
}

async fn refused(request: Request, (status, text): (u16, &str), what: &str) {
    let answer = request.send().await.unwrap();
    assert_eq!(complaint(&answer), (status, text.to_owned()), "{what}");
}

async fn transactions(world: &World, user: &User, query: &str) -> Value {
    let path = format!("{TRANSACTIONS}{query}");
    data(&world.api().get(&path).bearer(&token(world, &user.id, 60)).send().await.unwrap())
}

fn each<'a>(page: &'a Value, field: &str) -> Vec<&'a Value> {
    page["items"].as_array().unwrap().iter().map(|item| &item[field]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_request_answers_as_documented_and_credits_once_each() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let headers = |request: Request| {
        request
            .header("x-language", "tr")
            .header("x-timezone", "Europe/Istanbul")
            .header("x-platform", "mobile_ios")
            .header("x-app-version", "1.2.3")
    };
    let answer = headers(purchase(&world, "alice", json!({"packageId": PACKAGE, "unknown": [1]})));
    let answer = answer.send().await.unwrap();
    assert_eq!((answer.status(), data(&answer)), (201, json!({})));
    // Packages are consumables: the same one can be bought again.
    assert_eq!(buy(&world, &alice, &PACKAGE.to_uppercase()).await.status(), 201);
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 200);
    let balance = world.api().get("/credits/balance").bearer(&alice.api_key).expect(200).await;
    assert_eq!(balance["data"]["balance"], json!(200));
    assert_eq!(world.count("ledger_entries where counter_account = 'manual'").await, 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_repeated_with_its_key_is_the_same_purchase() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let keyed = |user: &str, package: &str| {
        purchase(&world, user, json!({"packageId": package})).idempotency_key("order-1").send()
    };
    let answers = futures::future::join_all((0..8).map(|_| keyed("alice", PACKAGE))).await;
    for answer in &answers {
        let answer = answer.as_ref().unwrap();
        // Those that come while the first is worked on are told so.
        assert!(answer.status() == 201 || complaint(answer).0 == 409, "{answer}");
    }
    let again = keyed("alice", PACKAGE).await.unwrap();
    assert_eq!((again.status(), data(&again)), (201, json!({})));
    let other = keyed("alice", "65a000000000000000000250").await.unwrap();
    assert_eq!(complaint(&other), (CONFLICT.0, CONFLICT.1.to_owned()));
    assert_eq!(keyed("bob", PACKAGE).await.unwrap().status(), 201);
    for key in ["", &"k".repeat(256)] {
        let request = purchase(&world, "alice", json!({"packageId": PACKAGE})).idempotency_key(key);
        refused(request, INVALID, "a key that is none").await;
    }
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, world.balance(&bob.wallet_id).await), (100, 100));
    world.finish().await;
}

/// In production credits come from the app stores only, whatever the caller's role.
#[tokio::test(flavor = "multi_thread")]
async fn production_gives_no_credits_away() {
    let world = World::builder().live().start().await;
    world.create_user("alice").await;
    world.create_admin("root").await;
    for user in ["alice", "root"] {
        for body in [json!({"packageId": PACKAGE}), json!({"packageId": "x"}), json!(1)] {
            refused(purchase(&world, user, body.clone()), FORBIDDEN, user).await;
        }
        let keyed = purchase(&world, user, json!({"packageId": PACKAGE})).idempotency_key("k");
        refused(keyed, FORBIDDEN, user).await;
    }
    let anonymous = world.api().post(PURCHASE).json(json!({"packageId": PACKAGE}));
    refused(anonymous, UNAUTHORIZED, "no credential").await;
    let admin = world.api().post(PURCHASE).bearer(&world.settings().secrets.admin_api_key);
    refused(
        admin.json(json!({"packageId": PACKAGE})),
        UNAUTHORIZED,
        "the key of the admin API belongs to no user",
    )
    .await;
    world.drain().await;
    assert_eq!((world.count("payments").await, world.count("ledger_entries").await), (0, 0));
    // Looking is allowed.
    assert_eq!(world.api().get("/api/v1/credit-packages").send().await.unwrap().status(), 200);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_packages_are_public() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let list = async |query: &str| {
        data(&world.api().get(&format!("/api/v1/credit-packages{query}")).send().await.unwrap())
    };
    let all = list("?storeType=google&activeOnly=true").await;
    let amounts: Vec<&Value> =
        all.as_array().unwrap().iter().map(|package| &package["creditAmount"]).collect();
    assert_eq!(json!(amounts), json!([10, 100, 250, 500, 1_000, 10_000]));
    let one = data(&world.api().get(&format!("/api/v1/credit-packages/{PACKAGE}")).send().await.unwrap());
    let mut fields: Vec<&String> = one.as_object().unwrap().keys().collect();
    fields.sort_unstable();
    let expected = [
        "createdAt",
        "creditAmount",
        "id",
        "revenuecatProductId",
        "storeIdentifier",
        "storeType",
        "updatedAt",
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        (&one["id"], &one["creditAmount"], &one["storeIdentifier"], &one["storeType"]),
        (&json!(PACKAGE), &json!(100), &json!("com.allmine.credits.100"), &json!("apple"))
    );
    assert_eq!(all[1]["storeType"], json!("google"));
    sqlx::query("update packs set is_active = false where id = $1")
        .bind(PACKAGE)
        .execute(world.pool())
        .await
        .unwrap();
    assert_eq!(list("?activeOnly=true").await.as_array().unwrap().len(), 5);
    assert_eq!(list("?activeOnly=false").await.as_array().unwrap().len(), 6);
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_error_is_answered_as_documented() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    for (path, expected) in [
        ("/api/v1/credit-packages?storeType=amazon", INVALID),
        ("/api/v1/credit-packages?activeOnly=maybe", INVALID),
        ("/api/v1/credit-packages/short", INVALID),
        ("/api/v1/credit-packages/65a99999999999999999999g", INVALID),
        ("/api/v1/credit-packages/65a999999999999999999999", NOT_FOUND),
        ("/api/v1/nothing", NOT_FOUND),
        (TRANSACTIONS, UNAUTHORIZED),
    ] {
        refused(world.api().get(path), expected, path).await;
    }
    let wrong_method = world.api().get(PURCHASE).send().await.unwrap();
    // It reads as the package of the id `purchase`.
    assert_eq!(complaint(&wrong_method), (INVALID.0, INVALID.1.to_owned()));
    assert_eq!(complaint(&world.api().delete(PURCHASE).send().await.unwrap()).0, 405);

    for body in [
        json!({}),
        json!([]),
        json!(null),
        json!("65a000000000000000000100"),
        json!({"packageId": null}),
        json!({"packageId": 7}),
        json!({"packageId": ""}),
        json!({"packageId": "micro"}),
        json!({"packageId": "65a00000000000000000010"}),
        json!({"packageId": "65a0000000000000000001000"}),
        json!({"packageId": "６５a000000000000000000100"}),
        json!({"packageId": "65a00000000000000000010\u{0}"}),
        json!({"packageId": {"$ne": null}}),
        json!({"packageId": "x".repeat(100_000)}),
        json!({"package_id": PACKAGE}),
    ] {
        refused(purchase(&world, "alice", body.clone()), INVALID, &body.to_string()).await;
    }
    refused(purchase(&world, "alice", json!({"packageId": "65a999999999999999999999"})), NOT_FOUND, "none")
        .await;
    let sent = |kind: &str| {
        world.api().post(PURCHASE).bearer(&token(&world, "alice", 60)).header("content-type", kind)
    };
    for text in ["", "{", "{\"packageId\":", "\u{feff}{}", "packageId=1", "{\"packageId\":\"\\ud800\"}"] {
        refused(sent("application/json").body(text), INVALID, text).await;
    }
    let not_utf8 = b"{\"packageId\":\"\xff\"}".to_vec();
    refused(sent("application/json").body(not_utf8), INVALID, "not UTF-8").await;
    refused(sent("application/json").body("[".repeat(100_000)), INVALID, "deep").await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        refused(sent(kind).body("{}"), (415, "Unsupported media type"), kind).await;
    }
    let large = sent("application/json").body(" ".repeat(1024 * 1024 + 1)).send().await.unwrap();
    assert_eq!(complaint(&large).0, 413);

    sqlx::query("update packs set is_active = false where id = $1")
        .bind(PACKAGE)
        .execute(world.pool())
        .await
        .unwrap();
    assert_eq!(complaint(&buy(&world, &alice, PACKAGE).await), (CONFLICT.0, CONFLICT.1.to_owned()));
    assert_eq!(world.count("payments").await, 0);
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_caller_gets_nothing() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let body = json!({"packageId": PACKAGE});
    let other_secret = EncodingKey::from_secret(b"another secret of thirty-two or more characters");
    let forged =
        encode(&Header::default(), &json!({"sub": "alice", "exp": 9_999_999_999_i64}), &other_secret);
    for (bad, what) in [
        (token(&world, "alice", -1), "expired"),
        (token(&world, "bob", 60), "a user that is not registered"),
        (token(&world, "", 60), "no user"),
        (forged.unwrap(), "signed with another secret"),
        ("a.b.c".to_owned(), "no token"),
        ("psk_0123".to_owned(), "no key"),
        ("x".repeat(5_000), "long"),
    ] {
        refused(world.api().post(PURCHASE).bearer(&bad).json(body.clone()), UNAUTHORIZED, what).await;
        refused(world.api().get(TRANSACTIONS).bearer(&bad), UNAUTHORIZED, what).await;
    }
    for header in ["Bearer", "Bearer ", &token(&world, "alice", 60)] {
        let request = world.api().post(PURCHASE).header("authorization", header).json(body.clone());
        refused(request, UNAUTHORIZED, header).await;
    }
    // A page of another site that has the user's cookie sent along.
    let session = world.create_session(&alice).await;
    let request = world.api().post(PURCHASE).header("cookie", &format!("purser_session={session}"));
    refused(request.header("origin", "https://evil.example").json(body), FORBIDDEN, "another site").await;
    assert_eq!(world.count("payments").await, 0);
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_listed_newest_first() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    for package in [PACKAGE, "65a000000000000000000250"] {
        assert_eq!(buy(&world, &alice, package).await.status(), 201);
        world.drain().await;
    }
    let spend = world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.api_key);
    spend.json(json!({"credits": 12.5, "description": "one render", "type": "render"})).expect(200).await;
    world.start_checkout(&alice, 2_500).await;
    buy(&world, &bob, PACKAGE).await;
    world.drain().await;

    let page = transactions(&world, &alice, "").await;
    assert_eq!(
        (&page["page"], &page["limit"], &page["total"], &page["totalPages"]),
        (&json!(1), &json!(20), &json!(4), &json!(1))
    );
    assert_eq!(
        json!(each(&page, "type")),
        json!(["credit_purchase", "render", "credit_purchase", "credit_purchase"])
    );
    assert_eq!(json!(each(&page, "status")), json!(["pending", "completed", "completed", "completed"]));
    assert_eq!(json!(each(&page, "direction")), json!(["credit", "debit", "credit", "credit"]));
    assert_eq!(json!(each(&page, "amount")), json!([2_500, 12.5, 250, 100]));
    assert_eq!(json!(each(&page, "balanceAfter")), json!([null, 337.5, 350, 100]));
    assert!(each(&page, "source").iter().all(|source| **source == json!("credit_transaction")));
    assert_eq!(page["items"][1]["description"], json!("one render"));
    assert_eq!(page["items"][1].as_object().unwrap().len(), 9);

    let amounts = async |query: &str| json!(each(&transactions(&world, &alice, query).await, "amount"));
    for (query, expected) in [
        ("?sort=occurredAt:asc", json!([100, 250, 12.5, 2_500])),
        ("?sort=occurredAt:desc", json!([2_500, 12.5, 250, 100])),
        ("?types=credit_purchase&statuses=completed", json!([250, 100])),
        ("?types=render,credit_purchase&direction=debit", json!([12.5])),
        ("?types=render&types=nothing", json!([12.5])),
        ("?types=purchase'--", json!([])),
        ("?statuses=pending,failed", json!([2_500])),
        ("?statuses=refunded", json!([])),
        ("?direction=credit&limit=1&page=2", json!([250])),
        ("?limit=3&page=2", json!([100])),
        ("?limit=100&page=9", json!([])),
        ("?dateFrom=2000-01-01&dateTo=2100-01-01", json!([2_500, 12.5, 250, 100])),
        ("?dateFrom=0000-01-01&dateTo=2000-01-01", json!([])),
        ("?dateFrom=9999-12-31", json!([])),
    ] {
        assert_eq!(amounts(query).await, expected, "{query}");
    }
    let last = transactions(&world, &alice, "?limit=3&page=7").await;
    assert_eq!((&last["total"], &last["totalPages"], &last["page"]), (&json!(4), &json!(2), &json!(7)));
    // The day of today, and the very moment of an entry, are included.
    let moment = page["items"][3]["occurredAt"].as_str().unwrap();
    let today = moment.split_once('T').unwrap().0;
    assert_eq!(amounts(&format!("?dateFrom={moment}&limit=1&sort=asc")).await, json!([100]));
    assert_ne!(amounts(&format!("?dateFrom={today}&dateTo={today}")).await, json!([]));

    assert_eq!(json!(each(&transactions(&world, &bob, "").await, "amount")), json!([100]));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonsensical_list_query_is_refused() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    for query in [
        "page=0",
        "page=-1",
        "page=x",
        "page=",
        "page=9223372036854775807",
        "page=99999999999999999999",
        "limit=0",
        "limit=101",
        "limit=1.5",
        "statuses=paid",
        "statuses=completed,paid",
        "direction=up",
        "sort=amount",
        "dateFrom=yesterday",
        "dateTo=2026-13-01",
        "dateTo=9999-12-31",
        "dateFrom=-2026-01-01",
        "dateFrom=2026-02-01&dateTo=2026-01-01",
    ] {
        let path = format!("{TRANSACTIONS}?{query}");
        refused(world.api().get(&path).bearer(&alice.api_key), INVALID, query).await;
    }
    assert_eq!(transactions(&world, &alice, "?page=1000000").await["items"], json!([]));
    world.abandon().await;
}
