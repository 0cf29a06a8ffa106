//! What any amount of credits costs: one price for every way to buy it, and none in a new installation.

use harness::client::Request;
use harness::world::{GOOD_CARD, World};
use serde_json::{Value, json};

use crate::recharge::{charges, recharged, spend};

fn admin(world: &World, request: Request) -> Request {
    request.bearer(&world.settings().secrets.admin_api_key)
}

fn price(world: &World, currency: &str, body: Value) -> Request {
    admin(world, world.api().put(&format!("/purser/v1/catalog/credit-prices/{currency}"))).json(body)
}

/// Three credits for 100 cents, whoever sells them.
#[tokio::test(flavor = "multi_thread")]
async fn one_price_holds_for_every_way_to_buy_an_amount() {
    let world = World::start().await;
    let alice =
        recharged(&world, "alice", 1_100, GOOD_CARD, json!({"thresholdCredits": 1_000, "amountUsd": 50}))
            .await;
    price(&world, "usd", json!({"credits": 3, "minor": 100})).expect(200).await;
    let bought =
        world.api().post("/v1/credits/recharge").bearer(&alice.api_key).json(json!({"credits": 100}));
    let bought = bought.expect(200).await;
    assert_eq!((&bought["credits"], &bought["amountCents"]), (&json!(100), &json!(3_334)));
    world.pay(bought["checkoutSessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 1_200);
    // 50 dollars buy 150 credits.
    assert_eq!(spend(&world, &alice, 300).await, 200);
    world.drain().await;
    assert_eq!((world.balance(&alice.wallet_id).await, charges(&world).await.len()), (1_050, 1));
    assert_eq!(world.count("admin_actions where action = 'credit_price.put' and subject = 'usd'").await, 1);
    for body in [json!({"credits": 0, "minor": 1}), json!({"credits": 1, "minor": 0}), json!({"credits": 1})]
    {
        assert_eq!(price(&world, "usd", body.clone()).send().await.unwrap().status(), 400, "{body}");
    }
    assert_eq!(
        price(&world, "dollar", json!({"credits": 1, "minor": 1})).send().await.unwrap().status(),
        404
    );
    let listed = admin(&world, world.api().get("/purser/v1/catalog/credit-prices")).expect(200).await;
    assert_eq!(listed, json!({"data": [{"currency": "usd", "credits": 3, "minor": 100}]}));
    world.finish().await;
}

/// Without a price nothing is agreed to, except over Samsar's API, whose document names one.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_price_only_samsars_contract_holds() {
    let world = World::builder().without_scheduler().start().await;
    sqlx::query("delete from credit_prices").execute(world.pool()).await.unwrap();
    let alice = world.create_user("alice").await;
    let enabled = world
        .api()
        .put("/purser/v1/wallets/me/auto-recharge")
        .bearer(&alice.api_key)
        .json(json!({"enabled": true}));
    let answer = enabled.send().await.unwrap();
    assert_eq!(
        (answer.status(), answer.json().unwrap()["error"]["code"].clone()),
        (409, json!("no_credit_price"))
    );
    let bought =
        world.api().post("/v1/credits/recharge").bearer(&alice.api_key).json(json!({"credits": 100}));
    assert_eq!(bought.expect(200).await["amountCents"], json!(100));
    world.finish().await;
}
