//! The description of the API: the committed one is the one of the code, and what is switched off is not served.

use harness::world::World;
use serde_json::Value;

const COMMITTED: &str = include_str!("../../api/openapi.json");

#[test]
fn the_committed_description_is_that_of_the_code() {
    let same = api::description() == COMMITTED;
    assert!(same, "renew it with: cargo run -q -p api -- --openapi > api/openapi.json");
}

#[test]
fn every_operation_says_what_it_is_for_and_what_it_answers() {
    let described: Value = serde_json::from_str(COMMITTED).unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let of = |field: &str| operation[field].as_str().unwrap_or_default().to_owned();
            assert!(!of("summary").is_empty(), "{method} {path}");
            assert!(ids.insert(of("operationId")), "{method} {path}: its operationId is another's");
            let answers = operation["responses"].as_object().unwrap();
            let own = |status: &String| !matches!(status.as_str(), "408" | "413" | "500" | "503");
            assert!(answers.keys().any(own), "{method} {path}");
            assert!(answers.contains_key("500"), "{method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_served() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let served = world.api().get("/openapi.json").expect(200).await;
    assert_eq!(served, serde_json::from_str::<Value>(COMMITTED).unwrap());
    world.finish().await;
}
