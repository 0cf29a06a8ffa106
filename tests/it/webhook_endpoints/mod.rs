//! Webhooks to the host application: signed, at least once, to public addresses only, each endpoint by itself.

use std::time::Duration;

use harness::client::{Answer as Answered, Request};
use harness::receiver::{Answer, Receiver};
use harness::world::{User, World};
use notices::{Event, Notice, SendNotices};
use outgoing_webhooks::RetryWebhooks;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::events::publish;

const DEV: &str = env!("CARGO_BIN_EXE_dev");
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

fn admin(world: &World, request: Request) -> Request {
    request.bearer(&world.settings().secrets.admin_api_key)
}

/// An endpoint at the receiver; its id and secret.
async fn add(world: &World, receiver: &Receiver, event_types: Value) -> (String, String) {
    let body = json!({"url": receiver.url(), "eventTypes": event_types});
    let made = world.admin_post("/purser/v1/webhook-endpoints", body).expect(201).await;
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("endpointId"), text("secret"))
}

async fn show(world: &World, endpoint: &str) -> Value {
    admin(world, world.api().get(&format!("/purser/v1/webhook-endpoints/{endpoint}"))).expect(200).await
}

async fn deliveries(world: &World, endpoint: &str) -> Vec<Value> {
    let path = format!("/purser/v1/webhook-endpoints/{endpoint}/deliveries");
    let listed = admin(world, world.api().get(&path)).expect(200).await;
    listed["data"].as_array().unwrap().clone()
}

/// The statuses that an endpoint answered, oldest first.
fn statuses(delivery: &Value) -> Vec<Value> {
    delivery["attempts"].as_array().unwrap().iter().map(|attempt| attempt["responseStatus"].clone()).collect()
}

fn notice(world: &World, user: &User, body: Value) -> Notice {
    let event = Event::RechargePaused { reason: "declined" };
    let notice = Notice::new(world.clock().now(), user.wallet_id.parse().unwrap(), None, &event);
    Notice { body: to_raw_value(&body).unwrap(), ..notice }
}

async fn send_notices(world: &World, notices: Vec<Notice>) {
    publish(world, &SendNotices { notices }).await;
}

/// Moves the clock and has what is due tried again.
async fn later(world: &World, by: Duration) {
    world.advance(by).await;
    publish(world, &RetryWebhooks {}).await;
    world.drain().await;
}

