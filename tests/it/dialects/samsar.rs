//! Samsar's credits API, to the letter: the samples of its document, then each error, then whose payments are whose.

use harness::client::{Answer, Request};
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

/// A request as a user.
fn post(world: &World, user: &User, path: &str, body: Value) -> Request {
    world.api().post(path).bearer(&user.api_key).json(body)
}

async fn get(world: &World, user: &User, path: &str) -> Answer {
    world.api().get(path).bearer(&user.api_key).send().await.unwrap()
}

/// The status and the message of an error, which has nothing else in it.
fn complaint(answer: &Answer) -> (u16, String) {
    let body = answer.json().unwrap();
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{answer}");
    (answer.status(), body["message"].as_str().unwrap().to_owned())
}

fn keys(body: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The documented status of a page of 25 dollars that has just been opened.
fn open_status(session: &str) -> Value {
    json!({
        "status": "pending",
        "mode": "payment",
        "checkoutSessionId": session,
        "sessionStatus": "open",
        "paymentStatus": "unpaid",
        "paymentIntentId": null,
        "paymentIntentStatus": null,
        "setupIntentId": null,
        "setupIntentStatus": null,
        "amountCents": 2_500,
        "currency": "usd",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_shown_before_and_after_the_first_top_up() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let answer = get(&world, &alice, "/v1/credits").await;
    assert_eq!(answer.header("x-credits-remaining"), Some("0"));
    assert_eq!(answer.json().unwrap(), json!({"remainingCredits": 0, "lastTopUp": null}));

    world.buy(&alice, 2_550).await;
    let answer = get(&world, &alice, "/v2/credits").await;
    assert_eq!(answer.header("x-credits-remaining"), Some("2550"));
    let body = answer.json().unwrap();
    assert_eq!(
        (keys(&body), &body["remainingCredits"]),
        (vec!["lastTopUp", "remainingCredits"], &json!(2_550))
    );
    let last = &body["lastTopUp"];
    // No invoice is made for a purchase unless that is asked for: its fields are left out, as Samsar does.
    let documented = [
        "amountPaidCents",
        "billingReason",
        "creditsApplied",
        "currency",
        "id",
        "paymentDate",
        "paymentStatus",
        "paymentType",
        "productSummary",
        "receiptAvailable",
        "receiptUrl",
    ];
    assert_eq!(keys(last), documented);
    assert_eq!(last["id"].as_str().map(str::len), Some(24));
    assert!(last["id"].as_str().unwrap().bytes().all(|byte| byte.is_ascii_hexdigit()));
    let at = last["paymentDate"].as_str().unwrap();
    assert!(at.len() == "2024-09-12T10:08:11.000Z".len() && at.ends_with('Z'), "{at}");
    assert!(last["receiptUrl"].is_string());
    for (field, value) in [
        ("amountPaidCents", json!(2_550)),
        ("currency", json!("USD")),
        ("paymentType", json!("one_time")),
        ("paymentStatus", json!("paid")),
        ("billingReason", json!("one_time")),
        ("creditsApplied", json!(2_550)),
        ("receiptAvailable", json!(true)),
        ("productSummary", json!("Purchase 2550 credits")),
    ] {
        assert_eq!(last[field], value, "{field}");
    }
    world.finish().await;
}

/// As in the document's sample, where the installation has invoices made.
#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_with_an_invoice_names_it() {
    for is_asked_about in [false, true] {
        let builder = World::builder().one_off_invoices();
        let world = if is_asked_about { builder.verify_always() } else { builder }.start().await;
        let alice = world.create_user("alice").await;
        world.buy(&alice, 2_550).await;
        let body = get(&world, &alice, "/v1/credits").await.json().unwrap();
        let last = &body["lastTopUp"];
        let id = last["stripeInvoiceId"].as_str().unwrap();
        let invoice = world.stripe_get(&format!("invoices/{id}")).expect(200).await;
        assert!(invoice["number"].is_string(), "{invoice}");
        for (field, theirs) in [
            ("stripeInvoiceNumber", "number"),
            ("invoicePdfUrl", "invoice_pdf"),
            ("hostedInvoiceUrl", "hosted_invoice_url"),
        ] {
            assert_eq!(last[field], invoice[theirs], "{field}");
        }
        assert_eq!((&body["remainingCredits"], &last["paymentType"]), (&json!(2_550), &json!("one_time")));
        // The invoice is a paper about the money, and brings none: it is credited once, and goes back once.
        assert_eq!((world.count("payments").await, world.count("ledger_entries").await), (1, 1));
        let paid = world.stripe_get("invoice_payments?limit=1").expect(200).await;
        let intent = paid["data"][0]["payment"]["payment_intent"].as_str().unwrap().to_owned();
        world.stripe_post("refunds", &format!("payment_intent={intent}")).expect(200).await;
        world.drain().await;
        assert_eq!(world.balance(&alice.wallet_id).await, 0);
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_and_a_bad_credential_are_both_unauthorized() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    for (method, path) in [
        ("GET", "/v1/credits"),
        ("GET", "/v2/credits"),
        ("POST", "/v1/credits/recharge"),
        ("POST", "/v2/credits/recharge"),
        ("GET", "/v1/payment_status"),
        ("POST", "/v2/payment_status"),
    ] {
        let method: reqwest::Method = method.parse().unwrap();
        let missing = world.api().request(method.clone(), path).send().await.unwrap();
        let message = "API_KEY, auth token, or APP_KEY header is missing or empty.".to_owned();
        assert_eq!(complaint(&missing), (401, message), "{path}");
        let bad = world.api().request(method, path).bearer("psk_unknown").send().await.unwrap();
        assert_eq!(complaint(&bad), (401, "Invalid API_KEY. User not found.".to_owned()), "{path}");
    }
    let alice = world.create_user("alice").await;
    let session = world.create_session(&alice).await;
    world.advance(std::time::Duration::from_hours(24 * 365)).await;
    let expired = world.api().get("/v1/credits").bearer(&session).send().await.unwrap();
    let message = "Your api key has expired, please generate a new api key.".to_owned();
    assert_eq!(complaint(&expired), (401, message));
    // An old header of Samsar's, and a scheme that is not checked.
    world.api().get("/v1/credits").header("api_key", &alice.api_key).expect(200).await;
    let scheme = format!("ApiKey {}", alice.api_key);
    world.api().get("/v1/credits").header("authorization", &scheme).expect(200).await;
    world.finish().await;
}

/// The document's samples of a recharge and of asking after it: request and answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_recharge_and_its_status_answer_as_documented() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let answer = post(&world, &alice, "/v1/credits/recharge", json!({"credits": 2_500})).expect(200).await;
    let session = answer["checkoutSessionId"].as_str().unwrap();
    let expected = json!({
        "url": format!("{}/c/pay/{session}", world.settings().emulator_url()),
        "checkoutSessionId": session,
        // Stripe makes the PaymentIntent when the buyer pays.
        "paymentIntentId": null,
        "paymentStatusEndpoint": "/v1/payment_status",
        "credits": 2_500,
        "amountUsd": 25,
        "amountCents": 2_500,
        "currency": "USD"
    });
    assert_eq!(answer, expected);

    let path = format!("/v1/payment_status?checkoutSessionId={session}");
    let status = async || get(&world, &alice, &path).await.json().unwrap();
    let mut expected = open_status(session);
    assert_eq!(status().await, expected);
    world.pay(session, GOOD_CARD).await;
    world.drain().await;
    let paid = status().await;
    assert!(paid["paymentIntentId"].as_str().unwrap().starts_with("pi_"));
    for (field, value) in [
        ("status", json!("succeeded")),
        ("sessionStatus", json!("complete")),
        ("paymentStatus", json!("paid")),
        ("paymentIntentId", paid["paymentIntentId"].clone()),
        ("paymentIntentStatus", json!("succeeded")),
    ] {
        expected[field] = value;
    }
    assert_eq!(paid, expected);

    // An unpaid session has failed once it ends.
    let other = world.start_checkout(&alice, 500).await.session_id;
    world.emulator().post(&format!("/_emulator/checkout/{other}/expire")).expect(200).await;
    world.drain().await;
    let failed = get(&world, &alice, &format!("/v1/payment_status?session_id={other}")).await.json().unwrap();
    assert_eq!((&failed["status"], &failed["sessionStatus"]), (&json!("failed"), &json!("expired")));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recharge_answers_with_exactly_the_documented_fields() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    for (path, body) in [
        ("/v1/credits/recharge", json!({"credits": 2_550})),
        ("/v1/credits/recharge", json!({"credits": "2550"})),
        ("/v1/credits/recharge", json!({"credits_to_recharge": 2_550.0})),
        ("/v2/credits/recharge", json!({"input": {"creditsToRecharge": 2_550}})),
    ] {
        let answer = post(&world, &alice, path, body).header("x-request-id", "mine-1").send().await.unwrap();
        assert_eq!(answer.header("x-request-id"), Some("mine-1"));
        let body = answer.json().unwrap();
        let documented = [
            "amountCents",
            "amountUsd",
            "checkoutSessionId",
            "credits",
            "currency",
            "paymentIntentId",
            "paymentStatusEndpoint",
            "url",
        ];
        assert_eq!((answer.status(), keys(&body)), (200, documented.to_vec()), "{answer}");
        assert!(body["checkoutSessionId"].as_str().unwrap().starts_with("cs_test_"));
        assert!(body["url"].as_str().unwrap().contains("/c/pay/cs_test_"));
        assert_eq!(body["paymentIntentId"], Value::Null);
        assert_eq!(body["paymentStatusEndpoint"], "/v1/payment_status");
        let amounts = (&body["credits"], &body["amountUsd"], &body["amountCents"], &body["currency"]);
        assert_eq!(amounts, (&json!(2_550), &json!(25.5), &json!(2_550), &json!("USD")));
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsellable_amounts_are_refused_and_order_nothing() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let required = "credits is required and must be a positive number.";
    for (body, message) in [
        (json!({}), required),
        (json!({"credits": 0}), required),
        (json!({"credits": -100}), required),
        (json!({"credits": "many"}), required),
        (json!({"credits": null}), required),
        (json!([2_500]), required),
        (json!({"input": {}, "credits": 2_500}), required),
        (json!({"credits": 50.5}), "credits must be an integer."),
        (json!({"credits": 49}), "credits must be at least 50: Stripe's minimum charge is $0.50."),
        (json!({"credits": 100_000_000}), "credits must be at most 99999999."),
    ] {
        let answer = post(&world, &alice, "/v1/credits/recharge", body).send().await.unwrap();
        assert_eq!(complaint(&answer), (400, message.to_owned()));
    }
    let broken = world.api().post("/v1/credits/recharge").bearer(&alice.api_key).body("{").send().await;
    assert_eq!(complaint(&broken.unwrap()).0, 400);
    let request = world.api().post("/v1/credits/recharge").bearer(&alice.api_key);
    let text = request.header("content-type", "text/plain").body("credits=5").send().await.unwrap();
    assert_eq!(complaint(&text).0, 415);
    assert_eq!(world.count("payments").await, 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_respond_async_caller_polls_by_payment_id() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let request = post(&world, &alice, "/v1/credits/recharge", json!({"credits": 500}));
    let answer = request.header("prefer", "respond-async").send().await.unwrap();
    assert_eq!((answer.status(), answer.header("preference-applied")), (202, Some("respond-async")));
    let body = answer.json().unwrap();
    let id = body["paymentId"].as_str().unwrap();
    let endpoint = format!("/v1/payment_status?paymentId={id}");
    assert_eq!(answer.header("location"), Some(endpoint.as_str()));
    assert_eq!(body["paymentStatusEndpoint"], endpoint.as_str());
    assert_eq!((&body["status"], &body["url"]), (&json!("pending"), &Value::Null));

    world.drain().await;
    let status = get(&world, &alice, &endpoint).await.json().unwrap();
    assert_eq!((&status["status"], &status["amountCents"]), (&json!("pending"), &json!(500)));
    assert!(status["url"].as_str().unwrap().contains(status["checkoutSessionId"].as_str().unwrap()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recharge_repeated_with_its_key_is_the_same_order() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let send = async |path: &str, credits: i64| {
        let request = post(&world, &alice, path, json!({"credits": credits}));
        request.idempotency_key("first").send().await.unwrap()
    };
    let first = send("/v1/credits/recharge", 500).await.json().unwrap();
    let again = send("/v2/credits/recharge", 500).await.json().unwrap();
    assert_eq!(first, again);
    assert_eq!(complaint(&send("/v1/credits/recharge", 501).await).0, 409);
    assert_eq!(world.count("payments").await, 1);

    // Also after it was paid; then there is no page to pay on.
    let session = first["checkoutSessionId"].as_str().unwrap();
    world.pay(session, GOOD_CARD).await;
    world.drain().await;
    let paid = send("/v1/credits/recharge", 500).await;
    assert_eq!(paid.status(), 200, "{paid}");
    let paid = paid.json().unwrap();
    assert_eq!((&paid["checkoutSessionId"], &paid["url"]), (&json!(session), &Value::Null));

    // Another user's key of the same name is another key.
    let bob = world.create_user("bob").await;
    let theirs = post(&world, &bob, "/v1/credits/recharge", json!({"credits": 500}));
    let theirs = theirs.idempotency_key("first").expect(200).await;
    assert_ne!(theirs["checkoutSessionId"], first["checkoutSessionId"]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_found_under_every_parameter_name() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let checkout = world.start_checkout(&alice, 2_500).await;
    let session = &checkout.session_id;
    let open = open_status(session);
    for name in ["checkoutSessionId", "checkout_session_id", "sessionId", "session_id", "paymentSessionId"] {
        for path in ["/v1/payment_status", "/v2/payment_status"] {
            let found = get(&world, &alice, &format!("{path}?{name}={session}")).await;
            assert_eq!(found.json().unwrap(), open, "{name}");
            for body in [json!({name: session}), json!({"input": {name: session}})] {
                assert_eq!(post(&world, &alice, path, body).expect(200).await, open, "{name}");
            }
        }
    }
    world.pay(session, GOOD_CARD).await;
    world.drain().await;
    let paid = get(&world, &alice, &format!("/v1/payment_status?sessionId={session}")).await.json().unwrap();
    assert_eq!((&paid["status"], &paid["paymentStatus"]), (&json!("succeeded"), &json!("paid")));
    let intent = paid["paymentIntentId"].as_str().unwrap();
    for name in ["paymentIntentId", "payment_intent_id", "payment_intent"] {
        let found = get(&world, &alice, &format!("/v1/payment_status?{name}={intent}")).await.json().unwrap();
        let expected = json!({
            "status": "succeeded",
            "mode": "payment",
            "paymentIntentId": intent,
            "paymentIntentStatus": "succeeded",
            "amountCents": 2_500,
            "currency": "usd",
        });
        assert_eq!(found, expected, "{name}");
    }
    // A session is not found as a payment, nor the other way round.
    let mixed = get(&world, &alice, &format!("/v1/payment_status?sessionId={intent}")).await;
    assert_eq!(complaint(&mixed).0, 404);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_of_others_are_refused_and_reveal_nothing() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let session = world.buy(&alice, 2_500).await.session_id;
    let own = get(&world, &alice, &format!("/v1/payment_status?sessionId={session}")).await.json().unwrap();
    let intent = own["paymentIntentId"].as_str().unwrap();
    let ask =
        async |query: String| complaint(&get(&world, &bob, &format!("/v1/payment_status?{query}")).await);
    let none = (404, "Stripe customer not found for user.".to_owned());
    // Bob never bought.
    let not_his = (403, "Checkout session does not belong to this user.".to_owned());
    assert_eq!(ask(format!("sessionId={session}")).await, not_his);
    assert_eq!(ask("sessionId=cs_test_unknown".to_owned()).await, none);
    world.start_checkout(&bob, 500).await;
    let foreign = |what: &str| (403, format!("{what} does not belong to this user."));
    assert_eq!(ask(format!("sessionId={session}")).await, foreign("Checkout session"));
    assert_eq!(ask(format!("paymentIntentId={intent}")).await, foreign("Payment intent"));
    for unknown in ["sessionId=cs_x", "paymentIntentId=pi_x", "setupIntentId=seti_x", "paymentId=x"] {
        assert_eq!(ask(unknown.to_owned()).await.0, 404, "{unknown}");
    }
    let message = "checkoutSessionId (or paymentIntentId/setupIntentId) is required.".to_owned();
    assert_eq!(ask(String::new()).await, (400, message));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_wrong_methods_answer_in_samsars_format() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    for (method, path, status) in [
        ("GET", "/v1", 404),
        ("GET", "/v1/nothing", 404),
        ("POST", "/v2/credits/nothing", 404),
        ("POST", "/v1/credits", 405),
        ("GET", "/v1/credits/recharge", 405),
        ("PUT", "/v2/payment_status", 405),
    ] {
        let answer = world.api().request(method.parse().unwrap(), path).send().await.unwrap();
        assert_eq!(complaint(&answer).0, status, "{method} {path}");
    }
    let large = world.api().post("/v1/credits/recharge").body(vec![b' '; 2 * 1024 * 1024]).send().await;
    assert_eq!(complaint(&large.unwrap()).0, 413);
    // Its neighbours word theirs themselves.
    let native = world.api().get("/v10/nothing").send().await.unwrap();
    assert_eq!(native.json().unwrap()["error"]["code"], "not_found");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_recharge_is_enabled_as_documented() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 2_000).await;
    let body = json!({"thresholdCredits": 1_000, "amountUsd": 50, "maxMonthlyUsd": 200, "requestSetupSession": true});
    let answer = post(&world, &alice, "/v1/enable_autorecharge", body).expect(200).await;
    let session = answer["setupSessionId"].as_str().unwrap();
    let intent = answer["setupIntentId"].as_str().unwrap();
    assert!(session.starts_with("cs_test_") && intent.starts_with("seti_"), "{answer}");
    assert!(answer["stripeCustomerId"].as_str().unwrap().starts_with("cus_"), "{answer}");
    let url = answer["url"].as_str().unwrap();
    assert_eq!(
        answer,
        json!({
            "autoRechargeEnabled": false,
            "autoRechargeAmountUsd": 50,
            "autoRechargeThreshold": 1_000,
            "autoRechargeMaxMonthlyUsd": 200,
            "stripeCustomerId": answer["stripeCustomerId"],
            "setupSessionUrl": url,
            "setupSessionId": session,
            "setupIntentId": intent,
            "paymentStatusEndpoint": "/v1/payment_status",
            "url": url,
            "checkoutSessionId": session,
            "hasPaymentMethod": false,
            "autoRechargeRun": null,
        })
    );
    let open = json!({
        "status": "pending", "mode": "setup", "checkoutSessionId": session, "sessionStatus": "open",
        "paymentStatus": "no_payment_required", "paymentIntentId": null, "paymentIntentStatus": null,
        "setupIntentId": intent,
        "setupIntentStatus": null, "amountCents": null, "currency": null,
    });
    for name in ["setupSessionId", "setup_session_id", "checkoutSessionId"] {
        let shown = get(&world, &alice, &format!("/v1/payment_status?{name}={session}")).await;
        assert_eq!(shown.json().unwrap(), open, "{name}");
    }
    world.pay(session, GOOD_CARD).await;
    world.drain().await;
    for name in ["setupIntentId", "setup_intent_id", "setup_intent"] {
        let shown = get(&world, &alice, &format!("/v1/payment_status?{name}={intent}")).await.json().unwrap();
        let expected = json!({"status": "succeeded", "mode": "setup", "setupIntentId": intent,
                              "setupIntentStatus": "succeeded"});
        assert_eq!(shown, expected, "{name}");
    }
    // A setup is no payment, and belongs to its user only.
    let mixed = get(&world, &alice, &format!("/v1/payment_status?paymentIntentId={intent}")).await;
    assert_eq!(complaint(&mixed).0, 404);
    let bob = world.create_user("bob").await;
    world.start_checkout(&bob, 500).await;
    let foreign = complaint(&get(&world, &bob, &format!("/v1/payment_status?setupIntentId={intent}")).await);
    assert_eq!(foreign, (403, "Setup intent does not belong to this user.".to_owned()));

    // Enabled by the webhook; what is not said again stays.
    let answer = post(&world, &alice, "/v2/enable_autorecharge", json!({"input": {}})).expect(200).await;
    assert_eq!((&answer["autoRechargeEnabled"], &answer["hasPaymentMethod"]), (&json!(true), &json!(true)));
    assert_eq!((&answer["autoRechargeMaxMonthlyUsd"], &answer["url"]), (&json!(200), &Value::Null));
    let run = json!({"status": "skipped", "reason": "threshold_not_met",
                     "message": "The balance is not below the threshold."});
    assert_eq!(answer["autoRechargeRun"], run);
    let answer = post(&world, &alice, "/v1/auto_recharge/threshold", json!({"thresholdCredits": 1_500}));
    assert_eq!(
        answer.expect(200).await,
        json!({"autoRechargeEnabled": true, "autoRechargeThreshold": 1_500, "autoRechargeAmountUsd": 50,
               "autoRechargeMaxMonthlyUsd": 200})
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_requires_auto_recharge_and_a_number() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let threshold = async |body: Value| {
        complaint(&post(&world, &alice, "/v1/auto_recharge/threshold", body).send().await.unwrap())
    };
    let not_enabled =
        "Auto-recharge is not enabled. Please call /v1/enable_autorecharge to enable auto-recharge.";
    // Also before it has a card, and whatever the value.
    assert_eq!(threshold(json!({"thresholdCredits": "x"})).await, (400, not_enabled.to_owned()));
    let asked = post(&world, &alice, "/v1/enable_autorecharge", json!({"threshold_credits": "250"}))
        .expect(200)
        .await;
    assert_eq!(threshold(json!({"thresholdCredits": 5})).await, (400, not_enabled.to_owned()));
    assert_eq!((&asked["autoRechargeThreshold"], &asked["autoRechargeAmountUsd"]), (&json!(250), &json!(50)));
    assert_eq!(asked["autoRechargeMaxMonthlyUsd"], 0);
    world.pay(asked["setupSessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    let required = (400, "thresholdCredits is required and must be a non-negative number.".to_owned());
    for body in [json!({}), json!({"thresholdCredits": -1}), json!({"thresholdCredits": "x"}), json!([])] {
        assert_eq!(threshold(body.clone()).await, required, "{body}");
    }
    let zero = post(&world, &alice, "/v2/auto_recharge/threshold", json!({"input": {"threshold": 0}}))
        .expect(200)
        .await;
    assert_eq!(zero["autoRechargeThreshold"], 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_values_enable_nothing() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    for body in [
        json!({"thresholdCredits": "many"}),
        json!({"thresholdCredits": -1}),
        json!({"amountUsd": 0.49}),
        json!({"amountUsd": 10.005}),
        json!({"amountUsd": 1_000_000}),
        json!({"amountUsd": 1e300}),
        json!({"amount": []}),
        json!({"maxMonthlyUsd": -1}),
        json!({"maxMonthlyUsd": 0.49}),
        json!({"maxMonthlyUsd": {}}),
        json!({"enabled": "perhaps"}),
        json!({"requestSetupSession": 7}),
        json!({"paymentMethodId": "pm_of_somebody_else"}),
    ] {
        let answer = post(&world, &alice, "/v1/enable_autorecharge", body.clone()).send().await.unwrap();
        assert_eq!(complaint(&answer).0, 400, "{body}: {answer}");
    }
    assert_eq!((world.count("auto_recharge").await, world.count("payments").await), (0, 0));
    let anonymous = world.api().post("/v1/enable_autorecharge").json(json!({})).send().await.unwrap();
    assert_eq!(complaint(&anonymous).0, 401);
    // Without a worker the page takes long, and is polled for.
    let request = post(&world, &alice, "/v1/enable_autorecharge", json!({"amount_to_recharge": "12.5"}));
    let late = request.header("prefer", "respond-async").send().await.unwrap();
    assert_eq!(late.status(), 202, "{late}");
    let body = late.json().unwrap();
    let endpoint = format!("/v1/payment_status?paymentId={}", body["paymentId"].as_str().unwrap());
    assert_eq!(late.header("location"), Some(endpoint.as_str()));
    assert_eq!((&body["status"], &body["autoRechargeAmountUsd"]), (&json!("pending"), &json!(12.5)));
    let shown = get(&world, &alice, &endpoint).await.json().unwrap();
    assert_eq!((&shown["status"], &shown["mode"]), (&json!("pending"), &json!("setup")));
    world.abandon().await;
}
