//! The export of a user has everything of the user, nothing of others, and no secret.

use harness::world::World;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{admin, get, order, pay, refusal, sell};

async fn exported(world: &World, user: &str) -> Value {
    get(world, &format!("/purser/v1/users/{user}/export")).await
}

/// What a list of the API has in all.
async fn listed(world: &World, path: &str) -> Value {
    get(world, path).await["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_whole_and_of_the_user_alone() {
    let world = World::start().await;
    sell(&world).await;
    let alice = world.create_user("alice").await;
    let mallory = world.create_user("mallory").await;
    for (name, address) in [("alice", "alice@example.com"), ("mallory", "mallory@example.com")] {
        world.put_user(name, json!({"email": address, "name": format!("The {name}")})).expect(200).await;
        let bought = order(&world, json!({"wallet": format!("user:{name}"), "packId": "starter"})).await;
        pay(&world, &bought).await;
        let hold = json!({"credits": 1, "description": format!("held by {name}")});
        world.admin_post(&format!("/purser/v1/wallets/user:{name}/holds"), hold).expect(201).await;
    }
    let token = world.create_session(&alice).await;
    let members = json!([{"userId": "alice", "role": "owner"}, {"userId": "mallory", "role": "member"}]);
    let organization = json!({"name": "Acme", "members": members});
    let organization = world.admin_post("/purser/v1/organizations", organization).expect(201).await;
    let shared = format!("org:{}", organization["orgId"].as_str().unwrap());
    let path = |rest: &str| format!("/purser/v1/wallets/{shared}/{rest}");
    let gift = json!({"credits": 9, "kind": "paid", "reason": "An invoice"});
    world.admin_post(&path("grants"), gift).expect(201).await;
    for (member, credits) in [("alice", 2), ("mallory", 3)] {
        let debit =
            json!({"credits": credits, "memberId": member, "description": format!("used by {member}")});
        world.admin_post(&path("debits"), debit).expect(200).await;
    }
    let block = json!({"reason": "a test of blocking"});
    world.admin_post("/purser/v1/users/alice/block", block.clone()).expect(200).await;
    world.admin_post("/purser/v1/users/alice/unblock", block).expect(200).await;

    let export = exported(&world, "alice").await;
    assert_eq!(export["profile"], get(&world, "/purser/v1/users/alice").await);
    assert_eq!(export["wallet"], get(&world, "/purser/v1/wallets/user:alice").await);
    for (field, path) in [
        ("entries", "/purser/v1/wallets/user:alice/entries"),
        ("grants", "/purser/v1/wallets/user:alice/grants"),
        ("holds", "/purser/v1/wallets/user:alice/holds"),
        ("orders", "/purser/v1/orders?wallet=user:alice"),
        ("sessions", "/purser/v1/users/alice/sessions"),
        ("apiKeys", "/purser/v1/users/alice/api-keys"),
        ("subscriptions", "/purser/v1/wallets/user:alice/subscriptions"),
    ] {
        assert_eq!(export[field], listed(&world, path).await, "{field}");
    }
    let lengths = ["entries", "grants", "holds", "orders", "sessions", "apiKeys", "subscriptions"];
    let lengths = lengths.map(|field| export[field].as_array().unwrap().len());
    assert_eq!(lengths, [1, 1, 1, 1, 1, 1, 0], "{export}");
    assert_eq!(export["organizations"][0]["role"], "owner");
    let there = export["entriesInOrganizations"].as_array().unwrap();
    assert_eq!((there.len(), &there[0]["description"]), (1, &json!("used by alice")));
    let actions: Vec<&str> =
        export["auditLog"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    let expected = ["user.export", "user.unblock", "user.block", "session.create"];
    for action in expected {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
    // Neither a secret, nor what is kept of one, nor anything of another user.
    let text = export.to_string();
    for secret in [alice.api_key.as_str(), &token, &mallory.id, &mallory.wallet_id] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    for secret in [&alice.api_key, &token] {
        let hash = hex::encode(Sha256::digest(secret));
        assert!(!text.contains(&hash), "the hash of a secret is in {text}");
    }
    assert_eq!(world.count("admin_actions where action = 'user.export' and subject = 'alice'").await, 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_whole_and_an_erased_user_is_said_to_be() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.put_user("alice", json!({"email": "alice@example.com"})).expect(200).await;
    let gift = json!({"credits": 2_000, "kind": "promotional", "reason": "To spend it"});
    world.admin_post("/purser/v1/wallets/user:alice/grants", gift).expect(201).await;
    let debit = |number: i64| {
        json!({"wallet": "user:alice", "credits": 1,
        "idempotencyKey": format!("debit {number}")})
    };
    for batch in 0..2 {
        let debits: Vec<Value> = (0..750).map(|number| debit(batch * 750 + number)).collect();
        world.admin_post("/purser/v1/debits/batch", json!({"debits": debits})).expect(200).await;
    }
    let entries = exported(&world, "alice").await["entries"].clone();
    let entries = entries.as_array().unwrap();
    let ids: std::collections::BTreeSet<&str> =
        entries.iter().map(|one| one["entryId"].as_str().unwrap()).collect();
    assert_eq!((entries.len(), ids.len()), (1_501, 1_501));

    let erase = admin(&world, world.api().delete("/purser/v1/users/alice")).send().await.unwrap();
    assert_eq!(erase.status(), 204);
    let left = exported(&world, "alice").await;
    assert!(
        left["profile"]["erasedAt"].is_string() && left["profile"]["email"].is_null(),
        "{}",
        left["profile"]
    );
    assert_eq!((left["entries"].as_array().unwrap().len(), &left["sessions"]), (1_501, &json!([])));
    assert!(!left.to_string().contains("alice@example.com"));

    let unknown = admin(&world, world.api().get("/purser/v1/users/nobody/export")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    let own = world.api().get("/purser/v1/users/alice/export").bearer(&alice.api_key).send().await.unwrap();
    assert_eq!(refusal(&own).0, 401);
    world.finish().await;
}
