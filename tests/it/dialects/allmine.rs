//! Allmine's credit packages, to the letter.

use harness::client::Answer;
use harness::world::{User, World};
use serde_json::{Value, json};

const PACKAGE: &str = "65a000000000000000000100";
const PATH: &str = "/api/v1/credit-packages/purchase";

async fn buy(world: &World, user: &User, body: Value) -> Answer {
    world.api().post(PATH).bearer(&user.api_key).json(body).send().await.unwrap()
}

/// The status and text of an error in its envelope.
fn complaint(answer: &Answer) -> (u16, String) {
    let body = answer.json().unwrap();
    assert_eq!((&body["isSuccess"], &body["data"]), (&json!(false), &Value::Null), "{answer}");
    assert_eq!(body["statusCode"], json!(answer.status()), "{answer}");
    let at = body["timestamp"].as_str().unwrap();
    assert!(at.len() == "2026-01-15T10:30:00.000Z".len() && at.ends_with('Z'), "{at}");
    assert_eq!(body["errors"].as_array().map(Vec::len), Some(1), "{answer}");
    (answer.status(), body["errors"][0].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_in_development_is_credited_and_seen_everywhere() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let answer = buy(&world, &alice, json!({"packageId": PACKAGE, "unknown": 1})).await;
    let body = answer.json().unwrap();
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 5, "{answer}");
    assert_eq!(answer.status(), 201);
    assert_eq!(
        (&body["isSuccess"], &body["statusCode"], &body["data"], &body["errors"]),
        (&json!(true), &json!(201), &json!({}), &json!([]))
    );
    // Packages are consumables: the same one can be bought again.
    assert_eq!(buy(&world, &alice, json!({"packageId": PACKAGE})).await.status(), 201);
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 200);
    let balance = world.api().get("/credits/balance").bearer(&alice.api_key).expect(200).await;
    assert_eq!(balance["data"]["balance"], json!(200));
    assert_eq!(world.count("ledger_entries where counter_account = 'manual'").await, 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_and_each_error() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let listed =
        world.api().get("/api/v1/credit-packages?storeType=google&activeOnly=true").expect(200).await;
    let amounts: Vec<i64> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| package["creditAmount"].as_i64().unwrap())
        .collect();
    assert_eq!(amounts, [10, 100, 250, 500, 1_000, 10_000]);
    assert_eq!(listed["data"][1]["storeIdentifier"], json!("com.allmine.credits.100"));
    assert_eq!(listed["data"][1]["storeType"], json!("google"));
    let one = world.api().get(&format!("/api/v1/credit-packages/{PACKAGE}")).expect(200).await;
    assert_eq!(one["data"]["id"], json!(PACKAGE));
    for (path, status, text) in [
        ("/api/v1/credit-packages?storeType=amazon", 400, "Validation failed"),
        ("/api/v1/credit-packages?activeOnly=maybe", 400, "Validation failed"),
        ("/api/v1/credit-packages/short", 400, "Validation failed"),
        ("/api/v1/credit-packages/65a999999999999999999999", 404, "Resource not found"),
        ("/api/v1/nothing", 404, "Resource not found"),
    ] {
        let answer = world.api().get(path).send().await.unwrap();
        assert_eq!(complaint(&answer), (status, text.to_owned()), "{path}");
    }
    for (body, status, text) in [
        (json!({}), 400, "Validation failed"),
        (json!({"packageId": 7}), 400, "Validation failed"),
        (json!({"packageId": "micro"}), 400, "Validation failed"),
        (json!({"packageId": "65a999999999999999999999"}), 404, "Resource not found"),
    ] {
        assert_eq!(complaint(&buy(&world, &alice, body.clone()).await), (status, text.to_owned()), "{body}");
    }
    let anonymous = world.api().post(PATH).json(json!({"packageId": PACKAGE})).send().await.unwrap();
    assert_eq!(complaint(&anonymous), (401, "Authentication required".to_owned()));
    let text = world.api().post(PATH).bearer(&alice.api_key).header("content-type", "text/plain");
    assert_eq!(complaint(&text.body("{}").send().await.unwrap()).0, 415);
    sqlx::query("update packs set is_active = false where id = $1")
        .bind(PACKAGE)
        .execute(world.pool())
        .await
        .unwrap();
    let gone = buy(&world, &alice, json!({"packageId": PACKAGE})).await;
    let words = "Resource already exists or cannot be changed in its current state";
    assert_eq!(complaint(&gone), (409, words.to_owned()));
    assert_eq!(world.count("payments").await, 0);
    world.finish().await;
}
