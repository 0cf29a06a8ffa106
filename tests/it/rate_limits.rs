//! One caller cannot crowd out the others: above its limit it is told to wait, in the format of the API that it calls.

use futures::future::join_all;
use harness::world::World;
use serde_json::{Value, json};

/// Far more than what a limit of one a second lets through while they are answered.
const AT_ONCE: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_above_its_limit_waits_and_others_do_not() {
    let world = World::builder().without_worker().without_scheduler().rate_limits(1, 0).start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let cases: [(&str, Value); 6] = [
        ("/v1/credits", json!({"message": "Too many requests: wait a moment."})),
        ("/api/payments/balances", json!({"error": "Rate limit exceeded", "retryAfter": 1})),
        (
            "/credits/balance",
            json!({"success": false,
                   "error": {"code": "RATE_LIMITED", "message": "Too many requests: wait a moment."}}),
        ),
        ("/credits/totalbyuser", json!({"message": "Too many requests: wait a moment."})),
        (
            "/purser/v1/wallets/me/auto-recharge-of-nobody",
            json!({"error": {"code": "rate_limited", "message": "Too many requests: wait a moment."}}),
        ),
        (
            "/api/v1/users/me/transactions",
            json!({"isSuccess": false, "statusCode": 429, "data": null,
                                                 "errors": ["Too many requests: wait a moment."]}),
        ),
    ];
    for (path, expected) in cases {
        let asking = || world.api().get(path).bearer(&alice.api_key).send();
        let answers = join_all((0..AT_ONCE).map(|_| asking())).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        let refused: Vec<_> = answers.iter().filter(|answer| answer.status() == 429).collect();
        assert!(!refused.is_empty(), "{path}: {:?}", answers.iter().map(|a| a.status()).collect::<Vec<_>>());
        for answer in refused {
            let mut body: Value = answer.json().unwrap();
            body.as_object_mut().unwrap().remove("timestamp");
            if let Some(error) = body.get_mut("error").and_then(Value::as_object_mut) {
                error.remove("requestId");
            }
            assert_eq!(body, expected, "{path}");
            assert_eq!(answer.header("retry-after"), Some("1"), "{path}");
        }
    }
    // Not at the same address's expense: its limit is off here.
    let others = world.api().get("/v1/credits").bearer(&bob.api_key).send().await.unwrap();
    assert_eq!(others.status(), 200);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_above_its_limit_waits_whatever_it_claims_to_be() {
    let world = World::builder().without_worker().without_scheduler().rate_limits(0, 1).start().await;
    let asking = |number: usize| {
        let forwarded = format!("198.51.100.{number}");
        let request = world.api().get("/v1/credits").header("x-forwarded-for", &forwarded);
        request.bearer(&format!("sk_{number}")).send()
    };
    let answers = join_all((0..AT_ONCE).map(asking)).await;
    let refused = answers.into_iter().filter(|answer| answer.as_ref().unwrap().status() == 429).count();
    assert!(refused > 0, "no request had to wait");
    // Events of providers have a limit of their own.
    let event = || world.api().post("/api/payments/webhook").json(json!({})).send();
    assert_eq!(event().await.unwrap().status(), 400);
    world.finish().await;
}
