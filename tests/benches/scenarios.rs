//! What is measured.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Arguments;
use crate::load::{Load, MakeRequest, Until, generate};
use crate::processes::Bench;
use crate::seed::{self, Order, WALLETS};

/// Connections of the load generator.
const CONNECTIONS: usize = 64;
/// The credits of each payment, in millionths.
const CREDITS: i64 = 2_500_000_000;

/// A measurement.
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// The hand-rolled Node service's figure on two cores, and how many times that is the goal.
    pub peer: (f64, f64),
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Accept,
    EndToEnd { wallets: usize },
    Consume,
}

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario { name: "accept", peer: (2_050.0, 4.0), kind: Kind::Accept },
    Scenario { name: "end-to-end", peer: (1_870.0, 2.5), kind: Kind::EndToEnd { wallets: WALLETS } },
    Scenario { name: "hot", peer: (1_030.0, 4.0), kind: Kind::EndToEnd { wallets: 1 } },
    Scenario { name: "consume", peer: (1_850.0, 2.0), kind: Kind::Consume },
];

/// What came out.
pub struct Measured {
    /// Operations a second.
    pub rate: f64,
    /// The requests.
    pub load: Load,
    /// Cores in use, by role.
    pub cores: Vec<(&'static str, f64)>,
    /// Transactions of the database, for each operation.
    pub commits: f64,
}

impl Scenario {
    /// Which raw limit the figure is compared with.
    pub fn limit(&self) -> &'static str {
        match self.kind {
            Kind::Accept => "publish",
            Kind::EndToEnd { wallets: 1 } => "ledger_hot",
            Kind::EndToEnd { .. } => "ledger",
            Kind::Consume => "debit",
        }
    }

    /// Measures.
    pub async fn run(&self, bench: &mut Bench, arguments: &Arguments) -> Result<Measured> {
        let length = Duration::from_secs(arguments.seconds);
        // What is prepared beforehand is not measured.
        let orders = match self.kind {
            Kind::EndToEnd { wallets } => {
                seed::orders(&bench.pool, &bench.seeded, arguments.events, wallets).await?
            }
            Kind::Accept | Kind::Consume => Vec::new(),
        };
        let (before, commits_before, started) = (bench.cpu(), commits(bench).await?, Instant::now());
        let (rate, load) = match self.kind {
            Kind::Accept => accept(bench, length).await?,
            Kind::EndToEnd { .. } => end_to_end(bench, orders).await?,
            Kind::Consume => consume(bench, length).await?,
        };
        let elapsed = started.elapsed().as_secs_f64();
        let after = bench.cpu();
        let used = |role: &str| after.get(role).unwrap_or(&0.0) - before.get(role).unwrap_or(&0.0);
        let cores = after.keys().map(|role| (*role, used(role) / elapsed)).collect();
        let commits = (commits(bench).await? - commits_before) as f64 / load.succeeded() as f64;
        match self.kind {
            Kind::Accept => drain(bench).await?,
            Kind::EndToEnd { .. } | Kind::Consume => check_books(bench).await?,
        }
        Ok(Measured { rate, load, cores, commits })
    }
}

/// Transactions that the database has committed, our own few included.
async fn commits(bench: &Bench) -> Result<i64> {
    // The statistics of a session are published when it has been idle for a while.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let sql = "select xact_commit from pg_stat_database where datname = current_database()";
    Ok(sqlx::query_scalar(sql).fetch_one(&bench.pool).await?)
}

async fn accept(bench: &Bench, length: Duration) -> Result<(f64, Load)> {
    // Genuine payments of another product on the same account: the worker handles each and credits none, so that
    // the number of orders does not limit the run.
    let make = webhooks(bench, |number, body| event(body, "accept", number, None));
    let load = generate(bench.port(), CONNECTIONS, Until::Time(length), make).await;
    ensure!(load.statuses.keys().all(|status| *status == 200), "not all were accepted: {:?}", load.statuses);
    Ok((load.rate(), load))
}

