//! TimeProof's payments API, as its document has it: its example first, then each error, then organizations.

use std::time::Duration;

use harness::client::{Answer, Request};
use harness::world::{GOOD_CARD, User, World};
use jobs::Role;
use serde_json::{Value, json};

use crate::organizations::organization;

/// As the document's integration example: a session cookie, and a page of an allowed site.
struct Browser<'a> {
    world: &'a World,
    cookie: String,
    origin: String,
}

impl<'a> Browser<'a> {
    async fn of(world: &'a World, user: &User) -> Self {
        let cookie = format!("purser_session={}", world.create_session(user).await);
        Self { world, cookie, origin: world.settings().allowed_origins()[0].clone() }
    }

    fn get(&self, path: &str) -> Request {
        self.world.api().get(path).header("cookie", &self.cookie)
    }

    fn checkout(&self, body: Value) -> Request {
        let request = self.world.api().post("/api/payments/checkout").header("cookie", &self.cookie);
        request.header("origin", &self.origin).json(body)
    }

    async fn buy(&self, body: Value) -> Value {
        let checkout = self.checkout(body).expect(200).await;
        self.world.pay(checkout["sessionId"].as_str().unwrap(), GOOD_CARD).await;
        self.world.drain().await;
        checkout
    }
}

/// The status and the text of an error, which has nothing else in it.
fn complaint(answer: &Answer) -> (u16, String) {
    let body = answer.json().unwrap();
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{answer}");
    (answer.status(), body["error"].as_str().unwrap().to_owned())
}

