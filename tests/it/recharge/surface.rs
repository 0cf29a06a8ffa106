//! The native API of auto-recharge: what it shows, what it refuses, and whose wallet it is about.

use harness::client::Answer;
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

use crate::organizations::organization;

async fn put(world: &World, user: &User, wallet: &str, body: Value) -> Answer {
    let path = format!("/purser/v1/wallets/{wallet}/auto-recharge");
    world.api().put(&path).bearer(&user.api_key).json(body).send().await.unwrap()
}

async fn get(world: &World, user: &User, wallet: &str) -> Answer {
    let path = format!("/purser/v1/wallets/{wallet}/auto-recharge");
    world.api().get(&path).bearer(&user.api_key).send().await.unwrap()
}

fn code(answer: &Answer) -> (u16, String) {
    let body = answer.json().unwrap();
    (answer.status(), body["error"]["code"].as_str().unwrap_or("none").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_recharge_is_shown_changed_and_disabled() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let none = get(&world, &alice, "me").await.json().unwrap();
    let resets = none["resetsAt"].clone();
    assert_eq!(
        none,
        json!({"walletId": alice.wallet_id, "userId": "alice", "orgId": null, "cardUserId": null,
               "enabled": false, "state": "off", "thresholdCredits": 1_000,
               "amount": {"minor": 5_000, "currency": "usd"}, "maxMonthly": null,
               "spentThisMonth": {"minor": 0, "currency": "usd"}, "leftThisMonth": null, "resetsAt": resets,
               "pause": null, "nextAttemptAt": null, "card": null, "consentedAt": null, "lastRun": null})
    );
    let asked = put(
        &world,
        &alice,
        "me",
        json!({"enabled": true, "thresholdCredits": 0.5, "maxMonthly": {"minor": 20_000, "currency": "usd"}}),
    )
    .await;
    assert_eq!(asked.status(), 200, "{asked}");
    let asked = asked.json().unwrap();
    assert_eq!((&asked["state"], &asked["thresholdCredits"]), (&json!("needs_card"), &json!(0.5)));
    assert!(asked["setup"]["url"].as_str().unwrap().contains(asked["setup"]["sessionId"].as_str().unwrap()));
    world.pay(asked["setup"]["sessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    // Half a credit, and the wallet is empty: it was charged at once.
    let stands = get(&world, &alice, "me").await.json().unwrap();
    assert_eq!(
        (&stands["spentThisMonth"]["minor"], &stands["leftThisMonth"]["minor"]),
        (&json!(5_000), &json!(15_000))
    );
    let changed =
        put(&world, &alice, "me", json!({"amount": {"minor": 100, "currency": "usd"}, "maxMonthly": null}))
            .await
            .json()
            .unwrap();
    assert_eq!((&changed["amount"]["minor"], &changed["maxMonthly"]), (&json!(100), &json!(null)));
    assert_eq!((&changed["thresholdCredits"], &changed["state"]), (&json!(0.5), &json!("active")));
    let off =
        world.api().delete("/purser/v1/wallets/me/auto-recharge").bearer(&alice.api_key).expect(200).await;
    assert_eq!((&off["state"], &off["card"]["last4"]), (&json!("off"), &json!("4242")));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_settings_are_refused() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    for (body, expected) in [
        (json!({"thresholdCredits": -1}), "invalid_request"),
        (json!({"thresholdCredits": "many"}), "invalid_credits"),
        (json!({"thresholdCredits": 0.000_000_1}), "invalid_credits"),
        (json!({"amount": {"minor": 49, "currency": "usd"}}), "invalid_request"),
        (json!({"amount": {"minor": 100_000_000, "currency": "usd"}}), "invalid_request"),
        (json!({"amount": {"minor": 10.5, "currency": "usd"}}), "invalid_request"),
        (json!({"maxMonthly": {"minor": 49, "currency": "usd"}}), "invalid_request"),
        (json!({"maxMonthly": {"minor": -5, "currency": "usd"}}), "invalid_request"),
        (json!({"enabled": "yes"}), "invalid_request"),
        (json!({"amount": {"minor": 900, "currency": "eur"}}), "invalid_request"),
        (json!({"amount": 900}), "invalid_request"),
        (json!({"orgId": "x"}), "invalid_request"),
    ] {
        let answer = put(&world, &alice, "me", body.clone()).await;
        assert_eq!(code(&answer), (400, expected.to_owned()), "{body}: {answer}");
    }
    assert_eq!(world.count("auto_recharge").await, 0);
    let anonymous = world.api().get("/purser/v1/wallets/me/auto-recharge").send().await.unwrap();
    assert_eq!(code(&anonymous), (401, "unauthorized".to_owned()));
    // The page takes long: the settings are kept all the same.
    let request = world
        .api()
        .put("/purser/v1/wallets/me/auto-recharge")
        .bearer(&alice.api_key)
        .json(json!({"enabled": true, "amount": {"minor": 900, "currency": "usd"}}));
    let late = request.header("prefer", "respond-async").send().await.unwrap();
    assert_eq!(late.status(), 202, "{late}");
    assert_eq!(late.json().unwrap()["setup"]["url"], json!(null));
    assert_eq!(get(&world, &alice, "me").await.json().unwrap()["amount"]["minor"], 900);
    world.abandon().await;
}

/// Owners and admins buy for an organization; its other members see, and strangers do not.
#[tokio::test(flavor = "multi_thread")]
async fn members_who_may_buy_manage_an_organizations_auto_recharge() {
    let world = World::start().await;
    let cast = organization(&world).await;
    let wallet = format!("org:{}", cast.id);
    let (not_allowed, unknown) = ((403, "role_not_allowed".to_owned()), (404, "wallet_not_found".to_owned()));
    let body = json!({"enabled": true, "thresholdCredits": 10, "amount": {"minor": 700, "currency": "usd"}});
    for user in [&cast.member, &cast.viewer] {
        assert_eq!(code(&put(&world, user, &wallet, body.clone()).await), not_allowed);
    }
    assert_eq!(code(&put(&world, &cast.stranger, &wallet, body.clone()).await), unknown);
    assert_eq!(code(&get(&world, &cast.stranger, &wallet).await), unknown);
    assert_eq!(code(&get(&world, &cast.stranger, "org:x").await), unknown);
    let asked = put(&world, &cast.admin, &wallet, body).await.json().unwrap();
    world.pay(asked["setup"]["sessionId"].as_str().unwrap(), GOOD_CARD).await;
    world.drain().await;
    for user in cast.members() {
        let stands = get(&world, user, &wallet).await.json().unwrap();
        assert_eq!((&stands["state"], &stands["spentThisMonth"]["minor"]), (&json!("active"), &json!(700)));
        // Their own wallets are another matter.
        assert_eq!(get(&world, user, "me").await.json().unwrap()["state"], "off");
    }
    let owned = "wallets where organization_id is not null and balance = 700000000";
    assert_eq!(world.count(owned).await, 1);
    let refused = world.api().delete(&cast.path("auto-recharge")).bearer(&cast.member.api_key);
    assert_eq!(code(&refused.send().await.unwrap()), not_allowed);
    world.finish().await;
}
