//! What is measured of requests, and compared with the raw limits and with others.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use uuid::Uuid;

use crate::load::{Load, Plan, Until, generate};
use crate::processes::Bench;
use crate::raw::Raw;
use crate::seed::{self, ACTIVE_WALLETS};
use crate::{Arguments, books, requests};

pub struct Scenario {
    pub name: &'static str,
    pub what: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Health,
    Forged,
    Accept,
    EndToEnd { wallets: usize },
    Consume,
    Batch,
}

/// All of them. The first two tell the parts of what the third costs apart.
pub const ALL: &[Scenario] = &[
    Scenario { name: "http", what: "GET /healthz", kind: Kind::Health },
    Scenario { name: "forged", what: "2.1 KB webhooks with a wrong signature, refused", kind: Kind::Forged },
    Scenario { name: "accept", what: "signed 2.1 KB webhooks, workers running", kind: Kind::Accept },
    Scenario {
        name: "end-to-end",
        what: "payments over 1,000 wallets, first POST to last ledger row",
        kind: Kind::EndToEnd { wallets: ACTIVE_WALLETS },
    },
    Scenario { name: "hot", what: "the same, one wallet", kind: Kind::EndToEnd { wallets: 1 } },
    Scenario { name: "consume", what: "debits with an Idempotency-Key, 1,000 wallets", kind: Kind::Consume },
    Scenario { name: "batch", what: "the same, a hundred in a request", kind: Kind::Batch },
];

/// What came out.
#[derive(Clone)]
pub struct Measured {
    /// Operations a second.
    pub rate: f64,
    pub load: Load,
    /// CPU time for each operation in microseconds, by role.
    pub cpu: BTreeMap<&'static str, f64>,
    /// Cores in use, all roles together.
    pub cores: f64,
    /// Transactions of the database, for each operation.
    pub commits: f64,
}

impl Scenario {
    /// The raw limit that it is compared with, and its name.
    pub fn limit(&self, raw: &Raw) -> Option<(&'static str, f64)> {
        match self.kind {
            Kind::Health | Kind::Forged => None,
            Kind::Accept => Some(("publish", raw.publish)),
            Kind::EndToEnd { wallets: 1 } => Some(("ledger_hot", raw.ledger_hot)),
            Kind::EndToEnd { .. } => Some(("ledger", raw.ledger)),
            Kind::Consume => Some(("debit", raw.debit)),
            Kind::Batch => Some(("ledger", raw.ledger)),
        }
    }

    /// Whether the size of the ledger could matter to it.
    pub fn touches_the_ledger(&self) -> bool {
        matches!(self.kind, Kind::EndToEnd { .. } | Kind::Consume | Kind::Batch)
    }

    /// Measures as often as asked for, and returns what is in the middle.
    pub async fn run(&self, bench: &Bench, arguments: &Arguments) -> Result<Measured> {
        let mut all = Vec::new();
        for time in 1..=arguments.repeat {
            eprintln!("bench: {} ({time} of {}) …", self.name, arguments.repeat);
            all.push(self.once(bench, arguments).await?);
        }
        all.sort_by(|one, other| one.rate.total_cmp(&other.rate));
        Ok(all.swap_remove(all.len() / 2))
    }

    async fn once(&self, bench: &Bench, arguments: &Arguments) -> Result<Measured> {
        let length = Until::Time(Duration::from_secs(arguments.seconds));
        // What is prepared beforehand is not measured.
        let orders = match self.kind {
            Kind::EndToEnd { wallets } => {
                seed::orders(&bench.pool, &bench.seeded, arguments.events, wallets).await?
            }
            _ => Vec::new(),
        };
        let (before, commits_before, started) = (bench.cpu(), commits(bench).await?, Instant::now());
        let plan = |until, make| Plan { connections: arguments.connections, until, pace: None, make };
        let timed = |make| plan(length, make);
        let (rate, load) = match self.kind {
            Kind::Health => answered(bench, timed(requests::health()), 200).await?,
            Kind::Forged => answered(bench, timed(requests::forged()), 400).await?,
            Kind::Accept => answered(bench, timed(requests::foreign_payments(bench)), 200).await?,
            Kind::Consume => answered(bench, timed(requests::debits(bench)), 200).await?,
            Kind::Batch => answered(bench, timed(requests::batches(bench)), 200).await?,
            Kind::EndToEnd { .. } => {
                let first = orders.first().map(|order| order.id).unwrap_or_default();
                let all = Until::Count(u64::try_from(orders.len())?);
                end_to_end(bench, first, plan(all, requests::payments(bench, orders))).await?
            }
        };
        let elapsed = started.elapsed().as_secs_f64();
        // A request may ask for much.
        let each = if self.kind == Kind::Batch { requests::BATCH as f64 } else { 1.0 };
        let (rate, answers) = (rate * each, load.statuses.values().sum::<u64>() as f64 * each);
        // What was done in the first second does not count as an answer, but took its time.
        let done = answers * elapsed / load.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        let done = if matches!(self.kind, Kind::EndToEnd { .. }) { answers } else { done };
        let after = bench.cpu();
        let used = |role: &str| after.get(role).unwrap_or(&0.0) - before.get(role).unwrap_or(&0.0);
        let cpu: BTreeMap<&'static str, f64> =
            after.keys().map(|role| (*role, used(role) * 1e6 / done)).collect();
        let cores = after.keys().map(|role| used(role)).sum::<f64>() / elapsed;
        let commits = (commits(bench).await? - commits_before) as f64 / done;
        match self.kind {
            Kind::Health | Kind::Forged => {}
            Kind::Accept => books::drain(bench).await?,
            Kind::EndToEnd { .. } | Kind::Consume | Kind::Batch => books::check(bench).await?,
        }
        Ok(Measured { rate, load, cpu, cores, commits })
    }
}

/// Transactions that the database has committed, our own few included.
async fn commits(bench: &Bench) -> Result<i64> {
    // The statistics of a session are published when it has been idle for a while.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let sql = "select xact_commit from pg_stat_database where datname = current_database()";
    Ok(sqlx::query_scalar(sql).fetch_one(&bench.pool).await?)
}

async fn answered(bench: &Bench, plan: Plan, status: u16) -> Result<(f64, Load)> {
    let load = generate(bench.port(), plan).await;
    ensure!(load.statuses.keys().all(|answered| *answered == status), "answered {:?}", load.statuses);
    let answers = load.statuses.values().sum::<u64>() as f64;
    Ok((answers / load.elapsed.as_secs_f64(), load))
}

/// Sends the events of orders and waits until all of them are credited; returns payments a second.
async fn end_to_end(bench: &Bench, first: Uuid, plan: Plan) -> Result<(f64, Load)> {
    let Until::Count(all) = plan.until else { bail!("payments are counted") };
    let count = usize::try_from(all)?;
    let load = generate(bench.port(), plan).await;
    ensure!(load.succeeded() == all, "not all were accepted: {:?}", load.statuses);
    books::wait_until_credited(bench, first, count).await?;
    Ok((count as f64 / load.first_sent.elapsed().as_secs_f64(), load))
}
