//! What a statement costs does not grow with the tables: on a large database, each statement of the shipped code reads
//! about as many rows as it returns. It is carried out as the processes do it, with a generic plan, once the planner
//! knows the tables.

mod values;

use std::fs;

use harness::world::World;
use kernel::database;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use values::values;

/// How many rows a statement may read that returns `returned`.
fn allowed(returned: f64) -> f64 {
    3.0 * returned + 50.0
}

/// A part of a statement that may read more, how many rows on the seeded database, and why.
const EXCUSED: &[(&str, f64, &str)] = &[
    (
        "from coupons order by created_at",
        1_000.0,
        "administrators write coupons by hand, and list them page by page",
    ),
    (
        "with added as ( select starts_at, account, currency, amount from statistics",
        2_000.0,
        "what is outstanding is the sum of all months, and of the days and hours since",
    ),
    (
        "from auto_recharge where paused_at is not null",
        20_000.0,
        "counted when somebody looks: each waits for a person",
    ),
    ("from pg_stat_activity", 1_000.0, "the connections that there are"),
    ("from outbox", 50_000.0, "the backlog is counted once in ten seconds; what is published is gone"),
    (
        "coalesce(least(sum(greatest(balance",
        30_000.0,
        "the credits of all wallets are added up once a minute",
    ),
    (
        "from store_purchases where payment_id is null",
        400.0,
        "parked purchases wait for an administrator: they are few",
    ),
    (
        "select count(*) as \"count!\" from statement",
        250_000.0,
        "Allmine's pages say how many lines there are in all",
    ),
    ("from recharge_runs where id in", 1_000.0, "a month's recharges of a wallet; a day has a limit"),
    (
        "from recharge_runs where wallet_id = $1 and month",
        500.0,
        "a month's recharges of a wallet; a day has a limit",
    ),
    (
        "(not $2 or paused_at is not null)",
        20_000.0,
        "an administrator's page of paused wallets looks until it is full",
    ),
    (
        "from coupon_redemptions r join payments p on p.id = r.payment_id",
        20_000.0,
        "the uses of one coupon by one buyer: the seed gives one buyer all of them",
    ),
    (
        "update payments set checked_at = $1 where id in",
        1_000.0,
        "orders that were asked about within the hour are passed over",
    ),
    (
        "select role, reason, count(*)",
        5_000.0,
        "the dead letters that wait are counted for the gauge: they are few, and each waits for an operator",
    ),
    (
        "and ($4::text is null or provider = $4) and case when outcome",
        300_000.0,
        "an operator's page of a state that few events have looks until it is full; open ones have an index",
    ),
];

/// A statement as sqlx has described it.
struct Statement {
    text: String,
    types: Vec<String>,
}

fn statements() -> Vec<Statement> {
    let folder = servers::checkout().join(".sqlx");
    let found = fs::read_dir(folder).unwrap().map(|entry| {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let described: Value = serde_json::from_str(&text).unwrap();
        let words = described["query"].as_str().unwrap().split_whitespace();
        let types = described["describe"]["parameters"]["Left"].as_array().unwrap();
        Statement {
            text: words.collect::<Vec<_>>().join(" "),
            types: types
                .iter()
                .map(|kind| kind.as_str().map_or_else(|| kind.to_string(), str::to_owned))
                .collect(),
        }
    });
    found.collect()
}

/// Carries a statement out and takes its effect back; returns what it did, if it reads tables at all.
async fn carry_out(
    connection: &mut PgConnection,
    statement: &Statement,
) -> Result<Option<Value>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let prepare = format!("prepare described as {}", statement.text);
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *transaction).await?;
    let done = explain(&mut transaction, statement).await;
    transaction.rollback().await?;
    sqlx::raw_sql("deallocate described").execute(connection).await?;
    done
}

async fn explain(connection: &mut PgConnection, statement: &Statement) -> Result<Option<Value>, sqlx::Error> {
    let given = values(&statement.text, &statement.types).join(", ");
    let given = if given.is_empty() { given } else { format!("({given})") };
    let explain = |options: &str| AssertSqlSafe(format!("explain ({options}) execute described{given}"));
    let planned: Value = sqlx::query_scalar(explain("format json")).fetch_one(&mut *connection).await?;
    if !reads_tables(&planned) {
        return Ok(None);
    }
    sqlx::query_scalar(explain("analyze, format json")).fetch_one(connection).await.map(Some)
}

fn reads_tables(plan: &Value) -> bool {
    match plan {
        Value::Array(parts) => parts.iter().any(reads_tables),
        Value::Object(node) => is_read(&plan["Node Type"]) || node.values().any(reads_tables),
        _ => false,
    }
}

fn is_read(kind: &Value) -> bool {
    ["Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan"]
        .iter()
        .any(|read| kind == read)
}

fn parts(node: &Value) -> impl Iterator<Item = &Value> {
    node["Plans"].as_array().into_iter().flatten()
}

/// The rows that a plan read of tables, also those that it then left out.
fn rows_read(node: &Value) -> f64 {
    let number = |name: &str| node[name].as_f64().unwrap_or(0.0);
    let of_this = if is_read(&node["Node Type"]) {
        let left_out = number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
        (number("Actual Rows") + left_out) * number("Actual Loops")
    } else {
        0.0
    };
    of_this + parts(node).map(rows_read).sum::<f64>()
}

/// The rows that a plan returned or changed.
fn rows_returned(node: &Value) -> f64 {
    let own = node["Actual Rows"].as_f64().unwrap_or(0.0);
    if node["Node Type"] == "ModifyTable" { parts(node).map(rows_returned).fold(own, f64::max) } else { own }
}

/// Statements that read more than they may.
async fn offenders(connection: &mut PgConnection) -> Vec<String> {
    let mut offenders = Vec::new();
    for statement in statements() {
        let text = &statement.text;
        let done = match carry_out(connection, &statement).await {
            Ok(Some(done)) => done,
            Ok(None) => continue,
            Err(error) => {
                offenders.push(format!("{error}:\n{text}"));
                continue;
            }
        };
        let plan = &done[0]["Plan"];
        let (read, returned) = (rows_read(plan), rows_returned(plan));
        if read <= allowed(returned) {
            continue;
        }
        let excuse = EXCUSED.iter().find(|(part, ..)| text.contains(part));
        match excuse {
            Some((_, most, _)) if read <= *most => {}
            _ => offenders.push(format!("{read} rows read to return {returned}:\n{text}")),
        }
    }
    offenders
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_reads_about_as_much_as_it_returns() {
    // Nothing else changes or reads the tables meanwhile.
    let world = World::builder().without_worker().without_scheduler().start().await;
    sqlx::raw_sql(include_str!("seed.sql"))
        .execute(&mut *world.pool().acquire().await.unwrap())
        .await
        .unwrap();
    let pool = database::pool(&world.settings().connections(1).unwrap()).unwrap();
    let mut connection = pool.acquire().await.unwrap();
    let as_prepared = "set plan_cache_mode = force_generic_plan; set session_replication_role = replica;
                       set statement_timeout = '60s'; set lock_timeout = '60s'";
    assert!(statements().len() > 100, "the statements were not found");
    sqlx::raw_sql(as_prepared).execute(&mut *connection).await.unwrap();
    sqlx::raw_sql("analyze").execute(&mut *connection).await.unwrap();
    let offenders = offenders(&mut connection).await;
    assert!(offenders.is_empty(), "{} statements:\n\n{}", offenders.len(), offenders.join("\n\n"));
    drop(connection);
    pool.close().await;
    // The seeded rows of the outbox are of no job: nobody publishes them.
    world.abandon().await;
}