async fn end_to_end(bench: &Bench, orders: Vec<Order>) -> Result<(f64, Load)> {
    let events = orders.len();
    let run = hex::encode(rand::random::<[u8; 4]>());
    let before = ledger_rows(bench).await?;
    let make = webhooks(bench, move |number, body| {
        let order = orders.get(usize::try_from(number).unwrap()).unwrap();
        event(body, &run, number, Some(order));
    });
    let count = u64::try_from(events)?;
    let load = generate(bench.port(), CONNECTIONS, Until::Count(count), make).await;
    ensure!(load.succeeded() == count, "not all were accepted: {:?}", load.statuses);
    let deadline = Instant::now() + Duration::from_secs(120);
    while ledger_rows(bench).await? - before < i64::try_from(events)? {
        ensure!(
            Instant::now() < deadline,
            "only {} of {events} were credited",
            ledger_rows(bench).await? - before
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let rate = count as f64 / load.first_sent.elapsed().as_secs_f64();
    Ok((rate, load))
}

async fn consume(bench: &Bench, length: Duration) -> Result<(f64, Load)> {
    let keys = bench.seeded.api_keys.clone();
    let run = hex::encode(rand::random::<[u8; 4]>());
    let body = br#"{"credits":1,"description":"api call"}"#;
    let make: MakeRequest = Box::new(move |number, request| {
        let key = &keys[usize::try_from(number).unwrap() * 7_919 % keys.len()];
        let head = format!(
            "POST /credits/consume HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\
             Idempotency-Key: {run}-{number}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(body);
    });
    let load = generate(bench.port(), CONNECTIONS, Until::Time(length), make).await;
    ensure!(load.statuses.keys().all(|status| *status == 200), "not all succeeded: {:?}", load.statuses);
    Ok((load.rate(), load))
}

/// Requests with signed webhooks, signed as they are sent, as Stripe's are.
fn webhooks(bench: &Bench, fill: impl Fn(u64, &mut String) + Send + 'static) -> MakeRequest {
    let secret = bench.settings.secrets.stripe_webhook_secret.clone();
    let mut body = String::new();
    Box::new(move |number, request| {
        body.clear();
        fill(number, &mut body);
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{now}.").as_bytes());
        mac.update(body.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let head = format!(
            "POST /api/payments/webhook HTTP/1.1\r\nHost: bench\r\nUser-Agent: Stripe/1.0\r\n\
             Content-Type: application/json; charset=utf-8\r\nStripe-Signature: t={now},v1={signature}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(body.as_bytes());
    })
}

/// A `checkout.session.completed` of about 2.2 KB.
fn event(body: &mut String, run: &str, number: u64, order: Option<&Order>) {
    let (metadata, reference, session) = match order {
        Some(order) => (
            format!(r#"{{"payment_id":"{}","user_id":"{}"}}"#, order.id, order.user),
            format!("\"{}\"", order.id),
            format!("cs_test_{}", order.id.simple()),
        ),
        None => ("{}".to_owned(), "null".to_owned(), format!("cs_test_{run}{number:010}")),
    };
    let customer = order.map_or("cus_other".to_owned(), |order| format!("cus_{}", order.user));
    let written = write!(
        body,
        include_str!("checkout_session_completed.json.txt"),
        customer = customer,
        metadata = metadata,
        number = number,
        reference = reference,
        run = run,
        session = session,
    );
    written.unwrap();
}

/// Waits until the workers have nothing left to do.
async fn drain(bench: &Bench) -> Result<()> {
    let mut last = -1;
    for _ in 0..600 {
        let events: i64 =
            sqlx::query_scalar("select count(*) from provider_events").fetch_one(&bench.pool).await?;
        if events == last {
            return Ok(());
        }
        last = events;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    anyhow::bail!("the workers are still busy after five minutes")
}

async fn ledger_rows(bench: &Bench) -> Result<i64> {
    let sql = "select count(*) from ledger_entries where source_kind = 'payment'";
    Ok(sqlx::query_scalar(sql).fetch_one(&bench.pool).await?)
}

/// Fast and wrong does not count: every wallet must balance, and every payment be credited once.
async fn check_books(bench: &Bench) -> Result<()> {
    let wrong: i64 = sqlx::query_scalar(
        "select count(*) from wallets w
         where balance <> (select coalesce(sum(amount), 0) from ledger_entries where wallet_id = w.id)
            or balance <> (select coalesce(sum(remaining), 0) from grants where wallet_id = w.id) - debt",
    )
    .fetch_one(&bench.pool)
    .await?;
    ensure!(wrong == 0, "{wrong} wallets do not balance");
    let odd: i64 = sqlx::query_scalar(
        "select count(*) from payments p where state = 'completed' and $1 <> (
             select coalesce(sum(amount), 0) from ledger_entries where source_kind = 'payment'
                 and source_id = p.id::text)",
    )
    .bind(CREDITS)
    .fetch_one(&bench.pool)
    .await?;
    ensure!(odd == 0, "{odd} payments were not credited exactly once");
    Ok(())
}
