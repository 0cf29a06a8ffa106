//! Live connections: the streams that dialects' clients know, and this system's own, which tickets open. Both tell
//! those only whom it concerns, as long as they may know.

use std::time::Duration;

use harness::client::{Request, Socket};
use harness::world::{User, World};
use serde_json::{Value, json};

use crate::organizations::organization;

const PATIENCE: Duration = Duration::from_secs(10);

fn admin(world: &World, request: Request) -> Request {
    request.bearer(&world.settings().secrets.admin_api_key)
}

async fn ticket(world: &World, credential: &str, body: Value) -> String {
    let request = world.api().post("/purser/v1/live-tickets").bearer(credential).json(body);
    let made = request.expect(201).await;
    assert!(made["expiresAt"].as_str().unwrap().ends_with('Z'), "{made}");
    made["ticket"].as_str().unwrap().to_owned()
}

async fn open(world: &World, ticket: &str) -> anyhow::Result<Socket> {
    world.api().open_websocket(&format!("/purser/v1/live?ticket={ticket}"), "nothing").await
}

/// The status with which a ticket is refused, by either stream.
async fn refused(world: &World, ticket: &str) -> u16 {
    assert!(open(world, ticket).await.is_err());
    let answer = world.api().get(&format!("/purser/v1/events?ticket={ticket}")).send().await.unwrap();
    assert!(answer.text().contains("ticket_invalid"), "{answer}");
    answer.status()
}

