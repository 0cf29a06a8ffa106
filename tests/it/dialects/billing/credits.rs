//! Balances, what changed them, and changing them by hand.

use harness::world::World;
use serde_json::{Value, json};

use super::{admin, complaint, data, get, post};

/// The samples of the document, with what was spent as its spender calls it.
#[tokio::test(flavor = "multi_thread")]
async fn the_balance_and_its_transactions_are_as_documented() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    assert_eq!(get(&world, &alice, "/credits/balance").await, json!({"balance": 0}));
    assert_eq!(get(&world, &alice, "/credits/transactions").await, json!([]));
    world.buy(&alice, 1_550).await;
    let spend = json!({"credits": 50, "type": "ai_usage", "description": "AI chat completion (gpt-4)"});
    world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.api_key).json(spend).expect(200).await;
    assert_eq!(get(&world, &alice, "/credits/balance").await, json!({"balance": 1_500}));
    let listed = get(&world, &alice, "/credits/transactions?limit=20&offset=0").await;
    let newest = listed[0].as_object().unwrap();
    let fields: Vec<&String> = newest.keys().collect();
    assert_eq!(fields, ["amount", "created_at", "description", "id", "type"]);
    assert_eq!((&newest["type"], &newest["amount"]), (&json!("ai_usage"), &json!(-50)));
    assert_eq!(newest["description"], json!("AI chat completion (gpt-4)"));
    let at = newest["created_at"].as_str().unwrap();
    assert!(at.len() == 20 && at.ends_with('Z'), "to the second, in UTC: {at}");
    assert_eq!((&listed[1]["type"], &listed[1]["amount"]), (&json!("purchase"), &json!(1_550)));
    // Users see their own only.
    assert_eq!(get(&world, &bob, "/credits/transactions").await, json!([]));
    assert_eq!(get(&world, &bob, "/credits/balance").await, json!({"balance": 0}));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_in_pages() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 1_000).await;
    for number in 1..=24 {
        let spend = json!({"credits": number});
        world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.api_key).json(spend).expect(200).await;
    }
    let all = get(&world, &alice, "/credits/transactions?limit=100").await;
    let all = all.as_array().unwrap();
    let amounts: Vec<i64> = all.iter().map(|one| one["amount"].as_i64().unwrap()).collect();
    let mut expected: Vec<i64> = (1..=24).rev().map(|number| -number).collect();
    expected.push(1_000);
    assert_eq!(amounts, expected);
    let first = get(&world, &alice, "/credits/transactions").await;
    let second = get(&world, &alice, "/credits/transactions?offset=20").await;
    let both: Vec<&Value> = first.as_array().unwrap().iter().chain(second.as_array().unwrap()).collect();
    assert_eq!(both, all.iter().collect::<Vec<_>>());
    assert_eq!(get(&world, &alice, "/credits/transactions?offset=25").await, json!([]));
    for list in ["/credits/transactions", "/orders"] {
        for query in [
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=x",
            "limit=",
            "offset=-1",
            "offset=1.5",
            "offset=99999999999999999999",
        ] {
            let path = format!("{list}?{query}");
            let answer = world.api().get(&path).bearer(&alice.api_key).send().await.unwrap();
            assert_eq!(complaint(&answer), (400, "INVALID_REQUEST".to_owned()), "{path}");
        }
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adjustments_are_audited_and_never_overdraw() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let adjust = |amount: Value, key: &str| {
        let body = json!({"user_id": "alice", "amount": amount, "description": "an apology"});
        admin(&world, world.api().post("/admin/credits/manual")).idempotency_key(key).json(body)
    };
    let given = data(adjust(json!(100), "a").expect(201).await);
    assert_eq!((&given["amount"], &given["balance"]), (&json!(100), &json!(100)));
    assert_eq!(data(adjust(json!(100), "a").expect(201).await)["transaction_id"], given["transaction_id"]);
    assert_eq!(complaint(&adjust(json!(50), "a").send().await.unwrap()).0, 409);
    data(adjust(json!(-40), "b").expect(201).await);
    let overdraw = adjust(json!(-61), "c").send().await.unwrap();
    assert_eq!(complaint(&overdraw), (422, "INSUFFICIENT_CREDITS".to_owned()));
    assert_eq!(complaint(&adjust(json!(0), "d").send().await.unwrap()).0, 400);
    assert_eq!(world.balance(&alice.wallet_id).await, 60);
    assert_eq!(world.count("admin_actions where action = 'credits.adjust'").await, 2);
    let body = json!({"user_id": "alice", "amount": 1, "description": "mine"});
    let own = post(&world, &alice, "/admin/credits/manual", body).await;
    assert_eq!(complaint(&own), (403, "FORBIDDEN".to_owned()));
    let all = data(admin(&world, world.api().get("/admin/credits/transactions")).expect(200).await);
    assert_eq!((&all[0]["amount"], &all[0]["user_id"]), (&json!(-40), &json!("alice")));
    world.finish().await;
}

/// However many administrators take at once, no more is taken than there is, and each that was made is recorded.
#[tokio::test(flavor = "multi_thread")]
async fn adjustments_at_once_never_overdraw() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let adjust = |amount: i64| {
        let body = json!({"user_id": "alice", "amount": amount, "description": "taken"});
        admin(&world, world.api().post("/admin/credits/manual")).json(body)
    };
    adjust(100).expect(201).await;
    let answers = futures::future::join_all((0..20).map(|_| adjust(-9).send())).await;
    let statuses: Vec<u16> = answers.into_iter().map(|answer| answer.unwrap().status()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 11, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 9, "{statuses:?}");
    assert_eq!(world.balance(&alice.wallet_id).await, 1);
    assert_eq!(world.count("admin_actions where action = 'credits.adjust'").await, 12);
    for (body, status, code) in [
        (json!({"user_id": "nobody", "amount": 1, "description": "x"}), 404, "NOT_FOUND"),
        (json!({"user_id": "alice", "amount": 1}), 400, "INVALID_REQUEST"),
        (json!({"user_id": "alice", "amount": 1, "description": " "}), 400, "INVALID_REQUEST"),
        (json!({"user_id": "alice", "amount": "1", "description": "x"}), 400, "INVALID_REQUEST"),
        (json!({"user_id": "alice", "amount": 1e18, "description": "x"}), 400, "INVALID_REQUEST"),
    ] {
        let answer = admin(&world, world.api().post("/admin/credits/manual")).json(body.clone());
        assert_eq!(complaint(&answer.send().await.unwrap()), (status, code.to_owned()), "{body}");
    }
    world.finish().await;
}
