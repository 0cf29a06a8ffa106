//! Dead letters: each kind is collected, shown without what is personal or secret, done again, or given up; once,
//! despite killed workers and concurrent operators.

use std::time::Duration;

use billing::payments::Provider;
use billing::provider_events::{ApplyProviderEvents, ProviderEvent, VerifyObject};
use futures::future::join_all;
use harness::client::Request;
use harness::world::{User, World};
use jobs::EncodedJob;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::commands;
use crate::events::{event, paid_session, publish};

const DEV: &str = env!("CARGO_BIN_EXE_dev");

/// Puts a message where it says, as a foreign program would; with a reason it looks like a worker's dead letter.
async fn put(world: &World, exchange: &str, key: &str, body: &[u8], reason: Option<&str>) {
    let addresses = &world.settings().addresses;
    let connection = Connection::connect(&addresses.amqp_url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut headers = FieldTable::default();
    if let Some(reason) = reason {
        headers.insert("x-purser-reason".into(), AMQPValue::LongString(reason.into()));
    }
    let id = uuid::Uuid::now_v7().to_string();
    let properties = BasicProperties::default().with_headers(headers).with_message_id(id.as_str().into());
    channel
        .basic_publish(exchange.into(), key.into(), BasicPublishOptions::default(), body, properties)
        .await
        .unwrap();
    connection.close(200, "".into()).await.unwrap();
}

async fn dead_letter(world: &World, role: &str, body: &[u8], reason: &str) {
    let queue = format!("{}.{role}.dead", world.settings().addresses.amqp_prefix);
    put(world, "", &queue, body, Some(reason)).await;
}

fn admin(world: &World, request: Request) -> Request {
    request.bearer(&world.settings().secrets.admin_api_key)
}

async fn list(world: &World) -> Value {
    admin(world, world.api().get("/purser/v1/dead-letters")).expect(200).await
}

/// The letters that wait, the oldest first.
async fn letters(world: &World) -> Vec<Value> {
    let mut letters = list(world).await["data"].as_array().unwrap().clone();
    letters.reverse();
    letters
}

fn id(letter: &Value) -> &str {
    letter["id"].as_str().unwrap()
}

fn itself(letter: &Value) -> String {
    format!("/purser/v1/dead-letters/{}", id(letter))
}

fn retry(letter: &Value) -> String {
    format!("/purser/v1/dead-letters/{}/retry", id(letter))
}

fn dismiss(letter: &Value) -> String {
    format!("/purser/v1/dead-letters/{}/dismiss", id(letter))
}

/// A job that would succeed, with personal data in its text.
async fn good_job(world: &World, user: &User, credits: i64) -> Vec<u8> {
    let checkout = world.start_checkout(user, credits).await;
    let mut session = paid_session(world, user, &checkout).await;
    session["customer_details"] = json!({"email": "alice@example.com", "name": "Alice Liddell"});
    let told = event("checkout.session.completed", &session).to_string();
    let event = ProviderEvent {
        provider: Provider::Stripe,
        received_at: world.clock().now(),
        body: RawValue::from_string(told).unwrap(),
    };
    EncodedJob::from(&ApplyProviderEvents { events: vec![event] }).body.into_bytes()
}

async fn retry_some_and_dismiss_the_rest(world: &World, alice: &User, letters: &[Value]) {
    // Sent back: the good one is done; one that cannot be read dies again; others cannot even be sent.
    world.admin_post(&retry(&letters[6]), Value::Null).expect(200).await;
    world.admin_post(&retry(&letters[2]), Value::Null).expect(200).await;
    for letter in [&letters[1], &letters[5]] {
        let refused = world.admin_post(&retry(letter), Value::Null).expect(409).await;
        assert_eq!(refused["error"]["code"], "cannot_be_replayed");
    }
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 500);
    assert_eq!(world.count("dead_letters where state = 'waiting'").await, 7);
    assert_eq!(world.count("dead_letters where state = 'replayed' and body is null").await, 2);
    for letter in self::letters(world).await {
        let body = json!({"reason": "of a test"});
        let discarded = world.admin_post(&dismiss(&letter), body).expect(200).await;
        assert_eq!(discarded["state"], "discarded");
    }
    assert_eq!(world.count("dead_letters where state = 'waiting' or body is not null").await, 0);
    let recorded =
        "admin_actions where action = 'dead_letter.discard' and details ->> 'reason' = 'of a test'";
    assert_eq!(world.count(&format!("{recorded} and actor = 'admin'")).await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_dead_letter_is_listed_and_shown_without_personal_data() {
    let mut world = World::start().await;
    world.allow_dead_letters();
    let alice = world.create_user("alice").await;
    let prefix = world.settings().addresses.amqp_prefix.clone();
    let (apply, jobs) = (format!("{prefix}.apply"), format!("{prefix}.jobs"));
    let good = good_job(&world, &alice, 500).await;
    let thin = br#"{"kind":"provider.events","payload":{"events":[{"provider":"stripe",
        "received_at":"2026-11-25T12:00:00Z","body":{"object":"v2.core.event","id":"evt_thin",
        "customer":"alice@example.com"}}]}}"#;
    type Case<'a> = (&'a str, &'a str, &'a [u8], Option<&'a str>, &'a str, Value);
    let cases: [Case<'_>; 7] = [
        ("", &apply, b"not json, alice@example.com", None, "unreadable", Value::Null),
        ("", &apply, b"\xff\xfe\x00", None, "unreadable", Value::Null),
        (
            "",
            &apply,
            br#"{"kind":"from.the.future","payload":{}}"#,
            None,
            "unknown kind",
            json!("from.the.future"),
        ),
        // What an older version may have written.
        (
            "",
            &apply,
            br#"{"kind":"payment.verify","payload":{"order":7}}"#,
            None,
            "unreadable",
            json!("payment.verify"),
        ),
        ("", &apply, thin, None, "", json!("provider.events")),
        (
            &jobs,
            "of-the-future",
            br#"{"kind":"x.y","payload":{"id":"p_1"}}"#,
            None,
            "no queue took it",
            json!("x.y"),
        ),
        ("", &format!("{prefix}.apply.dead"), &good, Some("a bug"), "a bug", json!("provider.events")),
    ];
    for (exchange, key, body, given, ..) in &cases {
        put(&world, exchange, key, body, *given).await;
        world.drain().await;
    }
    publish(&world, &VerifyObject::new(Provider::Stripe, "cs_test_gone")).await;
    world.drain().await;

    let shown = list(&world).await;
    assert!(!shown.to_string().contains("alice@"), "{shown}");
    let counted: i64 = shown["counts"].as_array().unwrap().iter().map(|c| c["count"].as_i64().unwrap()).sum();
    assert_eq!(counted, 8, "{shown}");
    let letters = letters(&world).await;
    for (letter, (.., reason, kind)) in letters.iter().zip(&cases) {
        assert_eq!((&letter["kind"], &letter["state"]), (kind, &json!("waiting")), "{letter}");
        assert!(letter["reason"].as_str().unwrap().contains(reason), "{letter}");
        let detail = admin(&world, world.api().get(&itself(letter))).expect(200).await;
        let text = detail.to_string();
        assert!(!text.contains('@') && !text.contains("Liddell") && !text.contains("not json"), "{text}");
    }
    assert_eq!(letters[5]["role"], "of-the-future");
    let seen = admin(&world, world.api().get(&itself(&letters[6]))).expect(200).await;
    let session = &seen["message"]["payload"]["events"][0]["body"]["data"]["object"];
    assert!(session["id"].as_str().unwrap().starts_with("cs_test_"), "{seen}");
    assert_eq!((letters[7]["role"].as_str(), letters[7]["attempts"].as_i64()), (Some("verify"), Some(1)));
    let of_verify =
        admin(&world, world.api().get("/purser/v1/dead-letters?role=verify&limit=5")).expect(200).await;
    assert_eq!(of_verify["data"].as_array().unwrap().len(), 1);
    assert_eq!(world.balance(&alice.wallet_id).await, 0);

    retry_some_and_dismiss_the_rest(&world, &alice, &letters).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_need_the_admin_role_and_an_existing_letter() {
    let mut world = World::start().await;
    world.allow_dead_letters();
    let alice = world.create_user("alice").await;
    dead_letter(&world, "apply", b"{}", "a bug").await;
    world.drain().await;
    let letter = letters(&world).await.remove(0);
    let api = world.api();
    let requests = || {
        [
            api.get("/purser/v1/dead-letters"),
            api.get(&itself(&letter)),
            api.post(&retry(&letter)),
            api.post(&dismiss(&letter)).json(json!({"reason": "x"})),
        ]
    };
    for request in requests() {
        request.expect(401).await;
    }
    for request in requests() {
        request.bearer(&alice.api_key).expect(403).await;
    }
    for unknown in [uuid::Uuid::new_v4().to_string(), "nonsense".to_owned()] {
        let unknown = json!({ "id": unknown });
        admin(&world, api.get(&itself(&unknown))).expect(404).await;
        world.admin_post(&retry(&unknown), Value::Null).expect(404).await;
    }
    for reason in [json!({}), json!({"reason": " "}), json!({"reason": "x".repeat(501)})] {
        world.admin_post(&dismiss(&letter), reason).expect(400).await;
    }
    for limit in ["0", "501", "x"] {
        admin(&world, api.get(&format!("/purser/v1/dead-letters?limit={limit}"))).expect(400).await;
    }
    assert_eq!(world.count("dead_letters where state = 'waiting'").await, 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_of_concurrent_operators_settles_a_letter() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    for _ in 0..5 {
        dead_letter(&world, "apply", &good_job(&world, &alice, 100).await, "a bug").await;
    }
    world.drain().await;
    let mut replayed = 0;
    for letter in letters(&world).await {
        let settling = (0..8).map(|number| {
            let path = if number % 2 == 0 { retry(&letter) } else { dismiss(&letter) };
            world.admin_post(&path, json!({"reason": "x"})).send()
        });
        let answers: Vec<_> = join_all(settling).await.into_iter().map(Result::unwrap).collect();
        let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status() == 200);
        assert_eq!((done.len(), refused.len()), (1, 7));
        assert!(refused.iter().all(|answer| answer.status() == 409));
        replayed += i64::from(done[0].json().unwrap()["state"] == "replayed");
    }
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, replayed * 100);
    assert_eq!(world.count("admin_actions where action like 'dead_letter.%'").await, 5);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_replayed_while_workers_die_are_each_done_once() {
    let world = World::builder().worker_process(DEV).start().await;
    let alice = world.create_user("alice").await;
    for _ in 0..10 {
        dead_letter(&world, "apply", &good_job(&world, &alice, 100).await, "a bug").await;
    }
    let killing = async {
        for _ in 0..3 {
            world.worker().kill9().unwrap();
            world.worker().start().unwrap();
            tokio::task::yield_now().await;
        }
    };
    let replaying = async {
        let mut replayed = 0;
        while replayed < 10 {
            for letter in letters(&world).await {
                world.admin_post(&retry(&letter), Value::Null).expect(200).await;
                replayed += 1;
            }
        }
    };
    let replaying = tokio::time::timeout(Duration::from_secs(60), replaying);
    let ((), replayed) = futures::join!(killing, replaying);
    replayed.expect("all are collected");
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 1_000);
    assert_eq!(world.count("dead_letters").await, 10);
    world.finish().await;
}

