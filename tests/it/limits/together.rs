//! Many at once, in several processes that may die.

use std::collections::BTreeMap;
use std::path::Path;

use futures::future::join_all;
use harness::client::Client;
use harness::eventually::Look;
use harness::system::Service;
use harness::world::World;
use kernel::crash::Step;
use serde_json::json;
use servers::ports::free_ports;

use super::*;
use crate::crash_points::{api_dies, wait_until_started};

const DEV: &str = env!("CARGO_BIN_EXE_dev");

/// Debits and holds of a member, and of a key over many wallets, through two processes at once: exactly as many are
/// made as the limits allow.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_in_two_processes_do_not_exceed_a_limit() {
    let world = World::start().await;
    let cast = acme(&world).await;
    let [port, metrics] = free_ports::<2>().unwrap();
    let address = |port: u16| format!("127.0.0.1:{port}");
    let second = world.additional_process(Service::Api, Path::new(DEV), &[]);
    let second =
        second.with_variable("API_ADDR", &address(port)).with_variable("METRICS_ADDR", &address(metrics));
    second.start().unwrap();
    let other = Client::new(format!("http://{}", address(port))).unwrap();
    let ready = async || match other.get("/readyz").send().await {
        Ok(answer) => Look::when(answer.status() == 200, answer.to_string()),
        Err(error) => Look::NotYet(error.to_string()),
    };
    world.eventually("the second API is ready", ready).await;
    let users: Vec<String> = (0..5).map(|number| format!("user{number}")).collect();
    for user in &users {
        world.create_user(user).await;
        give(&world, &format!("user:{user}"), 1_000).await;
    }
    let limited = json!({"name": "x", "scopes": ["spend"], "limits": [{"credits": 100, "per": "month"}]});
    let key = world.admin_post("/purser/v1/api-keys", limited).expect(201).await;
    let (key_id, key) = (key["apiKeyId"].as_str().unwrap(), key["apiKey"].as_str().unwrap());
    limit(&world, &cast, 100, "month").await;

    // Who asks for three credits, of which wallet; the owner has no limit.
    let asked = (0..220).map(|number| match number % 11 {
        0 => (cast.owner.api_key.as_str(), format!("org:{}", cast.id)),
        even if even % 2 == 0 => (cast.member.api_key.as_str(), format!("org:{}", cast.id)),
        _ => (key, format!("user:{}", users[number % users.len()])),
    });
    let answers = asked.enumerate().map(|(number, (bearer, wallet))| {
        let client = if number % 3 == 0 { &other } else { world.api() };
        let verb = if number % 5 == 0 { "holds" } else { "debits" };
        let (path, name) = (format!("/purser/v1/wallets/{wallet}/{verb}"), format!("n{number}"));
        let world = &world;
        async move {
            let sent = async || {
                let request = client.post(&path).bearer(bearer).idempotency_key(&name);
                let answer = request.json(json!({"credits": 3})).send().await.unwrap();
                if answer.status() == 503 { Look::NotYet(answer.to_string()) } else { Look::Done(answer) }
            };
            let answer = world.eventually("the wallet is free", sent).await;
            (bearer, status(&answer))
        }
    });
    let mut made: BTreeMap<&str, usize> = BTreeMap::new();
    for (bearer, (status, code)) in join_all(answers).await {
        match status {
            200 | 201 => *made.entry(bearer).or_default() += 1,
            _ => assert_eq!((status, code), limit_reached()),
        }
    }
    let of = |bearer: &str| made.get(bearer).copied().unwrap_or_default();
    assert_eq!((of(&cast.member.api_key), of(key), of(&cast.owner.api_key)), (33, 33, 20));
    assert_eq!(standing(&world, &cast).await["used"], json!(99));
    let shown = get(&world, &format!("/purser/v1/api-keys/{key_id}")).await;
    assert_eq!(shown["limits"][0]["used"], json!(99), "{shown}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_counts_what_it_has_committed_and_nothing_else() {
    let world = World::builder().api_process(DEV).start().await;
    let cast = acme(&world).await;
    limit(&world, &cast, 30, "month").await;
    world.api_process().kill9().unwrap();
    for (step, used) in [(Step::Written, 10), (Step::Committed, 20)] {
        let spend = || {
            let request = world.api().post(&cast.path("debits")).bearer(&cast.member.api_key);
            request.idempotency_key(step.as_str()).json(json!({"credits": 10}))
        };
        api_dies(&world, step, "debit", spend, 200).await;
        let counted: i64 =
            sqlx::query_scalar("select month_used from limits").fetch_one(world.pool()).await.unwrap();
        assert_eq!(counted, used * 1_000_000, "after {}", step.as_str());
    }
    let place = || {
        let request = world.api().post(&cast.path("holds")).bearer(&cast.member.api_key);
        request.idempotency_key("hold").json(json!({"credits": 10}))
    };
    api_dies(&world, Step::Committed, "hold", place, 201).await;
    world.api_process().start().unwrap();
    wait_until_started(&world).await;
    assert_eq!(standing(&world, &cast).await["left"], json!(0));
    world.finish().await;
}
