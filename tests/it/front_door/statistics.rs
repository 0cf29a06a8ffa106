//! Statistics agree with the books: each figure is what a recount of entries and payments gives.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use billing::statistics::add_up;
use futures::future::join_all;
use harness::world::World;
use kernel::clock::{Timestamp, from_rfc3339};
use kernel::money::Credits;
use serde_json::{Value, json};
use sqlx::Row;

use super::{admin, get, order, pay, refusal, sell, usd};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Every movement of credits and money that the tables have.
struct Books {
    /// When, with which counter-account, how many millionths.
    entries: Vec<(Timestamp, String, i64)>,
    /// When, in which currency, how much.
    payments: Vec<(Timestamp, String, i64)>,
}

impl Books {
    async fn read(world: &World) -> Self {
        let rows = |statement: &'static str| async move {
            let rows = sqlx::query(statement).fetch_all(world.pool()).await.unwrap();
            rows.into_iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
        };
        let entries = rows("select created_at, counter_account, amount from ledger_entries").await;
        let payments =
            rows("select completed_at, currency, amount_minor from payments where completed_at is not null")
                .await;
        Self { entries, payments }
    }

    /// The sum of all entries with these counter-accounts from one time to another.
    fn credits(&self, accounts: &[&str], from: Timestamp, to: Timestamp) -> i64 {
        let within = self.entries.iter().filter(|(at, account, _)| {
            from <= *at && *at < to && (accounts.is_empty() || accounts.contains(&account.as_str()))
        });
        within.map(|(_, _, amount)| amount).sum()
    }

    fn paid(&self, from: Timestamp, to: Timestamp) -> Vec<Value> {
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        for (_, currency, minor) in self.payments.iter().filter(|(at, ..)| from <= *at && *at < to) {
            *sums.entry(currency.as_str()).or_default() += minor;
        }
        sums.into_iter().map(|(currency, minor)| json!({"minor": minor, "currency": currency})).collect()
    }

    /// What is to be said of a time, without the money that went back.
    fn expected(&self, from: Timestamp, to: Timestamp) -> HashMap<&'static str, Value> {
        let credits = |accounts: &[&str], sign: i64| {
            Credits::from_millionths(sign * self.credits(accounts, from, to)).to_json()
        };
        HashMap::from([
            ("/sold/credits", credits(&["stripe", "creem", "revenuecat"], 1)),
            ("/sold/money", json!(self.paid(from, to))),
            ("/granted", credits(&["promotion", "manual"], 1)),
            ("/spent", credits(&["usage"], -1)),
            ("/lapsed", credits(&["expiry"], -1)),
            ("/refunded/credits", credits(&["refund"], -1)),
        ])
    }
}

fn time(value: &Value) -> Timestamp {
    from_rfc3339(value.as_str().unwrap()).unwrap()
}

async fn ask(world: &World, query: &str) -> Value {
    get(world, &format!("/purser/v1/statistics?{query}")).await
}

/// Compares every interval of an answer, and its sum, with the books.
fn compare(answer: &Value, books: &Books) {
    let points = answer["data"].as_array().unwrap();
    let beginning = Timestamp::UNIX_EPOCH;
    for point in points {
        let (from, to) = (time(&point["startsAt"]), time(&point["endsAt"]));
        for (field, expected) in books.expected(from, to) {
            assert_eq!(point.pointer(field), Some(&expected), "{field} of {point}");
        }
        let outstanding = Credits::from_millionths(books.credits(&[], beginning, to)).to_json();
        assert_eq!(point["outstanding"], outstanding, "{point}");
    }
    for pair in points.windows(2) {
        assert_eq!(pair[0]["endsAt"], pair[1]["startsAt"]);
    }
    let (first, last) = (time(&points[0]["startsAt"]), time(&points[points.len() - 1]["endsAt"]));
    for (field, expected) in books.expected(first, last) {
        assert_eq!(answer["total"].pointer(field), Some(&expected), "{field} of all");
    }
}

