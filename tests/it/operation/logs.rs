//! The log: a line for each thing that happened to money, with ids as fields; JSON where no terminal reads it.

use harness::system::Service;
use harness::world::World;
use serde_json::{Value, json};

use crate::commands;

const DEV: &str = env!("CARGO_BIN_EXE_dev");

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_each_line_is_json_unless_told_otherwise() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let addresses = &world.settings().addresses;
    let servers =
        [("DATABASE_URL", addresses.database_url.as_str()), ("AMQP_URL", addresses.amqp_url.as_str())];
    let log = |format: Option<&'static str>| {
        let variables = servers.into_iter().chain(format.map(|format| ("LOG_FORMAT", format)));
        let output = commands::run(Service::Api, &["--migrate-only"], variables);
        assert_eq!(output.code, 0, "{output:?}");
        output.stderr
    };
    let usual = log(None);
    let lines: Vec<Value> = usual.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let says =
        |line: &Value| line["fields"]["message"] == "the schema is up to date" && line["level"] == "INFO";
    assert!(lines.iter().any(says), "{usual}");
    let text = log(Some("text"));
    assert!(text.contains(" INFO ") && text.contains("the schema is up to date"), "{text}");
    assert!(!text.contains('\u{1b}'), "colours in a file: {text:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_one_line_and_debits_are_lines_for_those_who_ask() {
    let world = World::builder().api_process(DEV).worker_process(DEV).logs("info,ledger=debug").start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 2_500).await;
    let debit = world.api().post("/purser/v1/wallets/me/debits").bearer(&alice.api_key);
    let debit = debit.idempotency_key("one").json(json!({"credits": 10})).expect(200).await;
    let credited = world.worker().output().unwrap();
    let credited: Vec<&str> =
        credited.lines().filter(|line| line.contains("a payment is credited")).collect();
    let payment: uuid::Uuid =
        sqlx::query_scalar("select id from payments").fetch_one(world.pool()).await.unwrap();
    let fields =
        [format!("payment={payment}"), format!("wallet={}", alice.wallet_id), "user=alice".to_owned()];
    assert_eq!(credited.len(), 1, "{credited:?}");
    assert!(fields.iter().all(|field| credited[0].contains(field)), "{credited:?}");
    let entry = format!("entry={}", debit["debitId"].as_str().unwrap());
    let spent = world.api_process().output().unwrap();
    let spent: Vec<&str> = spent.lines().filter(|line| line.contains(&entry)).collect();
    assert_eq!(spent.len(), 1, "{spent:?}");
    assert!(spent[0].contains("DEBUG") && spent[0].contains("account=\"usage\""), "{spent:?}");
    world.finish().await;
}
