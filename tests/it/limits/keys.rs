//! What counts for a key.

use harness::world::{GOOD_CARD, World};
use serde_json::{Value, json};

use super::*;
use crate::recharge::{charges, plain, recharged};

/// Makes a key; returns its id and the key.
async fn make(world: &World, body: Value) -> (String, String) {
    let made = world.admin_post("/purser/v1/api-keys", body).expect(201).await;
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("apiKeyId"), text("apiKey"))
}

async fn set(world: &World, id: &str, limits: Value) -> Value {
    let path = format!("/purser/v1/api-keys/{id}/limits");
    admin(world, world.api().put(&path)).json(json!({"limits": limits})).expect(200).await["limits"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_spends_up_to_its_limits_of_all_wallets_together() {
    let world = World::start().await;
    let cast = acme(&world).await;
    for user in ["owner", "admin"] {
        give(&world, &format!("user:{user}"), 1_000).await;
    }
    let limits = json!([{"credits": 50, "per": "day"}, {"credits": 80, "per": "month"}]);
    let body = json!({"name": "Render farm", "scopes": ["read", "spend", "manage"], "limits": limits});
    let (id, key) = make(&world, body).await;
    let debit = async |wallet: &str, name: &str, credits: i64| {
        let path = format!("/purser/v1/wallets/{wallet}/debits");
        let member = if wallet.starts_with("org:") { json!("member") } else { Value::Null };
        post(&world, &path, &key, name, json!({"credits": credits, "memberId": member})).await
    };
    assert_eq!(status(&debit("user:owner", "a", 20).await), done());
    assert_eq!(status(&debit("user:admin", "b", 20).await), done());
    // Credits that the key moves elsewhere are spent as well.
    let transfer = json!({"from": "user:owner", "to": "user:admin", "credits": 11, "reason": "x"});
    let refused = post(&world, "/purser/v1/transfers", &key, "c", transfer.clone()).await;
    assert_eq!(status(&refused), limit_reached(), "{refused}");
    let reached = &refused.json().unwrap()["error"]["limit"];
    let shown = (&reached["apiKeyId"], &reached["left"], &reached["per"], &reached["memberId"]);
    assert_eq!(shown, (&json!(id), &json!(10), &json!("day"), &Value::Null), "{refused}");
    let fits = json!({"from": "user:owner", "to": "user:admin", "credits": 10, "reason": "x"});
    assert_eq!(post(&world, "/purser/v1/transfers", &key, "c", fits).await.status(), 201);
    assert_eq!(status(&debit("user:admin", "d", 1).await), limit_reached());
    // A correction by hand is none.
    let everyone = &world.settings().secrets.admin_api_key;
    let path = "/purser/v1/wallets/user:admin/debits";
    assert_eq!(status(&post(&world, path, everyone, "d", json!({"credits": 1})).await), done());
    // What another key has done is answered as before, and counts for neither again.
    assert_eq!(status(&debit("user:admin", "d", 1).await), done());

    let shown = get(&world, &format!("/purser/v1/api-keys/{id}")).await;
    let pair = |limit: &Value| (limit["per"].clone(), limit["used"].clone(), limit["left"].clone());
    assert_eq!(pair(&shown["limits"][0]), (json!("day"), json!(50), json!(0)));
    assert_eq!(pair(&shown["limits"][1]), (json!("month"), json!(50), json!(30)));
    let listed = get(&world, "/purser/v1/api-keys").await;
    let keys = listed["data"].as_array().unwrap();
    assert_eq!(keys.iter().find(|key| key["apiKeyId"] == json!(id)).unwrap()["limits"], shown["limits"]);

    // The member's limit is asked before the key's.
    set(&world, &id, json!([{"credits": 80, "per": "month"}])).await;
    limit(&world, &cast, 5, "day").await;
    let org = format!("org:{}", cast.id);
    let refused = debit(&org, "e", 31).await.json().unwrap();
    assert_eq!(refused["error"]["limit"]["memberId"], json!("member"), "{refused}");
    limit(&world, &cast, 500, "day").await;
    let refused = debit(&org, "e", 31).await.json().unwrap();
    assert_eq!(refused["error"]["limit"]["apiKeyId"], json!(id), "{refused}");
    assert_eq!(standing(&world, &cast).await["used"], json!(0));
    assert_eq!(status(&debit(&org, "e", 30).await), done());
    assert_eq!(standing(&world, &cast).await["used"], json!(30));

    assert_eq!(set(&world, &id, json!([])).await, json!([]));
    assert_eq!(status(&debit("user:admin", "f", 100).await), done());
    assert_eq!(set(&world, &id, json!([{"credits": 81, "per": "month"}])).await[0]["left"], json!(1));
    delete(&world, &format!("/purser/v1/api-keys/{id}")).await;
    assert_eq!(get(&world, &format!("/purser/v1/api-keys/{id}")).await["limits"], json!([]));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_had_no_limit_has_it_at_once() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    give(&world, "user:alice", 1_000).await;
    let (id, key) = make(&world, json!({"name": "x", "scopes": ["spend"], "walletsOf": "user:alice"})).await;
    let hold = async |name: &str, credits: i64| {
        post(&world, "/purser/v1/wallets/me/holds", &key, name, json!({"credits": credits})).await
    };
    let before = hold("before", 30).await;
    assert_eq!(before.status(), 201, "{before}");
    set(&world, &id, json!([{"credits": 10, "per": "day"}])).await;
    // What is held since before counts for nothing, however it ends.
    let path = format!("/purser/v1/holds/{}/release", before.json().unwrap()["holdId"].as_str().unwrap());
    assert_eq!(post(&world, &path, &key, "release", json!({})).await.status(), 200);
    assert_eq!(status(&hold("more", 11).await), limit_reached());
    assert_eq!(hold("fits", 10).await.status(), 201);
    assert_eq!(status(&hold("least", 1).await), limit_reached());
    // Her other key is not limited.
    let other =
        post(&world, "/purser/v1/wallets/me/holds", &alice.api_key, "own", json!({"credits": 50})).await;
    assert_eq!(other.status(), 201, "{other}");
    for (body, param) in [
        (json!({"limits": [{"credits": 1, "per": "day"}, {"credits": 2, "per": "day"}]}), "limits"),
        (json!({"limits": [{"credits": -1, "per": "day"}]}), "limits[0].credits"),
        (json!({"limits": [{"credits": 1, "per": "week"}]}), "limits[0].per"),
        (json!({"limits": [[1, "day"]]}), "limits[0]"),
        (json!({}), "limits"),
    ] {
        let path = format!("/purser/v1/api-keys/{id}/limits");
        let refused = admin(&world, world.api().put(&path)).json(body.clone()).send().await.unwrap();
        let named = refused.json().unwrap()["error"]["param"].clone();
        assert_eq!((refused.status(), named), (400, json!(param)), "{body}: {refused}");
    }
    world.finish().await;
}

/// A use that a limit refuses is no lack of credits, however few there are.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_no_reason_to_charge_a_card() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 2_000, GOOD_CARD, plain()).await;
    let limited = json!({"name": "x", "scopes": ["spend"], "walletsOf": "user:alice",
                         "limits": [{"credits": 10, "per": "month"}]});
    let (_, key) = make(&world, limited).await;
    for (path, name) in [("debits", "a"), ("holds", "b")] {
        // More than the limit, and more than there is.
        for credits in [11, 1_500, 5_000] {
            let body = json!({"credits": credits});
            let path = format!("/purser/v1/wallets/me/{path}");
            let refused = post(&world, &path, &key, &format!("{name}{credits}"), body).await;
            assert_eq!(status(&refused), limit_reached(), "{refused}");
        }
    }
    world.drain().await;
    assert_eq!(world.count("wallets where recharge_due_below is not null").await, 0);
    assert_eq!((charges(&world).await.len(), world.balance(&alice.wallet_id).await), (0, 2_000));
    // Without a limit the same use is one.
    let path = "/purser/v1/wallets/me/debits";
    let refused = post(&world, path, &alice.api_key, "c", json!({"credits": 5_000})).await;
    assert_eq!(status(&refused), (402, "insufficient_credits".to_owned()));
    world.drain().await;
    assert_eq!(charges(&world).await.len(), 1);
    world.finish().await;
}