fn code(answer: &Answered) -> (u16, String) {
    let body = answer.json().unwrap();
    (answer.status(), body["error"]["code"].as_str().unwrap_or("none").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_events_are_sent_to_the_endpoints_that_subscribe_to_them() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let (all, some, other) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let (_, secret) = add(&world, &all, json!([])).await;
    let (_, another) = add(&world, &some, json!(["payment.failed", "credits.added"])).await;
    let (silent, _) = add(&world, &other, json!(["payment.failed"])).await;
    let mut socket = world.api().open_websocket("/ws", &alice.api_key).await.unwrap();
    world.buy(&alice, 2_500).await;

    let told = socket.receive_within(Duration::from_secs(10)).await.unwrap();
    // Placed, moved, paid, added.
    let (mut first, second) = (all.wait_for(4).await, some.wait_for(1).await);
    assert_eq!((first.len(), second.len(), other.received().len()), (4, 1, 0));
    first.retain(|received| received.json()["type"] == "credits.added");
    let sent = first[0].json();
    assert_eq!((&sent["type"], &told["type"]), (&json!("credits.added"), &json!("credits.added")));
    let mut data = told.clone();
    data.as_object_mut().unwrap().remove("type");
    data["walletId"] = json!(alice.wallet_id);
    data["userId"] = json!("alice");
    data["sequence"] = json!(4);
    // The streams that dialects have say what they always said.
    data["orderId"] = sent["data"]["orderId"].clone();
    assert!(data["orderId"].is_string() && told.get("orderId").is_none(), "{sent}");
    assert_eq!(sent["data"], data);
    assert!(sent["timestamp"].as_str().unwrap().ends_with('Z'), "{sent}");
    assert_eq!((first[0].id(), &first[0].body), (second[0].id(), &second[0].body));
    assert_eq!(first[0].header("content-type"), "application/json");
    assert!(first[0].is_signed_by(&secret, &world) && second[0].is_signed_by(&another, &world));
    assert!(!first[0].is_signed_by(&another, &world));
    assert_eq!(deliveries(&world, &silent).await.len(), 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivered_job_sends_once_and_equal_notices_send_twice() {
    let world = World::builder().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let organization = world.admin_post("/purser/v1/organizations", json!({"name": "Acme", "members": []}));
    let organization = organization.expect(201).await;
    let receiver = Receiver::start().await;
    add(&world, &receiver, json!([])).await;
    let low = |user: &User| notice(&world, user, json!({"type": "balance.low", "balance": 5}));
    let shared = User { wallet_id: organization["walletId"].as_str().unwrap().to_owned(), ..alice.clone() };
    let unknown = User { wallet_id: uuid::Uuid::new_v4().to_string(), ..alice.clone() };
    let notices = vec![low(&alice), low(&alice), low(&shared), low(&unknown)];
    for _ in 0..3 {
        send_notices(&world, notices.clone()).await;
    }
    world.drain().await;
    let received = receiver.wait_for(3).await;
    let ids: std::collections::BTreeSet<&str> = received.iter().map(|request| request.id()).collect();
    assert_eq!((received.len(), ids.len()), (3, 3));
    let of_organization: Vec<Value> = received
        .iter()
        .map(|request| request.json()["data"]["orgId"].clone())
        .filter(|org| !org.is_null())
        .collect();
    assert_eq!(of_organization, [organization["orgId"].clone()]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delivery_is_retried_with_backoff_under_one_id() {
    let world = World::builder().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let failing = [Answer::Status(500), Answer::Status(404), Answer::Redirect];
    let receiver = Receiver::answering(&failing, Answer::Status(204)).await;
    let (endpoint, secret) = add(&world, &receiver, json!([])).await;
    send_notices(&world, vec![notice(&world, &alice, json!({"type": "credits.added"}))]).await;
    world.drain().await;
    for (attempts, wait) in [(1, 5), (2, 300), (3, 1_800)] {
        assert_eq!(receiver.received().len(), attempts);
        assert_eq!(show(&world, &endpoint).await["consecutiveFailures"], json!(attempts));
        later(&world, Duration::from_secs(wait * 9 / 10)).await;
        assert_eq!(receiver.received().len(), attempts, "too early");
        later(&world, Duration::from_secs(wait / 5 + 1)).await;
        let last = receiver.wait_for(attempts + 1).await.pop().unwrap();
        assert!(last.is_signed_by(&secret, &world), "the time is that of the attempt");
    }
    let received = receiver.received();
    assert!(received.iter().all(|request| request.id() == received[0].id()));
    assert!(received.iter().all(|request| request.body == received[0].body));
    let listed = deliveries(&world, &endpoint).await;
    assert_eq!(statuses(&listed[0]), [json!(500), json!(404), json!(307), json!(204)]);
    assert_eq!((&listed[0]["state"], &listed[0]["nextAttemptAt"]), (&json!("delivered"), &Value::Null));
    assert_eq!(listed[0]["messageId"], json!(received[0].id()));
    let shown = show(&world, &endpoint).await;
    assert_eq!((&shown["consecutiveFailures"], &shown["failingSince"]), (&json!(0), &Value::Null));
    // Nothing is left to be tried.
    later(&world, HOUR * 48).await;
    assert_eq!(receiver.received().len(), 4);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_failed_for_a_day_is_given_up_and_can_be_replayed() {
    let world = World::builder().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let receiver = Receiver::answering(&[], Answer::Status(503)).await;
    let (endpoint, _) = add(&world, &receiver, json!([])).await;
    send_notices(&world, vec![notice(&world, &alice, json!({"type": "credits.added"}))]).await;
    world.drain().await;
    for attempts in 2..=8 {
        later(&world, HOUR * 11).await;
        assert_eq!(receiver.received().len(), attempts);
    }
    later(&world, HOUR * 11).await;
    assert_eq!(receiver.received().len(), 8);
    let failed = deliveries(&world, &endpoint).await.pop().unwrap();
    assert_eq!((&failed["state"], statuses(&failed).len()), (&json!("failed"), 8));

    receiver.answer(Answer::Status(200));
    let path = format!("/purser/v1/webhook-deliveries/{}/replay", failed["deliveryId"].as_str().unwrap());
    for attempts in [9, 10] {
        world.admin_post(&path, json!({})).expect(202).await;
        world.drain().await;
        assert_eq!(receiver.wait_for(attempts).await.len(), attempts);
    }
    let received = receiver.received();
    assert!(received.iter().all(|request| request.id() == received[0].id()));
    assert_eq!(deliveries(&world, &endpoint).await[0]["state"], "delivered");
    assert_eq!(world.count("admin_actions where action = 'webhook_delivery.replay'").await, 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_always_fails_is_disabled_and_can_be_enabled_again() {
    let world = World::builder().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let (failing, gone) = (
        Receiver::answering(&[], Answer::Status(500)).await,
        Receiver::answering(&[], Answer::Status(410)).await,
    );
    let (endpoint, _) = add(&world, &failing, json!([])).await;
    let (left, _) = add(&world, &gone, json!([])).await;
    let tell_alice = async || {
        send_notices(&world, vec![notice(&world, &alice, json!({"type": "credits.added"}))]).await;
        world.drain().await;
    };
    tell_alice().await;
    assert_eq!(show(&world, &left).await["disabledReason"], "It answered 410 Gone.");
    world.advance(HOUR * 24 * 5 - SECOND * 60).await;
    tell_alice().await;
    assert_eq!(show(&world, &endpoint).await["enabled"], true);
    world.advance(SECOND * 120).await;
    // Two failures that are days apart are no reason.
    for failures in 3..=8 {
        assert_eq!(show(&world, &endpoint).await["enabled"], true, "{failures}");
        tell_alice().await;
        assert_eq!(show(&world, &endpoint).await["consecutiveFailures"], failures);
    }
    let shown = show(&world, &endpoint).await;
    assert_eq!(shown["enabled"], false);
    assert!(shown["disabledReason"].as_str().unwrap().contains("five days"), "{shown}");

    // What waits is given up, and what happens now is not recorded for it.
    later(&world, HOUR).await;
    tell_alice().await;
    assert_eq!((failing.received().len(), gone.received().len()), (8, 1));
    let listed = deliveries(&world, &endpoint).await;
    assert!(listed.len() == 8 && listed.iter().all(|delivery| delivery["state"] == "failed"), "{listed:?}");
    let replay =
        format!("/purser/v1/webhook-deliveries/{}/replay", listed[0]["deliveryId"].as_str().unwrap());
    for path in [&replay, &format!("/purser/v1/webhook-endpoints/{endpoint}/test")] {
        let refused = world.admin_post(path, json!({})).send().await.unwrap();
        assert_eq!(code(&refused), (409, "webhook_endpoint_disabled".to_owned()));
    }

    failing.answer(Answer::Status(200));
    let path = format!("/purser/v1/webhook-endpoints/{endpoint}");
    let enabled = admin(&world, world.api().put(&path)).json(json!({"url": failing.url()})).expect(200).await;
    assert_eq!((&enabled["disabledReason"], &enabled["failingSince"]), (&Value::Null, &Value::Null));
    world.admin_post(&replay, json!({})).expect(202).await;
    tell_alice().await;
    assert_eq!(failing.wait_for(10).await.len(), 10);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_answer_delays_no_other() {
    // Together more than a worker has under way, and fewer than a live connection may lag behind.
    const MESSAGES: usize = 60;
    let world = World::builder().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let slow = Receiver::answering(&[], Answer::Nothing).await;
    let quick = Receiver::start().await;
    let (endpoint, _) = add(&world, &slow, json!([])).await;
    add(&world, &quick, json!([])).await;
    let mut socket = world.api().open_websocket("/ws", &alice.api_key).await.unwrap();
    let started = std::time::Instant::now();
    let low = |number: usize| notice(&world, &alice, json!({"type": "balance.low", "number": number}));
    send_notices(&world, (0..MESSAGES).map(low).collect()).await;
    quick.wait_for(MESSAGES).await;
    for _ in 0..MESSAGES {
        socket.receive_within(Duration::from_secs(10)).await.unwrap();
    }
    send_notices(&world, vec![low(MESSAGES)]).await;
    socket.receive_within(Duration::from_secs(10)).await.unwrap();
    // Less than the slow one is given.
    assert!(
        started.elapsed() < outgoing_webhooks::standard_webhooks::client::TIMEOUT,
        "{:?}",
        started.elapsed()
    );
    assert_eq!(slow.received().len(), 8, "so many are under way to one endpoint");
    // Only an endpoint's own silence counts as an attempt.
    world.wait_for_rows(8, "webhook_attempts where failure like '%in time%'").await;
    assert_eq!(show(&world, &endpoint).await["consecutiveFailures"], 8);
    drop(slow);
    world.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_during_a_delivery_delivers_again() {
    let world = World::builder().worker_process(DEV).start().await;
    let alice = world.create_user("alice").await;
    let receiver = Receiver::answering(&[Answer::Nothing], Answer::Status(200)).await;
    let (endpoint, _) = add(&world, &receiver, json!([])).await;
    send_notices(&world, vec![notice(&world, &alice, json!({"type": "credits.added"}))]).await;
    receiver.wait_for(1).await;
    world.worker().kill9().unwrap();
    world.worker().start().unwrap();
    let received = receiver.wait_for(2).await;
    assert_eq!(received[0].id(), received[1].id());
    world.drain().await;
    let listed = deliveries(&world, &endpoint).await;
    assert_eq!((listed.len(), &listed[0]["state"]), (1, &json!("delivered")));
    assert_eq!(statuses(&listed[0]), [json!(200)]);
    world.finish().await;
}

/// A job of the broker that never comes back, say because an operator purged a queue.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_whose_job_is_lost_is_found() {
    let world = World::builder().without_scheduler().start().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = add(&world, &receiver, json!([])).await;
    let path = format!("/purser/v1/webhook-endpoints/{endpoint}/test");
    world.admin_post(&path, json!({})).expect(202).await;
    world.drain().await;
    let lost = "update webhook_deliveries set state = 'pending', attempts = 0, delivered_at = null,
                next_attempt_at = created_at + interval '10 minutes'";
    for statement in ["delete from webhook_attempts", lost] {
        sqlx::query(statement).execute(world.pool()).await.unwrap();
    }
    later(&world, SECOND * 590).await;
    assert_eq!(receiver.received().len(), 1);
    later(&world, SECOND * 20).await;
    later(&world, SECOND * 20).await;
    let received = receiver.received();
    assert_eq!((received.len(), received[0].id()), (2, received[1].id()));
    assert_eq!(received[0].json()["type"], "endpoint.test");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_replaced_signs_for_a_day() {
    let world = World::builder().without_scheduler().start().await;
    let receiver = Receiver::start().await;
    let (endpoint, old) = add(&world, &receiver, json!(["credits.added"])).await;
    let path = |verb: &str| format!("/purser/v1/webhook-endpoints/{endpoint}/{verb}");
    let rotated = world.admin_post(&path("rotate-secret"), json!({})).expect(200).await;
    let new = rotated["secret"].as_str().unwrap();
    assert!(new.starts_with("whsec_") && new != old);
    // A test is sent whatever the filter.
    world.admin_post(&path("test"), json!({})).expect(202).await;
    let both = receiver.wait_for(1).await.pop().unwrap();
    assert!(both.is_signed_by(&old, &world) && both.is_signed_by(new, &world));
    world.advance(HOUR * 24).await;
    world.admin_post(&path("test"), json!({})).expect(202).await;
    let one = receiver.wait_for(2).await.pop().unwrap();
    assert!(!one.is_signed_by(&old, &world) && one.is_signed_by(new, &world));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_private_addresses() {
    let world = World::builder().without_scheduler().guarded_webhooks().start().await;
    let receiver = Receiver::start().await;
    for url in [
        receiver.url(),
        format!("https://127.0.0.1:{}/", receiver.port),
        format!("https://[::ffff:127.0.0.1]:{}/", receiver.port),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://user:hunter2@hooks.example.com/".to_owned(),
        "http://hooks.example.com/".to_owned(),
        "hooks.example.com".to_owned(),
    ] {
        let refused =
            world.admin_post("/purser/v1/webhook-endpoints", json!({"url": url})).send().await.unwrap();
        assert_eq!(code(&refused), (400, "invalid_request".to_owned()), "{url}");
        assert!(!refused.text().contains("hunter2"), "{refused}");
    }
    // A name is only looked at when something is sent.
    let url = format!("https://localhost:{}/", receiver.port);
    let made = world.admin_post("/purser/v1/webhook-endpoints", json!({"url": url})).expect(201).await;
    let endpoint = made["endpointId"].as_str().unwrap();
    world.admin_post(&format!("/purser/v1/webhook-endpoints/{endpoint}/test"), json!({})).expect(202).await;
    world.drain().await;
    let listed = deliveries(&world, endpoint).await;
    let failure = &listed[0]["attempts"][0]["failure"];
    assert_eq!(failure, "it is at no address that messages may go to");
    assert_eq!(receiver.received().len(), 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_endpoint_receives_nothing_more() {
    let world = World::builder().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let receiver = Receiver::answering(&[], Answer::Status(500)).await;
    let (endpoint, _) = add(&world, &receiver, json!([])).await;
    send_notices(&world, vec![notice(&world, &alice, json!({"type": "credits.added"}))]).await;
    world.drain().await;
    let path = format!("/purser/v1/webhook-endpoints/{endpoint}");
    let deleted = admin(&world, world.api().delete(&path)).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    later(&world, HOUR).await;
    assert_eq!((receiver.received().len(), world.count("webhook_deliveries").await), (1, 0));
    for request in
        [world.api().get(&path), world.api().delete(&path), world.api().get(&format!("{path}/deliveries"))]
    {
        assert_eq!(admin(&world, request).send().await.unwrap().status(), 404);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_for_administrators_and_secrets_are_shown_once() {
    let world = World::builder().without_scheduler().start().await;
    let alice = world.create_user("alice").await;
    let receiver = Receiver::start().await;
    let (endpoint, secret) = add(&world, &receiver, json!([])).await;
    let one = format!("/purser/v1/webhook-endpoints/{endpoint}");
    let requests = || {
        let api = world.api();
        [
            api.get("/purser/v1/webhook-endpoints"),
            api.post("/purser/v1/webhook-endpoints").json(json!({"url": receiver.url()})),
            api.get(&one),
            api.put(&one).json(json!({"url": receiver.url(), "enabled": false})),
            api.delete(&one),
            api.post(&format!("{one}/rotate-secret")),
            api.post(&format!("{one}/test")),
            api.get(&format!("{one}/deliveries")),
            api.post(&format!("/purser/v1/webhook-deliveries/{endpoint}/replay")),
        ]
    };
    for request in requests() {
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
    for request in requests() {
        let refused = request.bearer(&alice.api_key).send().await.unwrap();
        assert_eq!(code(&refused), (403, "bound_credential".to_owned()), "{refused}");
    }
    assert_eq!(show(&world, &endpoint).await["enabled"], true);

    let key = secret.strip_prefix("whsec_").unwrap();
    let written = json!({"url": receiver.url(), "eventTypes": ["credits.added"], "enabled": false});
    for request in [
        world.api().get("/purser/v1/webhook-endpoints"),
        world.api().get(&one),
        world.api().put(&one).json(written),
    ] {
        let answer = admin(&world, request).send().await.unwrap();
        assert!(answer.status() == 200 && !answer.text().contains(key), "{answer}");
    }
    let shown = show(&world, &endpoint).await;
    assert_eq!((&shown["enabled"], &shown["eventTypes"]), (&json!(false), &json!(["credits.added"])));
    assert_eq!(world.count(&format!("admin_actions where details::text like '%{key}%'")).await, 0);
    assert_eq!(world.count("admin_actions where action like 'webhook_endpoint.%'").await, 2);

    let create = || {
        let request = world.api().post("/purser/v1/webhook-endpoints").idempotency_key("one");
        admin(&world, request).json(json!({"url": receiver.url()}))
    };
    create().expect(201).await;
    assert_eq!(code(&create().send().await.unwrap()), (409, "secret_already_shown".to_owned()));
    for wrong in [json!({}), json!({"url": 7}), json!({"url": receiver.url(), "eventTypes": ["*"]})] {
        let answer = world.admin_post("/purser/v1/webhook-endpoints", wrong).send().await.unwrap();
        assert_eq!(code(&answer), (400, "invalid_request".to_owned()));
    }
    for path in [
        format!("{one}/deliveries?limit=0"),
        format!("{one}/deliveries?state=lost"),
        format!("{one}/deliveries?cursor=x"),
    ] {
        assert_eq!(admin(&world, world.api().get(&path)).send().await.unwrap().status(), 400, "{path}");
    }
    world.finish().await;
}
