//! Does what the schedule says, each entry in a loop of its own, while this process leads.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use billing::app_stores;
use billing::provider_events::record;
use billing::reconciliation;
use billing::subscriptions::operations as subscriptions;
use jobs::{EncodedJob, Role, outbox};
use kernel::clock::Clock;
use kernel::crash::{self, Step};
use kernel::deadline::within;
use kernel::ids::WalletId;
use messaging::dead_letters::operations as dead_letters;
use messaging::{Publisher, outbox as publishing};
use outgoing_webhooks as webhooks;
use rand::RngExt;
use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Retention;
use crate::leader::Leadership;
use crate::schedule::{Action, MEASURE_EVERY, SCHEDULE};

/// How old a job in the outbox must be before the sweep takes it: the process that wrote it is about to publish it.
const SWEEP_AFTER: time::Duration = time::Duration::seconds(2);
/// Jobs of the outbox published at once.
const SWEEP_AT_ONCE: i64 = 500;
/// How long an answer to an idempotent request is kept, and a session that has ended.
const KEEP_SESSIONS: time::Duration = time::Duration::hours(24);
/// How long messages to webhook endpoints are kept after they were delivered or given up.
const KEEP_WEBHOOKS: time::Duration = time::Duration::days(30);
/// Rows forgotten in one transaction…
const FORGET_AT_ONCE: i64 = 2_000;
/// …and how long those of one kind may take in one run.
const FORGET_FOR: Duration = Duration::from_secs(60);

/// How long the database may take for one thing, or for all that is measured.
const DATABASE_LIMIT: Duration = Duration::from_secs(15);

/// Wallets with several subscriptions that are listed at once: far more than should ever be.
const DOUBLED_MOST: i64 = 1_000;

/// What the schedule's actions work with.
#[derive(Clone)]
pub struct Ticker {
    pub pool: PgPool,
    pub publisher: Publisher,
    pub clock: Clock,
    pub retention: Retention,
    /// Whether a wallet may have more than one subscription.
    pub several_subscriptions: bool,
    /// The wallets that have several all the same, as far as the log tells of them.
    pub doubled: Arc<Mutex<HashSet<WalletId>>>,
}

impl Ticker {
    /// Runs the schedule until the leadership ends.
    pub async fn run(&self, leadership: Leadership) {
        let mut loops = JoinSet::new();
        for entry in SCHEDULE {
            let (ticker, leadership) = (self.clone(), leadership.clone());
            loops.spawn(async move {
                let repeated =
                    ticker.repeat(entry.name, entry.every, || ticker.act(entry.action, &leadership));
                leadership.ended().run_until_cancelled(repeated).await;
            });
        }
        loops.join_all().await;
    }

    /// Measures what operators watch, until `shutdown`, whether this process leads or not: what it measured while it
    /// led would be shown for ever after.
    pub async fn watch(&self, shutdown: &CancellationToken) {
        let measure = || async {
            let measured = within(DATABASE_LIMIT, self.measure()).await;
            measured.unwrap_or_else(|given_up| Err(given_up.into())).map_err(|error| error.to_string())
        };
        shutdown.run_until_cancelled(self.repeat("measure", MEASURE_EVERY, measure)).await;
    }

    async fn repeat<Done>(&self, name: &'static str, every: Duration, act: impl Fn() -> Done)
    where
        Done: Future<Output = Result<(), String>>,
    {
        loop {
            // Up to a tenth earlier, so that entries do not stay in step.
            let tenth = u64::try_from(every.as_millis() / 10).unwrap_or(0);
            let earlier = Duration::from_millis(rand::rng().random_range(0..=tenth));
            // Counted from the beginning: what becomes due while it runs, by a move of the test clock, is not missed.
            let mut next = self.clock.deadline(every.saturating_sub(earlier));
            if let Err(reason) = act().await {
                tracing::warn!(entry = name, reason, "a scheduled action failed; it will run again");
                metrics::counter!("purser_schedule_failures_total", "entry" => name).increment(1);
            }
            next.passed().await;
        }
    }

    async fn act(&self, action: Action, leadership: &Leadership) -> Result<(), String> {
        let done = match action {
            Action::Emit(job) => self.emit(job(), leadership).await,
            Action::SweepOutbox => self.sweep(leadership).await,
            Action::Forget => self.forget().await,
        };
        done.map_err(|error| error.to_string())
    }

    /// Writes a job to the outbox, if this process still leads, and publishes it.
    async fn emit(&self, job: EncodedJob, leadership: &Leadership) -> Result<(), sqlx::Error> {
        self.publisher.wait_until_connected().await;
        let lease = leadership.lease();
        let written = outbox::insert_while_held(&self.pool, &lease, self.clock.now(), job);
        let Some(id) = within(DATABASE_LIMIT, written).await?? else {
            tracing::warn!(term = lease.term, "a job was not emitted: another scheduler leads");
            return Ok(());
        };
        publishing::publish(&self.pool, &self.publisher, &[id]).await;
        crash::point(Step::Published, "schedule");
        Ok(())
    }

    async fn sweep(&self, leadership: &Leadership) -> Result<(), sqlx::Error> {
        self.publisher.wait_until_connected().await;
        while leadership.lease().is_valid() {
            let before = self.clock.now().saturating_sub(SWEEP_AFTER);
            let swept = publishing::sweep(&self.pool, &self.publisher, before, SWEEP_AT_ONCE).await?;
            if swept > 0 {
                tracing::info!(jobs = swept, "published jobs that were left in the outbox");
            }
            if i64::try_from(swept).is_ok_and(|swept| swept < SWEEP_AT_ONCE) {
                break;
            }
        }
        Ok(())
    }

    /// Deletes what is kept no longer, in small transactions, until nothing is left of it or the time for it is over:
    /// then the next run goes on.
    async fn forget(&self) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        let (pool, most) = (&self.pool, FORGET_AT_ONCE);
        let (sessions, webhooks) = (now.saturating_sub(KEEP_SESSIONS), now.saturating_sub(KEEP_WEBHOOKS));
        let events = now.saturating_sub(self.retention.provider_events);
        let letters = now.saturating_sub(self.retention.dead_letters);
        until_none("sessions", || identity::operations::sessions_forget(pool, sessions, most)).await?;
        until_none("live tickets", || identity::live_tickets::forget(pool, now, most)).await?;
        until_none("webhooks", || webhooks::operations::forget(pool, webhooks, most)).await?;
        until_none("provider events", || record::forget(pool, events, most)).await?;
        until_none("dead letters", || dead_letters::forget(pool, letters, most)).await
    }

