//! Orders: whose they are, and how they are listed.

use harness::world::{GOOD_CARD, World};
use serde_json::{Value, json};

use super::{complaint, get, session};

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_newest_first_to_their_buyer_only() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    assert_eq!(get(&world, &alice, "/orders").await, json!([]));
    let mut opened = Vec::new();
    for pack in ["micro", "basic", "pro", "bulk", "micro"] {
        let body = json!({"channel": "stripe", "type": "credits", "pack_id": pack});
        opened.push(session(&world, &alice, body).await);
    }
    world.pay(opened[1]["session_id"].as_str().unwrap(), GOOD_CARD).await;
    let path = format!("/_emulator/checkout/{}/expire", opened[2]["session_id"].as_str().unwrap());
    world.emulator().post(&path).expect(200).await;
    world.drain().await;
    let listed = get(&world, &alice, "/orders?limit=100").await;
    let listed = listed.as_array().unwrap();
    let ids = |orders: &[Value], field: &str| -> Vec<Value> {
        orders.iter().map(|one| one[field].clone()).collect()
    };
    opened.reverse();
    assert_eq!(ids(listed, "id"), ids(&opened, "order_id"));
    let statuses = [json!("pending"), json!("pending"), json!("expired"), json!("paid"), json!("pending")];
    assert_eq!(ids(listed, "status"), statuses);
    let mut paged = Vec::new();
    for offset in [0, 2, 4] {
        let page = get(&world, &alice, &format!("/orders?limit=2&offset={offset}")).await;
        paged.extend(page.as_array().unwrap().clone());
    }
    assert_eq!(&paged, listed);
    let paid = &listed[3];
    assert_eq!(
        (&paid["amount"], &paid["currency"], &paid["credits"]),
        (&json!(4_900), &json!("usd"), &json!(350))
    );
    assert!(paid["paid_at"].is_string() && paid["checkout_url"].is_null(), "{paid}");
    for order in listed {
        let path = format!("/orders/{}", order["id"].as_str().unwrap());
        assert_eq!(&get(&world, &alice, &path).await, order);
        let foreign = world.api().get(&path).bearer(&bob.api_key).send().await.unwrap();
        assert_eq!(complaint(&foreign), (404, "NOT_FOUND".to_owned()));
    }
    assert_eq!(get(&world, &bob, "/orders").await, json!([]));
    for id in ["1", "x", "00000000-0000-0000-0000-000000000000"] {
        let answer = world.api().get(&format!("/orders/{id}")).bearer(&alice.api_key).send().await.unwrap();
        assert_eq!(complaint(&answer), (404, "NOT_FOUND".to_owned()), "{id}");
    }
    world.finish().await;
}
