//! Idempotency keys under concurrency and faults: nothing is executed twice, nothing is lost.

use serde_json::json;

use crate::harness::Emulator;

const CUSTOMERS: &str = "POST /v1/customers";

#[tokio::test]
async fn a_key_in_flight_is_refused_and_then_replayed() {
    let emulator = Emulator::start(None).await;
    emulator.control("PUT", "faults", json!({"latency_ms": 700})).await;
    let second = async {
        while emulator.usage(CUSTOMERS).await["received"] != 1 {
            tokio::task::yield_now().await;
        }
        emulator.api("POST", "customers", "name=a", Some("k")).await
    };
    let (first, second) = tokio::join!(emulator.api("POST", "customers", "name=a", Some("k")), second);
    assert_eq!(first.status, 200);
    assert_eq!((second.status, &second.body["error"]["code"]), (409, &json!("idempotency_key_in_use")));
    let third = emulator.api("POST", "customers", "name=a", Some("k")).await;
    assert_eq!(third.body["id"], first.body["id"]);
    assert_eq!(third.headers["idempotent-replayed"], "true");
    assert_eq!(third.headers["original-request"], first.headers["request-id"]);
    assert_eq!(emulator.usage(CUSTOMERS).await["executed"], 1);
}

#[tokio::test]
async fn a_call_that_is_never_answered_was_executed_once() {
    let emulator = Emulator::start(None).await;
    let faults = json!({"timeout_after_success": 1.0, "timeout_ms": 20, "limit": 1});
    emulator.control("PUT", "faults", faults).await;
    let request = emulator
        .request("POST", "/v1/customers")
        .bearer_auth("sk_test_x")
        .header("idempotency-key", "k")
        .body("name=a");
    request.send().await.expect_err("the connection closes without an answer");
    let retried = emulator.api("POST", "customers", "name=a", Some("k")).await;
    assert_eq!(retried.headers["idempotent-replayed"], "true");
    let listed = emulator.ok("GET", "customers", "").await;
    assert_eq!(listed["data"], json!([retried.body]));
}

#[tokio::test]
async fn a_client_that_gives_up_does_not_stop_the_execution() {
    let emulator = Emulator::start(None).await;
    emulator.control("PUT", "faults", json!({"latency_ms": 300})).await;
    let request = emulator.request("POST", "/v1/customers").bearer_auth("sk_test_x").body("name=a");
    let gave_up =
        request.header("idempotency-key", "k").timeout(std::time::Duration::from_millis(100)).send();
    assert!(gave_up.await.expect_err("it gives up").is_timeout());
    while emulator.usage(CUSTOMERS).await["executed"] != 1 {
        tokio::task::yield_now().await;
    }
    let retried = emulator.api("POST", "customers", "name=a", Some("k")).await;
    assert_eq!(retried.headers["idempotent-replayed"], "true");
}

#[tokio::test]
async fn a_failure_before_execution_is_retried_and_a_stored_one_is_replayed() {
    let emulator = Emulator::start(None).await;
    for (fault, status) in [("rate_429", 429), ("rate_500", 500)] {
        emulator.control("PUT", "faults", json!({fault: 1.0, "limit": 1})).await;
        let failed = emulator.api("POST", "customers", "name=a", Some(fault)).await;
        assert_eq!(failed.status, status);
        assert_eq!(emulator.api("POST", "customers", "name=a", Some(fault)).await.status, 200);
    }
    emulator.control("PUT", "faults", json!({"rate_500_stored": 1.0, "limit": 1})).await;
    assert_eq!(emulator.api("POST", "customers", "name=a", Some("k")).await.status, 500);
    let replayed = emulator.api("POST", "customers", "name=a", Some("k")).await;
    assert_eq!(replayed.status, 500);
    assert_eq!(replayed.headers["idempotent-replayed"], "true");
    let usage = emulator.usage(CUSTOMERS).await;
    assert_eq!(usage, json!({"received": 6, "executed": 2, "replayed": 1, "faulted": 3}));
}

#[tokio::test]
async fn the_same_seed_fails_the_same_calls() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let emulator = Emulator::start(None).await;
        emulator.control("PUT", "faults", json!({"rate_500": 0.4, "seed": 11})).await;
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(emulator.api("GET", "customers", "", None).await.status);
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&200) && runs[0].contains(&500), "{:?}", runs[0]);
}

#[tokio::test]
async fn unknown_knobs_and_rates_out_of_bounds_are_refused() {
    let emulator = Emulator::start(None).await;
    assert_eq!(emulator.control("PUT", "faults", json!({"dorp": 1.0})).await.status, 400);
    assert_eq!(emulator.control("PUT", "faults", json!({"drop": 1.5})).await.status, 400);
}