    async fn measure(&self) -> Result<(), sqlx::Error> {
        let (jobs, oldest) = outbox::backlog(&self.pool).await?;
        let age = oldest.map_or(0, |oldest| (self.clock.now() - oldest).whole_seconds());
        let mut connection = self.pool.acquire().await?;
        let quarantined = record::quarantined_count(&mut connection).await?;
        let parked = app_stores::operations::parked_count(&mut connection).await?;
        set("purser_outbox_jobs", jobs);
        set("purser_outbox_oldest_seconds", age);
        set("purser_events_quarantined", quarantined);
        set("purser_store_purchases_parked", parked);
        if let Some((findings, uncredited)) = reconciliation::operations::last_run(&mut connection).await? {
            set("purser_reconciliation_findings", findings);
            set("purser_paid_not_credited", uncredited);
        }
        drop(connection);
        self.measure_doubled().await?;
        self.measure_dead_letters().await
    }

    /// Each wallet is logged once: when it is found out.
    async fn measure_doubled(&self) -> Result<(), sqlx::Error> {
        if self.several_subscriptions {
            return Ok(());
        }
        let found = subscriptions::doubled(&mut *self.pool.acquire().await?, DOUBLED_MOST).await?;
        set("purser_subscriptions_doubled", i64::try_from(found.len()).unwrap_or(i64::MAX));
        let mut known = self.doubled.lock().await;
        for (wallet, subscriptions) in found.iter().filter(|(wallet, _)| !known.contains(wallet)) {
            let ids: Vec<String> = subscriptions.iter().map(ToString::to_string).collect();
            tracing::warn!(%wallet, subscriptions = ids.join(" "), "several subscriptions bill for one wallet");
        }
        *known = found.into_iter().map(|(wallet, _)| wallet).collect();
        Ok(())
    }

    async fn measure_dead_letters(&self) -> Result<(), sqlx::Error> {
        let waiting = dead_letters::waiting(&mut *self.pool.acquire().await?).await?;
        for role in Role::ALL {
            let of_role = waiting.iter().filter(|waiting| waiting.role == role.as_str());
            let count: i64 = of_role.map(|waiting| waiting.count).sum();
            let gauge = metrics::gauge!("purser_dead_letters_waiting", "role" => role.as_str());
            gauge.set(i32::try_from(count).unwrap_or(i32::MAX));
        }
        Ok(())
    }
}

/// Deletes batch after batch.
async fn until_none<Batch>(what: &'static str, forget: impl Fn() -> Batch) -> Result<(), sqlx::Error>
where
    Batch: Future<Output = Result<u64, sqlx::Error>>,
{
    let until = Instant::now() + FORGET_FOR;
    loop {
        let forgotten = within(DATABASE_LIMIT, forget()).await??;
        metrics::counter!("purser_forgotten_rows_total", "what" => what).increment(forgotten);
        if i64::try_from(forgotten).is_ok_and(|count| count < FORGET_AT_ONCE) {
            return Ok(());
        }
        if Instant::now() >= until {
            tracing::info!(what, "there is more to forget; the next run goes on");
            return Ok(());
        }
    }
}

fn set(gauge: &'static str, value: i64) {
    // Counts and ages fit a 32-bit number long before they matter.
    metrics::gauge!(gauge).set(i32::try_from(value).unwrap_or(i32::MAX));
}
