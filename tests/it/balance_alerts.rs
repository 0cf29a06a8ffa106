//! Being told when a balance falls below levels of one's choice.

use std::time::Duration;

use futures::future::join_all;
use harness::world::World;
use serde_json::{Value, json};

use crate::organizations::organization;
use harness::receiver::Receiver;

async fn choose(world: &World, key: &str, wallet: &str, levels: Value) -> (u16, Value) {
    let request = world.api().put(&format!("/purser/v1/wallets/{wallet}/balance-alerts")).bearer(key);
    let answer = request.json(json!({"levels": levels})).send().await.unwrap();
    (answer.status(), answer.json().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fall_below_a_level_is_reported_once_whoever_spends() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let receiver = Receiver::start().await;
    let endpoint = json!({"url": receiver.url(), "eventTypes": ["balance.low"]});
    world.admin_post("/purser/v1/webhook-endpoints", endpoint).expect(201).await;
    world.buy(&alice, 200).await;
    let (status, chosen) = choose(&world, &alice.api_key, "me", json!([50, 100.5, 50, 10])).await;
    assert_eq!((status, &chosen), (200, &json!({"levels": [10, 50, 100.5]})));
    let mut socket = world.api().open_websocket("/ws", &alice.api_key).await.unwrap();
    let spend = async |credits: i64, times: usize| {
        let one = || {
            world
                .api()
                .post("/purser/v1/wallets/me/debits")
                .bearer(&alice.api_key)
                .json(json!({"credits": credits}))
        };
        join_all((0..times).map(|_| one().expect(200))).await;
        world.drain().await;
    };

    // Down to 80, many at once: below 100.5 once.
    spend(1, 120).await;
    let told = socket.receive_within(Duration::from_secs(10)).await.unwrap();
    assert_eq!((&told["type"], &told["level"]), (&json!("balance.low"), &json!(100.5)));
    assert!(told["balance"].as_f64().unwrap() < 100.5, "{told}");
    spend(1, 30).await;
    assert_eq!(receiver.received().len(), 1, "50 is not below 50");
    // Below 50 and 10 together: the lower one is told.
    spend(45, 1).await;
    let last = receiver.wait_for(2).await.pop().unwrap().json();
    assert_eq!((&last["data"]["level"], &last["data"]["balance"]), (&json!(10), &json!(5)));
    assert_eq!(last["data"]["userId"], "alice");
    spend(1, 1).await;
    // Up again, and down again.
    world.buy(&alice, 100).await;
    spend(60, 1).await;
    let last = receiver.wait_for(3).await.pop().unwrap().json();
    assert_eq!(last["data"]["level"], json!(50));

    choose(&world, &alice.api_key, "me", json!([])).await;
    spend(44, 1).await;
    assert_eq!(receiver.received().len(), 3);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_belong_to_their_wallet_and_depend_on_roles() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let cast = organization(&world).await;
    let wallet = format!("org:{}", cast.id);
    for (user, status) in [
        (&cast.owner, 200),
        (&cast.admin, 200),
        (&cast.member, 403),
        (&cast.viewer, 403),
        (&cast.stranger, 404),
    ] {
        assert_eq!(choose(&world, &user.api_key, &wallet, json!([5])).await.0, status, "{}", user.id);
    }
    let path = cast.path("balance-alerts");
    let shown = world.api().get(&path).bearer(&cast.viewer.api_key);
    assert_eq!(shown.expect(200).await, json!({"levels": [5]}));
    world.api().get(&path).bearer(&cast.stranger.api_key).expect(404).await;
    let own =
        world.api().get("/purser/v1/wallets/me/balance-alerts").bearer(&cast.owner.api_key).expect(200).await;
    assert_eq!(own, json!({"levels": []}));
    let key = &cast.owner.api_key;
    let many: Vec<i64> = (1..=11).collect();
    for wrong in [json!([0]), json!([-1]), json!(["5"]), json!([0.000_000_1]), json!(many), json!(5)] {
        assert_eq!(choose(&world, key, "me", wrong.clone()).await.0, 400, "{wrong}");
    }
    assert_eq!(choose(&world, key, "org:x", json!([5])).await.0, 404);
    world.api().get("/purser/v1/wallets/me/balance-alerts").expect(401).await;
    world.finish().await;
}
