//! What administrators see of users, correct, and take back, and that the audit log has it.

use std::time::Duration;

use harness::client::Request;
use harness::world::{GOOD_CARD, User, World};
use serde_json::{Value, json};

use crate::recharge::{charges, plain, recharged, spend};

fn admin(world: &World, request: Request) -> Request {
    request.bearer(&world.settings().secrets.admin_api_key)
}

async fn get(world: &World, path: &str) -> Value {
    admin(world, world.api().get(path)).expect(200).await
}

async fn post(world: &World, path: &str, body: Value) -> Value {
    admin(world, world.api().post(path)).json(body).expect(200).await
}

async fn deleted(world: &World, path: &str) -> u16 {
    admin(world, world.api().delete(path)).send().await.unwrap().status()
}

async fn session(world: &World, user: &User) -> (String, String) {
    let request = admin(world, world.api().post("/purser/v1/sessions")).json(json!({"userId": user.id}));
    let opened = request.expect(201).await;
    let text = |field: &str| opened[field].as_str().unwrap().to_owned();
    (text("sessionId"), text("sessionToken"))
}

async fn status(world: &World, credential: &str) -> u16 {
    world.api().get("/v1/credits").bearer(credential).send().await.unwrap().status()
}

/// The actions on record, newest first, as actor, action and subject.
async fn log(world: &World) -> Vec<[String; 3]> {
    let listed = get(world, "/purser/v1/audit-log").await;
    let text = |action: &Value, field: &str| action[field].as_str().unwrap().to_owned();
    let rows = listed["data"].as_array().unwrap().iter();
    rows.map(|action| ["actor", "action", "subject"].map(|field| text(action, field))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_keys_are_listed_and_taken_back() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let (first, first_token) = session(&world, &alice).await;
    let (second, second_token) = session(&world, &alice).await;
    let (_, bobs_token) = session(&world, &bob).await;
    let listed = get(&world, "/purser/v1/users/alice/sessions?limit=1").await;
    assert_eq!(listed["data"][0]["sessionId"], json!(second));
    assert!(!listed.to_string().contains(&second_token), "{listed}");
    let cursor = listed["nextCursor"].as_str().unwrap();
    let next = get(&world, &format!("/purser/v1/users/alice/sessions?cursor={cursor}")).await;
    assert_eq!((&next["data"][0]["sessionId"], &next["nextCursor"]), (&json!(first), &Value::Null));

    // Known to this instance, and forgotten at once.
    assert_eq!((status(&world, &first_token).await, status(&world, &second_token).await), (200, 200));
    assert_eq!(deleted(&world, &format!("/purser/v1/sessions/{first}")).await, 204);
    assert_eq!((status(&world, &first_token).await, status(&world, &second_token).await), (401, 200));
    assert_eq!(deleted(&world, &format!("/purser/v1/sessions/{first}")).await, 404);
    assert_eq!(deleted(&world, "/purser/v1/users/alice/sessions").await, 204);
    assert_eq!((status(&world, &second_token).await, status(&world, &bobs_token).await), (401, 200));

    let keys = get(&world, "/purser/v1/users/alice/api-keys").await;
    let key = keys["data"][0]["apiKeyId"].as_str().unwrap();
    assert_eq!(deleted(&world, &format!("/purser/v1/api-keys/{key}")).await, 204);
    assert_eq!(status(&world, &alice.api_key).await, 401);
    let keys = get(&world, "/purser/v1/users/alice/api-keys").await;
    assert!(keys["data"][0]["revokedAt"].is_string(), "{keys}");
    for path in ["/purser/v1/users/nobody/sessions", "/purser/v1/users/nobody/api-keys"] {
        assert_eq!(admin(&world, world.api().get(path)).send().await.unwrap().status(), 404, "{path}");
    }
    let on_record: Vec<String> = log(&world).await.into_iter().map(|[_, action, _]| action).collect();
    let expected = ["api_key.revoke", "session.end_all", "session.end", "session.create"];
    assert_eq!(on_record.get(..4).unwrap(), expected);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_corrected_and_rights_are_taken_back() {
    let world = World::start().await;
    let root = world.create_admin("root").await;
    let put = |body: Value| admin(&world, world.api().put("/purser/v1/users/root")).json(body);
    let admins = async || get(&world, "/purser/v1/users?admin=true").await["data"].as_array().unwrap().len();
    assert_eq!(admins().await, 1);
    let changed = put(json!({"email": "root@example.com"})).expect(200).await;
    assert_eq!((&changed["email"], &changed["admin"]), (&json!("root@example.com"), &json!(true)));
    assert_eq!(put(json!({"email": "nowhere"})).send().await.unwrap().status(), 400);
    let packs = || world.api().get("/purser/v1/catalog/packs").bearer(&root.api_key).send();
    assert_eq!(packs().await.unwrap().status(), 200);
    assert_eq!(put(json!({"admin": false, "email": null})).expect(200).await["email"], Value::Null);
    assert_eq!(packs().await.unwrap().status(), 403);
    assert_eq!(admins().await, 0);
    let new = admin(&world, world.api().put("/purser/v1/users/new")).json(json!({"admin": true}));
    assert_eq!(new.expect(201).await["userId"], json!("new"));
    let change = ["admin".to_owned(), "user.create".to_owned(), "new".to_owned()];
    let on_record = log(&world).await;
    assert_eq!(on_record.first(), Some(&change));
    assert!(on_record.iter().any(|[_, action, subject]| action == "user.change" && subject == "root"));
    world.finish().await;
}

/// Nothing of a blocked user's works, what they saved is let go, and erasing is for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_user_is_kept_out_and_pays_no_more() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 1_100, GOOD_CARD, plain()).await;
    let mut socket = world.api().open_websocket("/ws", &alice.api_key).await.unwrap();
    let reason = json!({"reason": "chargebacks"});
    let blocked = post(&world, "/purser/v1/users/alice/block", reason.clone()).await;
    assert_eq!(blocked["blockReason"], json!("chargebacks"));
    assert_eq!(status(&world, &alice.api_key).await, 401);
    let closed = socket.receive_within(Duration::from_secs(10)).await;
    assert!(closed.is_err(), "{closed:?}");
    let (_, token) = session(&world, &alice).await;
    assert_eq!(status(&world, &token).await, 401);
    assert_eq!(world.count("auto_recharge where customer is null and paused_at is not null").await, 1);
    post(&world, "/purser/v1/users/alice/unblock", reason.clone()).await;
    assert_eq!((status(&world, &alice.api_key).await, spend(&world, &alice, 200).await), (200, 200));
    world.drain().await;
    assert_eq!(charges(&world).await.len(), 0);

    assert_eq!(deleted(&world, "/purser/v1/users/alice").await, 204);
    assert_eq!((status(&world, &alice.api_key).await, status(&world, &token).await), (401, 401));
    let shown = get(&world, "/purser/v1/users/alice").await;
    assert!(shown["erasedAt"].is_string() && shown["email"].is_null(), "{shown}");
    let again = admin(&world, world.api().post("/purser/v1/users/alice/unblock")).json(reason);
    assert_eq!(again.send().await.unwrap().status(), 409);
    assert_eq!(world.balance(&alice.wallet_id).await, 900);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_pause_and_resume_recharging() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 1_100, GOOD_CARD, plain()).await;
    let path = format!("/purser/v1/wallets/{}/auto-recharge", alice.wallet_id);
    let steer = |how: &str| match how {
        "pause" => format!("/purser/v1/wallets/{}/auto-recharge/pause", alice.wallet_id),
        _ => format!("/purser/v1/wallets/{}/auto-recharge/resume", alice.wallet_id),
    };
    let listed = async |query: &str| {
        get(&world, &format!("/purser/v1/auto-recharge{query}")).await["data"].as_array().unwrap().len()
    };
    let shown = get(&world, &path).await;
    assert_eq!((&shown["state"], &shown["cardUserId"]), (&json!("active"), &json!("alice")));
    assert_eq!((listed("").await, listed("?paused=true").await), (1, 0));
    let reason = json!({"reason": "asked by phone"});
    let paused = post(&world, &steer("pause"), reason.clone()).await;
    assert_eq!(paused["pause"]["reason"], json!("by_admin"));
    assert_eq!(listed("?paused=true").await, 1);
    assert_eq!(spend(&world, &alice, 200).await, 200);
    world.drain().await;
    assert_eq!(charges(&world).await.len(), 0);
    // Not the owner's to decide.
    let own = world.api().post("/purser/v1/wallets/me/auto-recharge/resume").bearer(&alice.api_key);
    assert_eq!(own.send().await.unwrap().status(), 409);
    assert_eq!(post(&world, &steer("resume"), reason).await["pause"], Value::Null);
    world.drain().await;
    assert_eq!(charges(&world).await.len(), 1);
    let actions = log(&world).await;
    for action in ["auto_recharge.pause", "auto_recharge.resume"] {
        assert!(actions.contains(&["admin".into(), action.into(), alice.wallet_id.clone()]), "{actions:?}");
    }
    assert_eq!(world.count("admin_actions where details->>'reason' = 'asked by phone'").await, 2);
    let unknown = admin(&world, world.api().get("/purser/v1/wallets/nothing/auto-recharge"));
    assert_eq!(unknown.send().await.unwrap().status(), 404);
    world.finish().await;
}

