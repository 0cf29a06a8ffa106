//! Parked purchases and dead letters have their ways out under `/purser/v1`.

use billing::app_stores::ClaimPurchases;
use billing::provider_events::VerifyObject;
use harness::client::Answer;
use harness::world::World;
use serde_json::{Value, json};

use crate::events::publish;

async fn get(world: &World, path: &str) -> Value {
    let admin = &world.settings().secrets.admin_api_key;
    world.api().get(path).bearer(admin).expect(200).await
}

async fn act(world: &World, path: &str, body: Value) -> (u16, Value) {
    let answer: Answer = world.admin_post(path, body).send().await.unwrap();
    (answer.status(), answer.json().unwrap()["error"]["code"].clone())
}

/// An authentic purchase by nobody.
pub(crate) async fn buy(world: &World, transaction: &str) {
    let event = json!({"api_version": "1.0", "event": {
        "id": transaction, "type": "NON_RENEWING_PURCHASE", "app_user_id": "nobody", "aliases": [],
        "product_id": "com.allmine.credits.100", "store": "APP_STORE", "environment": "PRODUCTION",
        "transaction_id": transaction}});
    let authorization = &world.settings().secrets.revenuecat_webhook_auth;
    let request = world.api().post("/webhooks/revenuecat").header("authorization", authorization);
    request.json(event).expect(200).await;
    world.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_purchase_is_seen_tried_again_claimed_or_dismissed() {
    let world = World::start().await;
    for transaction in ["1", "2"] {
        buy(&world, transaction).await;
    }
    let parked = get(&world, "/purser/v1/parked-purchases").await["data"].as_array().unwrap().clone();
    let ids: Vec<&str> = parked.iter().map(|one| one["purchaseId"].as_str().unwrap()).collect();
    let [first, second] = ids.as_slice() else { panic!("{parked:?}") };
    assert_eq!(get(&world, &format!("/purser/v1/parked-purchases/{first}")).await, parked[0]);
    assert_eq!(act(&world, &format!("/purser/v1/parked-purchases/{first}/retry"), json!({})).await.0, 202);
    assert_eq!(act(&world, &format!("/purser/v1/parked-purchases/{first}/dismiss"), json!({})).await.0, 400);
    let why = json!({"reason": "a test purchase"});
    let path = format!("/purser/v1/parked-purchases/{first}/dismiss");
    let both = futures::join!(act(&world, &path, why.clone()), act(&world, &path, why.clone()));
    let mut statuses = [both.0.0, both.1.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let alice = world.create_user("alice").await;
    let claimed =
        act(&world, &format!("/purser/v1/parked-purchases/{first}/claim"), json!({"userId": "alice"})).await;
    assert_eq!(claimed, (409, json!("purchase_dismissed")));
    // Its buyer comes, and gets only the other one.
    let nobody = world.create_user("nobody").await;
    publish(&world, &ClaimPurchases {}).await;
    world.drain().await;
    assert_eq!(world.balance(&nobody.wallet_id).await, 100);
    assert_eq!(world.balance(&alice.wallet_id).await, 0);
    for verb in ["retry", "dismiss"] {
        let settled = act(&world, &format!("/purser/v1/parked-purchases/{second}/{verb}"), why.clone()).await;
        assert_eq!(settled, (409, json!("purchase_claimed")), "{verb}");
        let unknown = format!("/purser/v1/parked-purchases/{}/{verb}", uuid::Uuid::now_v7());
        assert_eq!(act(&world, &unknown, why.clone()).await.0, 404);
    }
    assert_eq!(get(&world, "/purser/v1/parked-purchases").await["data"], json!([]));
    assert_eq!(world.count("admin_actions where action = 'parked_purchase.dismiss'").await, 1);
    assert_eq!(world.count("admin_actions where action = 'parked_purchase.retry'").await, 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_seen_retried_or_dismissed() {
    let mut world = World::start().await;
    world.allow_dead_letters();
    let dead = VerifyObject::new(billing::payments::Provider::Manual, "x");
    for count in 1..=2 {
        publish(&world, &dead).await;
        world.wait_for_rows(count, "dead_letters").await;
    }
    let letters = get(&world, "/purser/v1/dead-letters").await["data"].as_array().unwrap().clone();
    let ids: Vec<&str> = letters.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(get(&world, &format!("/purser/v1/dead-letters/{}", ids[0])).await["kind"], "object.verify");
    assert_eq!(act(&world, &format!("/purser/v1/dead-letters/{}/retry", ids[0]), json!({})).await.0, 200);
    let why = json!({"reason": "nothing to ask"});
    assert_eq!(
        act(&world, &format!("/purser/v1/dead-letters/{}/dismiss", ids[1]), json!({"reason": ""})).await.0,
        400
    );
    assert_eq!(act(&world, &format!("/purser/v1/dead-letters/{}/dismiss", ids[1]), why.clone()).await.0, 200);
    assert_eq!(act(&world, &format!("/purser/v1/dead-letters/{}/dismiss", ids[1]), why).await.0, 409);
    world.wait_for_rows(1, "dead_letters where state = 'waiting'").await;
    world.finish().await;
}

/// All pages of a list, by the ids of what is on them.
async fn pages(world: &World, path: &str, id: &str) -> Vec<Vec<String>> {
    let (mut pages, mut next) = (Vec::new(), path.to_owned());
    loop {
        let page = get(world, &next).await;
        let ids = page["data"].as_array().unwrap().iter().map(|one| one[id].as_str().unwrap().to_owned());
        pages.push(ids.collect());
        let Some(cursor) = page["nextCursor"].as_str() else { return pages };
        assert!(pages.len() < 9, "it does not end");
        next = format!("{path}&cursor={cursor}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_purchases_and_dead_letters_are_listed_page_by_page() {
    let mut world = World::start().await;
    world.allow_dead_letters();
    let dead = VerifyObject::new(billing::payments::Provider::Manual, "x");
    for count in 1..=5 {
        buy(&world, &count.to_string()).await;
        publish(&world, &dead).await;
        world.wait_for_rows(count, "dead_letters").await;
    }
    // Two of a moment are told apart.
    let same = "update dead_letters set died_at = (select max(died_at) from dead_letters)";
    sqlx::query(same).execute(world.pool()).await.unwrap();
    for (list, id) in [("parked-purchases", "purchaseId"), ("dead-letters", "id")] {
        let path = format!("/purser/v1/{list}?limit=2");
        let pages = pages(&world, &path, id).await;
        let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 2, 1], "{list}");
        let whole = get(&world, &format!("/purser/v1/{list}?limit=5")).await;
        assert_eq!(whole["nextCursor"], Value::Null, "{list}");
        let all = whole["data"].as_array().unwrap().iter().map(|one| one[id].as_str().unwrap().to_owned());
        assert_eq!(pages.concat(), all.collect::<Vec<_>>(), "{list}");
        let admin = &world.settings().secrets.admin_api_key;
        world.api().get(&format!("{path}&cursor=nonsense")).bearer(admin).expect(400).await;
    }
    world.finish().await;
}