/// Everything that moves credits, spread over hours, days and months.
async fn live(world: &World) {
    let (alice, bob) = (world.create_user("alice").await, world.create_user("bob").await);
    sell(world).await;
    let post = async |path: &str, body: Value, status: u16| {
        world.admin_post(&format!("/purser/v1/{path}"), body).expect(status).await
    };
    let bought = order(world, json!({"wallet": "user:alice", "packId": "starter"})).await;
    pay(world, &bought).await;
    let debit = post("wallets/user:alice/debits", json!({"credits": 12.5}), 200).await;
    world.advance(HOUR * 2).await;
    let gift = json!({"credits": 30, "kind": "promotional", "expiresAfterDays": 3, "reason": "Welcome"});
    post("wallets/user:bob/grants", gift, 201).await;
    let back = format!("debits/{}/refund", debit["debitId"].as_str().unwrap());
    post(&back, json!({"credits": 2.25}), 200).await;
    world.advance(DAY).await;
    let hold = post("wallets/user:bob/holds", json!({"credits": 7}), 201).await;
    let capture = format!("holds/{}/capture", hold["holdId"].as_str().unwrap());
    post(&capture, json!({"credits": 3.000_001}), 200).await;
    let transfer = json!({"from": "user:alice", "to": "user:bob", "credits": 5, "reason": "Yours"});
    post("transfers", transfer, 201).await;
    // The rest of the gift lapses.
    world.advance(DAY * 4).await;
    world.wait_for_rows(1, "ledger_entries where counter_account = 'expiry'").await;
    world.buy(&bob, 500).await;
    world.advance(DAY * 31).await;
    let refund = format!("/purser/v1/orders/{}/refund", bought["orderId"].as_str().unwrap());
    let answer = world.admin_post(&refund, json!({"minor": 600, "reason": "asked"})).send().await.unwrap();
    assert!([200, 202].contains(&answer.status()), "{answer}");
    world.drain().await;
    assert!(world.balance(&alice.wallet_id).await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_figure_is_what_a_recount_gives() {
    let world = World::start().await;
    let began = world.clock().now();
    live(&world).await;
    let books = Books::read(&world).await;
    for account in ["stripe", "promotion", "usage", "expiry", "refund", "transfer"] {
        assert!(books.entries.iter().any(|entry| entry.1 == account), "nothing with {account}");
    }
    let text = |at: Timestamp| kernel::clock::to_rfc3339(at);
    let end = world.clock().now();
    for interval in ["hour", "day", "month"] {
        // From the beginning, from within, and a time in which nothing happened.
        for (from, to) in [(began, end), (began + DAY, end - HOUR * 5), (began + DAY * 10, began + DAY * 12)]
        {
            let answer =
                ask(&world, &format!("interval={interval}&from={}&to={}", text(from), text(to))).await;
            compare(&answer, &books);
        }
        compare(&ask(&world, &format!("interval={interval}")).await, &books);
    }
    // The money went back on the last day.
    let days = ask(&world, &format!("from={}&to={}", text(began), text(end))).await;
    let days = days["data"].as_array().unwrap();
    let money: Vec<&Value> = days.iter().map(|day| &day["refunded"]["money"]).collect();
    let (last, before) = money.split_last().unwrap();
    assert_eq!((*last, before.iter().all(|day| **day == json!([]))), (&json!([usd(600)]), true), "{money:?}");
    world.finish().await;
}

/// Debits go on while what they noted is added up, by several at once; `finish` recounts.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_or_counted_twice_while_it_is_added_up() {
    let world = World::start().await;
    let alice = world.create_user("alice").await;
    world.buy(&alice, 1_000).await;
    let spend = async |number: i64| {
        let request = admin(&world, world.api().post("/purser/v1/wallets/user:alice/debits"));
        request.idempotency_key(&format!("debit {number}")).json(json!({"credits": 1})).expect(200).await;
        // What is answered may not be behind what was spent.
        let spent = ask(&world, "interval=month").await["total"]["spent"].as_f64().unwrap();
        assert!((1.0..=60.0).contains(&spent), "{spent}");
    };
    let add = async || {
        for _ in 0..40 {
            add_up(world.pool()).await.unwrap();
        }
    };
    tokio::join!(join_all((0..60).map(spend)), add(), add(), add());
    assert_eq!(ask(&world, "interval=month").await["total"]["spent"], json!(60));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_and_sums_may_be_large() {
    let world = World::start().await;
    for query in [
        "interval=week",
        "from=yesterday",
        "from=2026-11-28T00:00:00Z&to=2026-11-27T00:00:00Z",
        "interval=hour&from=2026-01-01T00:00:00Z&to=2026-12-01T00:00:00Z",
    ] {
        let answer =
            admin(&world, world.api().get(&format!("/purser/v1/statistics?{query}"))).send().await.unwrap();
        assert_eq!(refusal(&answer), (400, "invalid_request".to_owned()), "{query}: {answer}");
        assert!(answer.json().unwrap()["error"]["param"].is_string(), "{answer}");
    }
    let most = json!({"credits": 9_000_000_000_000_i64, "kind": "promotional", "reason": "As much as a wallet holds"});
    for name in ["alice", "bob"] {
        world.create_user(name).await;
        world.admin_post(&format!("/purser/v1/wallets/user:{name}/grants"), most.clone()).expect(201).await;
    }
    let total = ask(&world, "interval=month").await;
    assert_eq!(total["total"]["granted"], json!(18_000_000_000_000_i64));
    let alice = world.api().get("/purser/v1/statistics").bearer("psk_unknown").send().await.unwrap();
    assert_eq!(alice.status(), 401);
    world.finish().await;
}