/// Where the provider sends a wallet's receipts.
async fn address(world: &World, wallet_id: &str) -> Value {
    let customer = "select customer_id from provider_customers where wallet_id = $1::text::uuid";
    let customer: String =
        sqlx::query_scalar(customer).bind(wallet_id).fetch_one(world.pool()).await.unwrap();
    world.stripe_get(&format!("customers/{customer}")).expect(200).await["email"].clone()
}

async fn put_email(world: &World, user: &str, email: Value) {
    let request = admin(world, world.api().put(&format!("/purser/v1/users/{user}")));
    request.json(json!({"email": email})).expect(200).await;
    world.drain().await;
}

/// The customer is created with the address, and follows it; those of others do not.
#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_address_reaches_the_provider() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    put_email(&world, "alice", json!("alcie@example.com")).await;
    world.buy(&alice, 500).await;
    assert_eq!(address(&world, &alice.wallet_id).await, "alcie@example.com");
    for email in [json!("alice@example.com"), Value::Null, json!("alice@example.org")] {
        put_email(&world, "alice", email.clone()).await;
        assert_eq!(address(&world, &alice.wallet_id).await, email);
    }
    let cast = crate::organizations::organization(&world).await;
    put_email(&world, "admin", json!("admin@example.com")).await;
    let put = world.api().put(&cast.path("auto-recharge")).bearer(&cast.admin.api_key);
    put.json(json!({"requestSetup": true})).expect(200).await;
    let wallet = &cast.wallet_id;
    assert_eq!(address(&world, wallet).await, "admin@example.com");
    put_email(&world, "owner", json!("owner@example.com")).await;
    assert_eq!(address(&world, wallet).await, "admin@example.com");
    put_email(&world, "admin", json!("root@example.com")).await;
    assert_eq!(address(&world, wallet).await, "root@example.com");
    for user in ["alice", "admin"] {
        assert_eq!(deleted(&world, &format!("/purser/v1/users/{user}")).await, 204);
    }
    world.drain().await;
    assert_eq!(
        (address(&world, &alice.wallet_id).await, address(&world, wallet).await),
        (Value::Null, Value::Null)
    );
    world.finish().await;
}

/// A charge that nobody is present at has a receipt; one whose address is refused is charged all the same, once.
#[tokio::test(flavor = "multi_thread")]
async fn automatic_charges_have_receipts() {
    let world = World::start().await;
    let alice = recharged(&world, "alice", 1_000, GOOD_CARD, plain()).await;
    put_email(&world, "alice", json!("alice@example.com")).await;
    spend(&world, &alice, 1).await;
    world.drain().await;
    let receipts = async || {
        let charged = charges(&world).await;
        charged.iter().map(|charge| charge["receipt_email"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(receipts().await, [json!("alice@example.com")]);
    sqlx::query("update users set email = 'nobody' where id = 'alice'").execute(world.pool()).await.unwrap();
    spend(&world, &alice, 5_500).await;
    world.drain().await;
    assert_eq!(receipts().await, [Value::Null, json!("alice@example.com")]);
    world.finish().await;
}