async fn refused(request: Request) -> (u16, String) {
    complaint(&request.send().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_is_public() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let packs = world.api().get("/api/payments/packs").expect(200).await;
    let expected = json!({"packs": [
        {"packId": "micro", "name": "Micro", "credits": 100, "price": 1_500, "currency": "usd", "pricePerCredit": 15},
        {"packId": "basic", "name": "Basic", "credits": 350, "price": 4_900, "currency": "usd", "pricePerCredit": 14},
        {"packId": "pro", "name": "Pro", "credits": 1_000, "price": 12_900, "currency": "usd", "pricePerCredit": 12.9},
        {"packId": "bulk", "name": "Bulk", "credits": 2_500, "price": 29_900, "currency": "usd",
         "pricePerCredit": 11.96},
    ]});
    assert_eq!(packs, expected);
    world.finish().await;
}

/// The document's example: balance, checkout, payment, balance.
#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_bought_from_catalog_to_history() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let browser = Browser::of(&world, &alice).await;
    assert_eq!(browser.get("/api/payments/balances").expect(200).await, json!({"balance": 0}));

    let body = json!({
        "items": [{"packId": "micro", "quantity": 1}, {"packId": "basic", "quantity": 2}],
        "orgId": null
    });
    let checkout = browser.checkout(body).expect(200).await;
    let session = checkout["sessionId"].as_str().unwrap();
    assert!(session.starts_with("cs_test_"));
    let url = checkout["url"].as_str().unwrap();
    assert!(url.contains(session), "{url}");
    assert_eq!(checkout, json!({"sessionId": session, "paymentId": 1, "url": url, "itemCount": 3}));

    let path = format!("/api/payments/session/{session}");
    let open = browser.get(&path).expect(200).await;
    assert_eq!((&open["status"], &open["url"]), (&json!("pending"), &json!(url)));
    assert_eq!((&open["completedAt"], &open["orgId"]), (&Value::Null, &Value::Null));

    world.pay(session, GOOD_CARD).await;
    world.drain().await;
    for path in ["/api/payments/balances", "/api/account/balances"] {
        assert_eq!(browser.get(path).expect(200).await, json!({"balance": 800}), "{path}");
    }
    let paid = browser.get(&path).expect(200).await;
    assert!(paid["createdAt"].as_str().unwrap() <= paid["completedAt"].as_str().unwrap(), "{paid}");
    let items = json!([
        {"packId": "micro", "quantity": 1, "name": "Micro", "credits": 100, "price": 1_500},
        {"packId": "basic", "quantity": 2, "name": "Basic", "credits": 350, "price": 4_900},
    ]);
    for (field, value) in [
        ("sessionId", json!(session)),
        ("paymentId", json!(1)),
        ("status", json!("completed")),
        ("amount", json!(11_300)),
        ("credits", json!(800)),
        ("items", items.clone()),
        ("url", Value::Null),
    ] {
        assert_eq!(paid[field], value, "{field}");
    }
    assert!(paid["completedAt"].as_str().unwrap().ends_with('Z'));

    let history = browser.get("/api/payments/history").expect(200).await;
    let entry = &history["payments"][0];
    assert_eq!(history["payments"].as_array().unwrap().len(), 1);
    for (field, value) in
        [("paymentId", json!(1)), ("status", json!("completed")), ("amount", json!(11_300)), ("items", items)]
    {
        assert_eq!(entry[field], value, "{field}");
    }
    assert_eq!(
        (&entry["createdAt"], &entry["completedAt"]),
        (&paid["createdAt"], &paid["completedAt"]),
        "{entry}"
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_pack_is_bought_with_the_old_request() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let browser = Browser::of(&world, &alice).await;
    // The Python example sends no orgId at all; other clients send more than is known here.
    let body = json!({"packId": "basic", "credits": 1_000_000, "price": 1});
    assert_eq!(browser.buy(body).await["itemCount"], 1);
    assert_eq!(browser.get("/api/account/balances").expect(200).await, json!({"balance": 350}));
    // The same pack twice in one list is that pack twice.
    let twice = json!({"items": [{"packId": "micro", "quantity": 1}, {"packId": "micro", "quantity": 2.0}]});
    assert_eq!(browser.buy(twice).await["itemCount"], 3);
    assert_eq!(world.balance(&alice.wallet_id).await, 650);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsellable_carts_are_refused_and_order_nothing() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let browser = Browser::of(&world, &alice).await;
    let euro =
        json!({"packId": "euro", "name": "Euro", "credits": 1, "price": {"minor": 99, "currency": "eur"}});
    world.admin_post("/purser/v1/catalog/packs", euro).expect(201).await;
    let one = |id: &str, quantity: Value| json!({"items": [{"packId": id, "quantity": quantity}]});
    let either = "Provide either items or packId, not both.";
    for (body, message) in [
        (json!({}), either),
        (json!({"items": null, "packId": null}), either),
        (json!({"items": [{"packId": "micro", "quantity": 1}], "packId": "micro"}), either),
        (json!({"items": []}), "items must have 1 to 100 entries."),
        (json!({"items": vec![json!({"packId": "micro", "quantity": 1}); 101]}), "items must have 1 to 100"),
        (one("micro", json!(0)), "quantity must be"),
        (one("micro", json!(-1)), "quantity must be"),
        (one("micro", json!(1.5)), "quantity must be"),
        (one("micro", json!("1")), "quantity must be"),
        (one("micro", json!(null)), "quantity must be"),
        (one("micro", json!(1e300)), "quantity must be"),
        (one("micro", json!(u64::MAX)), "quantity must be"),
        (one("bulk", json!(999_999)), "The total is more than can be charged at once."),
        (one("nothing", json!(1)), "Unknown packId: nothing"),
        (one("Fifty", json!(1)), "Unknown packId: Fifty"),
        (one("Größe\u{1}箱", json!(1)), "Unknown packId: Größe箱"),
        (one("\u{0}", json!(1)), "Texts must not have the character U+0000."),
        (json!({"packId": ""}), "Unknown packId: "),
        (
            json!({"items": [{"packId": "micro", "quantity": 1}, {"packId": "euro", "quantity": 1}]}),
            "The packs have different currencies",
        ),
        (json!({"items": [{"packId": "micro"}]}), "missing field `quantity`"),
        (json!({"items": "micro"}), "invalid type"),
        (json!({"packId": "micro", "orgId": "1"}), "invalid type"),
        (json!([]), "invalid"),
    ] {
        let (status, text) = refused(browser.checkout(body)).await;
        assert!(status == 400 && text.starts_with(message), "{status} {text} instead of {message}");
    }
    let raw = || browser.checkout(json!({}));
    assert_eq!(refused(raw().body("{")).await.0, 400);
    assert_eq!(refused(raw().body(vec![b' '; 2 * 1024 * 1024])).await.0, 413);
    let plain = world.api().post("/api/payments/checkout").bearer(&alice.api_key);
    let plain = plain.header("content-type", "text/plain").body("packId=micro");
    assert_eq!(refused(plain).await.0, 415);
    let key = "x".repeat(256);
    let keyed = browser.checkout(json!({"packId": "micro"})).idempotency_key(&key);
    assert_eq!(refused(keyed).await.0, 400);
    for path in
        ["history?limit=0", "history?limit=501", "history?limit=x", "history?orgId=x", "balances?orgId=x"]
    {
        assert_eq!(refused(browser.get(&format!("/api/payments/{path}"))).await.0, 400, "{path}");
    }
    assert_eq!(world.count("payments").await, 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_callers_are_refused() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let session = world.create_session(&alice).await;
    let requests = |credential: &dyn Fn(Request) -> Request| {
        ["session/cs_test_1", "history", "balances"]
            .map(|path| credential(world.api().get(&format!("/api/payments/{path}"))))
            .into_iter()
            .chain([credential(world.api().get("/api/account/balances"))])
            .chain([credential(world.api().post("/api/payments/checkout").json(json!({"packId": "micro"})))])
            .collect::<Vec<Request>>()
    };
    let unknown: [(&dyn Fn(Request) -> Request, &str); 4] = [
        (&|request| request, "Authentication required"),
        (&|request| request.header("cookie", "other=1"), "Authentication required"),
        (&|request| request.header("cookie", "purser_session=pst_unknown"), "The session is not valid."),
        (&|request| request.bearer("garbage"), "The session is not valid."),
    ];
    for (credential, message) in unknown {
        for request in requests(credential) {
            assert_eq!(refused(request).await, (401, message.to_owned()));
        }
    }
    // A cookie is sent along by any page, so the page must be of an allowed site.
    let cookie = format!("purser_session={session}");
    let ordered = || {
        let request = world.api().post("/api/payments/checkout").json(json!({"packId": "micro"}));
        request.header("cookie", &cookie)
    };
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("referer", "https://evil.example/"),
    ] {
        assert_eq!(refused(ordered().header(name, value)).await.0, 403, "{name} {value}");
    }
    assert_eq!(world.count("payments").await, 0);
    // The document's own sample in Python keeps its cookie in a session, and says nothing of pages.
    let sample = world.api().post("/api/payments/checkout").header("cookie", &cookie);
    assert_eq!(refused(sample.json(json!({"packId": "unknown"}))).await.0, 400);
    world.advance(Duration::from_secs(25 * 3600)).await;
    let expired = world.api().get("/api/payments/history").header("x-session-token", &session);
    assert_eq!(refused(expired).await, (401, "The session has expired.".to_owned()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_of_others_stay_hidden() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let (hers, his) = (Browser::of(&world, &alice).await, Browser::of(&world, &bob).await);
    let checkout = hers.buy(json!({"packId": "micro"})).await;
    let intent: String =
        sqlx::query_scalar("select provider_payment from payments").fetch_one(world.pool()).await.unwrap();
    let session = checkout["sessionId"].as_str().unwrap();
    let unknown = (404, "Session not found".to_owned());
    for id in [session, "1", "2", "-1", "99999999999999999999", "cs_test_unknown", "%E7%AE%B1"] {
        assert_eq!(refused(his.get(&format!("/api/payments/session/{id}"))).await, unknown, "{id}");
    }
    assert_eq!(refused(his.get("/api/payments/session/%00")).await.0, 400);
    // A payment is no session, whoever asks for it.
    assert_eq!(refused(hers.get(&format!("/api/payments/session/{intent}"))).await, unknown);
    assert_eq!(his.get("/api/payments/history").expect(200).await, json!({"payments": []}));
    assert_eq!(his.get("/api/payments/balances").expect(200).await, json!({"balance": 0}));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_checkout_page_is_polled_for() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let browser = Browser::of(&world, &alice).await;
    let request = browser.checkout(json!({"items": [{"packId": "micro", "quantity": 2}]}));
    let answer = request.header("prefer", "respond-async").send().await.unwrap();
    assert_eq!((answer.status(), answer.header("preference-applied")), (202, Some("respond-async")));
    let status_url = "/api/payments/session/1";
    assert_eq!(answer.header("location"), Some(status_url));
    let expected = json!({"sessionId": null, "paymentId": 1, "url": null, "itemCount": 2, "status": "pending",
                          "statusUrl": status_url});
    assert_eq!(answer.json().unwrap(), expected);
    world.drain().await;
    let polled = browser.get(status_url).expect(200).await;
    assert_eq!((&polled["status"], &polled["amount"]), (&json!("pending"), &json!(3_000)));
    let session = polled["sessionId"].as_str().unwrap();
    assert!(polled["url"].as_str().unwrap().contains(session));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_without_a_worker_is_kept() {
    let world = World::builder().roles(&[Role::Apply]).start().await;
    let alice = world.create_user("alice").await;
    let request = world.api().post("/api/payments/checkout").bearer(&alice.api_key);
    let body = request.json(json!({"packId": "micro"})).expect(202).await;
    assert_eq!((&body["status"], &body["sessionId"]), (&json!("pending"), &Value::Null));
    assert_eq!(world.count("payments where state = 'created'").await, 1);
    // No worker runs the other roles.
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_repeated_with_its_key_is_the_same_order() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let browser = Browser::of(&world, &alice).await;
    let send = async |pack: &str| {
        browser.checkout(json!({"packId": pack})).idempotency_key("first").send().await.unwrap()
    };
    let first = send("micro").await.json().unwrap();
    assert_eq!(send("micro").await.json().unwrap(), first);
    assert_eq!(complaint(&send("basic").await).0, 409);
    assert_eq!(world.count("payments").await, 1);
    world.pay(first["sessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    let again = send("micro").await.json().unwrap();
    assert_eq!((&again["paymentId"], &again["url"]), (&json!(1), &Value::Null));
    world.finish().await;
}

/// The webhook is lost: asking after the checkout is enough.
#[tokio::test(flavor = "multi_thread")]
async fn polling_a_checkout_recovers_a_lost_webhook() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let browser = Browser::of(&world, &alice).await;
    let checkout = browser.checkout(json!({"packId": "micro"})).expect(200).await;
    let session = checkout["sessionId"].as_str().unwrap();
    world.lose_events().await;
    world.pay(session, GOOD_CARD).await;
    world.advance(Duration::from_secs(60)).await;
    let path = format!("/api/payments/session/{session}");
    assert_eq!(browser.get(&path).expect(200).await["status"], "pending");
    world.drain().await;
    assert_eq!(browser.get(&path).expect(200).await["status"], "completed");
    assert_eq!(world.balance(&alice.wallet_id).await, 100);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_checkout_is_shown_as_failed() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let browser = Browser::of(&world, &alice).await;
    let checkout = browser.checkout(json!({"packId": "micro"})).expect(200).await;
    let session = checkout["sessionId"].as_str().unwrap();
    world.emulator().post(&format!("/_emulator/checkout/{session}/expire")).json(json!({})).expect(200).await;
    world.drain().await;
    let path = format!("/api/payments/session/{session}");
    let over = browser.get(&path).expect(200).await;
    assert_eq!((&over["status"], &over["url"]), (&json!("failed"), &Value::Null));
    let history = browser.get("/api/payments/history").expect(200).await;
    assert_eq!(history["payments"][0]["status"], "failed");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_and_debits_of_other_apis_are_shown() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let browser = Browser::of(&world, &alice).await;
    world.buy(&alice, 250).await;
    browser.buy(json!({"packId": "micro"})).await;
    let consume = world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.api_key);
    consume.json(json!({"credits": 0.5})).expect(200).await;
    assert_eq!(browser.get("/api/payments/balances").expect(200).await, json!({"balance": 349}));
    let history = browser.get("/api/payments/history").expect(200).await;
    let shown = |entry: &Value| (entry["amount"].as_i64().unwrap(), entry["items"][0]["packId"].clone());
    let payments = history["payments"].as_array().unwrap();
    assert_eq!(payments.iter().map(shown).collect::<Vec<_>>(), [(1_500, json!("micro")), (250, Value::Null)]);
    let newest = browser.get("/api/payments/history?limit=1").expect(200).await;
    assert_eq!(newest["payments"].as_array().unwrap().as_slice(), &payments[..1]);
    // Bought here, it is there.
    let credits = world.api().get("/v1/credits").bearer(&alice.api_key).expect(200).await;
    assert_eq!(
        (&credits["remainingCredits"], &credits["lastTopUp"]["amountPaidCents"]),
        (&json!(349.5), &json!(1_500))
    );
    assert_eq!(
        world.api().get("/credits/balance").bearer(&alice.api_key).expect(200).await["data"]["balance"],
        349
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_and_owners_buy_for_an_organization() {
    let world = World::start().await;
    let users = organization(&world).await;
    let id = users.id;
    for (user, may_buy) in [
        (&users.owner, true),
        (&users.admin, true),
        (&users.member, false),
        (&users.viewer, false),
        (&users.stranger, false),
    ] {
        let request = world.api().post("/api/payments/checkout").bearer(&user.api_key);
        let answer = request.json(json!({"packId": "micro", "orgId": id})).send().await.unwrap();
        assert_eq!(answer.status(), if may_buy { 200 } else { 403 }, "{} {answer}", user.id);
    }
    let unknown = world.api().post("/api/payments/checkout").bearer(&users.owner.api_key);
    assert_eq!(refused(unknown.json(json!({"packId": "micro", "orgId": id + 1}))).await.0, 403);

    let mut sockets = Vec::new();
    for user in [&users.owner, &users.member, &users.viewer] {
        sockets.push(world.api().open_websocket("/api/ws", &user.api_key).await.unwrap());
    }
    let request = world.api().post("/api/payments/checkout").bearer(&users.admin.api_key);
    let checkout = request.json(json!({"packId": "basic", "orgId": id})).expect(200).await;
    let session = checkout["sessionId"].as_str().unwrap();
    world.pay(session, GOOD_CARD).await;
    for socket in &mut sockets {
        let message = socket.receive_within(Duration::from_secs(10)).await.unwrap();
        let id = &checkout["paymentId"];
        let expected = json!({"type": "credits.added", "credits": 350, "balance": 350, "paymentId": id});
        assert_eq!(message, expected);
    }
    world.drain().await;

    // Only members see it, and it is no credit of the buyer's own.
    for user in users.members() {
        let get = |path: &str| world.api().get(path).bearer(&user.api_key);
        for path in ["/api/payments/balances", "/api/account/balances"] {
            assert_eq!(
                get(&format!("{path}?orgId={id}")).expect(200).await,
                json!({"balance": 350}),
                "{}",
                user.id
            );
            assert_eq!(get(path).expect(200).await, json!({"balance": 0}), "{}", user.id);
        }
        let history = get(&format!("/api/payments/history?orgId={id}")).expect(200).await;
        let statuses: Vec<&str> = history["payments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["status"].as_str().unwrap())
            .collect();
        assert_eq!(statuses, ["completed", "pending", "pending"], "{}", user.id);
        let seen = get(&format!("/api/payments/session/{session}")).expect(200).await;
        assert_eq!((&seen["status"], &seen["orgId"]), (&json!("completed"), &json!(id)));
    }
    let get = |path: &str| world.api().get(path).bearer(&users.stranger.api_key);
    for path in ["balances", "history"] {
        let path = format!("/api/payments/{path}?orgId={id}");
        let message = "You are not a member of this organization.".to_owned();
        assert_eq!(refused(get(&path)).await, (403, message));
    }
    assert_eq!(refused(get(&format!("/api/payments/session/{session}"))).await.0, 404);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_wrong_methods_answer_in_timeproofs_format() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    for (method, path, status) in [
        ("GET", "/api/payments", 404),
        ("GET", "/api/payments/nothing", 404),
        ("GET", "/api/payments/session", 404),
        ("GET", "/api/account", 404),
        ("POST", "/api/payments/packs", 405),
        ("GET", "/api/payments/checkout", 405),
        ("DELETE", "/api/account/balances", 405),
    ] {
        let request = world.api().request(method.parse().unwrap(), path);
        assert_eq!(refused(request).await.0, status, "{method} {path}");
    }
    // Its neighbours word theirs themselves.
    let native = world.api().get("/api/nothing").send().await.unwrap();
    assert_eq!(native.json().unwrap()["error"]["code"], "not_found");
    world.finish().await;
}
