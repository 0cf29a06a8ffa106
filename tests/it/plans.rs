//! Every statement of the shipped code finds its rows by an index, whatever the planner believes about the tables:
//! what a request costs must not grow with the ledger.

use std::collections::BTreeSet;
use std::fs;

use harness::world::World;
use kernel::database;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};

/// What is read whole, or in order until a page is full, and why it may be.
const READ_WHOLE: &[(&str, &str)] = &[
    ("checkin_config", "it is one row"),
    ("installation", "it is one row"),
    ("reconciliation_runs", "it is one row"),
    ("credit_prices", "there is one for a currency"),
    ("coupons", "administrators write them, and list them"),
    ("packs", "administrators write them, and everybody sees all of them"),
    ("plans", "administrators write them, and everybody sees all of them"),
    ("webhook_endpoints", "administrators write them, and each is told what happens"),
    ("dead_letters", "they are few, and only operators list those that are settled"),
    ("outbox", "what is published is gone"),
    ("provider_events_quarantined", "they are few, and counted for those who should look into them"),
    ("admin_actions_pkey", "the newest of an administrator's page"),
    ("ledger_entries_by_id", "the newest of an administrator's page"),
    ("provider_events", "administrators may want to see all that was recorded; no request of users does"),
];

/// A statement as sqlx has described it.
struct Statement {
    text: String,
    parameters: usize,
}

fn statements() -> Vec<Statement> {
    let folder = servers::checkout().join(".sqlx");
    let found = fs::read_dir(folder).unwrap().map(|entry| {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let described: Value = serde_json::from_str(&text).unwrap();
        let parameters = described["describe"]["parameters"]["Left"].as_array().unwrap().len();
        Statement { text: described["query"].as_str().unwrap().to_owned(), parameters }
    });
    found.collect()
}

/// How the database would carry a statement out, not knowing its parameters.
async fn plan(connection: &mut PgConnection, statement: &Statement) -> Value {
    let prepare = format!("prepare described as {}", statement.text);
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *connection).await.unwrap();
    let parameters = vec!["null"; statement.parameters].join(", ");
    let parameters = if parameters.is_empty() { parameters } else { format!("({parameters})") };
    let explain = format!("explain (format json) execute described{parameters}");
    let plan: Value = sqlx::query_scalar(AssertSqlSafe(explain)).fetch_one(&mut *connection).await.unwrap();
    sqlx::raw_sql("deallocate described").execute(connection).await.unwrap();
    plan
}

/// What a plan reads whole, and joins that read one side whole.
fn read_whole(plan: &Value, found: &mut BTreeSet<String>) {
    match plan {
        Value::Array(parts) => parts.iter().for_each(|part| read_whole(part, found)),
        Value::Object(node) => {
            let text = |name: &str| node.get(name).and_then(Value::as_str).unwrap_or_default();
            let whole = match text("Node Type") {
                "Seq Scan" | "Hash Join" | "Merge Join" => true,
                "Index Scan" | "Index Only Scan" => !node.contains_key("Index Cond"),
                _ => false,
            };
            let names = [text("Relation Name"), text("Index Name")];
            if whole && !READ_WHOLE.iter().any(|(allowed, _why)| names.contains(allowed)) {
                found.insert(format!("{} {}", text("Node Type"), names.join(" ")));
            }
            node.values().for_each(|part| read_whole(part, found));
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_finds_its_rows_by_an_index() {
    let world = World::start().await;
    let pool = database::pool(&world.settings().connections(1).unwrap()).unwrap();
    let mut connection = pool.acquire().await.unwrap();
    sqlx::raw_sql("set plan_cache_mode = force_generic_plan").execute(&mut *connection).await.unwrap();
    let mut offenders = Vec::new();
    let statements = statements();
    assert!(statements.len() > 100, "the statements were not found");
    for statement in statements {
        let mut found = BTreeSet::new();
        read_whole(&plan(&mut connection, &statement).await, &mut found);
        if !found.is_empty() {
            offenders.push(format!("{}\n{}", Vec::from_iter(found).join(", "), statement.text));
        }
    }
    assert!(offenders.is_empty(), "{} statements read much:\n\n{}", offenders.len(), offenders.join("\n\n"));
    drop(connection);
    pool.close().await;
    world.finish().await;
}