async fn spend(world: &World, user: &User, credits: Value) {
    let request = world.api().post("/purser/v1/wallets/me/debits").bearer(&user.api_key);
    request.json(json!({"credits": credits})).expect(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_one_connection_which_tells_the_state_first_and_then_every_change() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 500).await;
    let place = json!({"credits": 20});
    world.api().post("/purser/v1/wallets/me/holds").bearer(&alice.api_key).json(place).expect(201).await;
    world.drain().await;
    let (first, second) =
        (ticket(&world, &alice.api_key, json!({})).await, ticket(&world, &alice.api_key, json!({})).await);
    let stored =
        world.count(&format!("live_tickets where encode(ticket_hash, 'escape') like '%{first}%'")).await;
    assert_eq!((world.count("live_tickets").await, stored), (2, 0));
    let mut socket = open(&world, &first).await.unwrap();
    let state = socket.receive_within(PATIENCE).await.unwrap();
    let sequence = state["wallets"][0]["sequence"].as_i64().unwrap();
    let wallet = json!({"walletId": alice.wallet_id, "balance": 500, "available": 480, "held": 20, "debt": 0,
                        "sequence": sequence});
    assert_eq!(state, json!({"type": "wallet.state", "wallets": [wallet]}));
    let events = format!("/purser/v1/events?ticket={second}");
    let mut stream = world.api().get(&events).open().await.unwrap();
    let begins = stream.until("event:wallet.state\ndata:").await.unwrap();
    assert!(!begins.contains("event:wallet.changed"), "{begins}");

    spend(&world, &alice, json!(0.25)).await;
    let told = socket.receive_within(PATIENCE).await.unwrap();
    for (field, value) in [
        ("type", json!("wallet.changed")),
        ("reason", json!("debit")),
        ("credits", json!(-0.25)),
        ("balance", json!(499.75)),
        ("available", json!(479.75)),
        ("held", json!(20)),
        ("walletId", json!(alice.wallet_id)),
        ("sequence", json!(sequence + 1)),
    ] {
        assert_eq!(told[field], value, "{field}: {told}");
    }
    stream.until("event:wallet.changed\n").await.unwrap();
    assert_eq!((refused(&world, &first).await, refused(&world, &second).await), (401, 401));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_is_old_or_whose_buyer_may_not_listen_any_more_opens_nothing() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    assert_eq!(refused(&world, "plt_of_nobody").await, 401);
    let late = ticket(&world, &alice.api_key, json!({})).await;
    world.advance(Duration::from_secs(61)).await;
    assert_eq!(refused(&world, &late).await, 401);

    let body = json!({"name": "a test", "scopes": ["read"], "walletsOf": "user:bob"});
    let key = world.admin_post("/purser/v1/api-keys", body).expect(201).await;
    let of_key = ticket(&world, key["apiKey"].as_str().unwrap(), json!({})).await;
    let path = format!("/purser/v1/api-keys/{}", key["apiKeyId"].as_str().unwrap());
    assert_eq!(admin(&world, world.api().delete(&path)).send().await.unwrap().status(), 204);
    assert_eq!(refused(&world, &of_key).await, 401);

    let secret = world.settings().secrets.admin_api_key.clone();
    let bought_before = ticket(&world, &bob.api_key, json!({})).await;
    let by_server = ticket(&world, &secret, json!({"wallet": "user:bob"})).await;
    let mut socket =
        open(&world, &ticket(&world, &secret, json!({"wallet": "user:bob"})).await).await.unwrap();
    socket.receive_within(PATIENCE).await.unwrap();
    let block = admin(&world, world.api().post("/purser/v1/users/bob/block"));
    block.json(json!({"reason": "chargebacks"})).expect(200).await;
    assert_eq!((refused(&world, &bought_before).await, refused(&world, &by_server).await), (401, 401));
    let closed = socket.receive_within(PATIENCE).await;
    assert!(closed.is_err(), "{closed:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_for_the_wallets_that_its_buyer_may_see_or_for_one_of_them() {
    let world = World::start().await;
    let cast = organization(&world).await;
    let stranger = cast.stranger.clone();
    let secret = world.settings().secrets.admin_api_key.clone();
    let wallets = async |credential: &str, body: Value| -> Vec<String> {
        let mut socket = open(&world, &ticket(&world, credential, body).await).await.unwrap();
        let state = socket.receive_within(PATIENCE).await.unwrap();
        let listed = state["wallets"].as_array().unwrap().iter();
        listed.map(|wallet| wallet["walletId"].as_str().unwrap().to_owned()).collect()
    };
    let own = cast.viewer.wallet_id.clone();
    let all = wallets(&cast.viewer.api_key, json!({})).await;
    assert!(all.len() == 2 && all.contains(&own), "{all:?}");
    let shared = all.iter().find(|wallet| **wallet != own).unwrap().clone();
    assert_eq!(wallets(&cast.viewer.api_key, json!({"wallet": shared})).await, std::slice::from_ref(&shared));
    assert_eq!(wallets(&secret, json!({"wallet": shared})).await, std::slice::from_ref(&shared));
    let of_stranger = wallets(&secret, json!({"wallet": "user:stranger"})).await;
    assert_eq!(of_stranger, std::slice::from_ref(&stranger.wallet_id));

    for (credential, body, status) in [
        (&stranger.api_key, json!({"wallet": shared}), 404),
        (&stranger.api_key, json!({"wallet": "user:viewer"}), 404),
        (&secret, json!({}), 400),
        (&secret, json!({"wallet": "user:nobody"}), 404),
        (&stranger.api_key, json!({"wallets": []}), 400),
    ] {
        let request = world.api().post("/purser/v1/live-tickets").bearer(credential).json(body.clone());
        assert_eq!(request.send().await.unwrap().status(), status, "{body}");
    }
    let nobody = world.api().post("/purser/v1/live-tickets").json(json!({})).send().await.unwrap();
    assert_eq!(nobody.status(), 401);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_reports_credits_and_ends_with_its_credential() {
    let world = World::start().await;
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    let key = world.admin_post("/purser/v1/api-keys", harness::world::key_of("alice")).expect(201).await;
    let (id, key) = (key["apiKeyId"].as_str().unwrap(), key["apiKey"].as_str().unwrap());
    let mut hers = world.api().get("/events").bearer(key).open().await.unwrap();
    let mut his = world.api().get("/events").bearer(&bob.api_key).open().await.unwrap();
    for stream in [&mut hers, &mut his] {
        stream.until(":connected").await.unwrap();
    }

    world.buy(&alice, 500).await;
    hers.until("event:credits.added\n").await.unwrap();
    world.buy(&bob, 700).await;
    let told = his.until("event:credits.added\n").await.unwrap();
    assert!(!told.contains("500"), "{told}");

    let admin = &world.settings().secrets.admin_api_key;
    let revoked =
        world.api().delete(&format!("/purser/v1/api-keys/{id}")).bearer(admin).send().await.unwrap();
    assert_eq!(revoked.status(), 204);
    let all = hers.to_the_end().await.unwrap();
    let last = "event:stream.closed\ndata:{\"reason\":\"credential_revoked\",\"type\":\"stream.closed\"}\n\n";
    assert!(all.ends_with(last) && !all.contains("700"), "{all}");
    world.finish().await;
}