/// The queue keeps it until the table can.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_not_lost_while_the_database_is_down() {
    let mut world = World::builder().own_servers().worker_process(DEV).start().await;
    world.allow_dead_letters();
    world.drain().await;
    tokio::task::block_in_place(|| world.servers().postgres().kill9()).unwrap();
    dead_letter(&world, "apply", b"{}", "first").await;
    dead_letter(&world, "verify", b"{}", "second").await;
    world.worker().kill9().unwrap();
    world.worker().start().unwrap();
    tokio::task::block_in_place(|| world.servers().postgres().start()).unwrap();
    world.wait_for_rows(2, "dead_letters where reason in ('first', 'second')").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_handled_from_the_command_line() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    let nothing = commands::worker(&world, &["dead-letters", "list"]).await;
    assert_eq!((nothing.code, nothing.stdout.as_str()), (0, ""), "{nothing:?}");
    dead_letter(&world, "apply", &good_job(&world, &alice, 500).await, "a bug").await;
    dead_letter(&world, "verify", b"\xff", "a worse bug").await;
    world.drain().await;

    let listed = commands::worker(&world, &["dead-letters", "list"]).await;
    assert!(
        listed.stdout.contains("provider.events  a bug") && listed.stderr.contains("1 for verify"),
        "{listed:?}"
    );
    let listed = commands::worker(&world, &["dead-letters", "list", "--json", "--role", "apply"]).await;
    assert_eq!(listed.code, 1);
    let letter: Value = serde_json::from_str(listed.stdout.trim()).unwrap();
    let id = id(&letter);
    let shown = commands::worker(&world, &["dead-letters", "show", id]).await;
    assert!(shown.code == 0 && shown.stdout.contains("cs_test_") && !shown.stdout.contains('@'), "{shown:?}");
    let replayed = commands::worker(&world, &["dead-letters", "replay", "--role", "apply"]).await;
    assert_eq!(replayed.code, 0, "{replayed:?}");
    let again = commands::worker(&world, &["dead-letters", "replay", id]).await;
    assert!(again.code == 1 && again.stdout.contains("it was replayed before"), "{again:?}");
    world.drain().await;
    assert_eq!(world.balance(&alice.wallet_id).await, 500);

    let other = letters(&world).await.remove(0);
    let other = other["id"].as_str().unwrap();
    assert_eq!(commands::worker(&world, &["dead-letters", "discard", other]).await.code, 2);
    let refused = commands::worker(&world, &["dead-letters", "replay", other]).await;
    assert!(refused.code == 1 && refused.stdout.contains("discarded only"), "{refused:?}");
    let discarded =
        commands::worker(&world, &["dead-letters", "discard", other, "--reason", "nonsense"]).await;
    assert_eq!(discarded.code, 0, "{discarded:?}");
    assert_eq!(world.count("admin_actions where actor = 'command line'").await, 2);
    world.finish().await;
}
