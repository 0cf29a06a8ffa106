//! Does what the schedule says, each entry in a loop of its own, while this process leads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use billing::provider_events::record;
use billing::statistics;
use identity::operators;
use jobs::{EncodedJob, outbox};
use kernel::clock::Clock;
use kernel::crash::{self, Step};
use kernel::deadline::within;
use kernel::metrics::{NONE, catalogue};
use kernel::schedule_runs;
use messaging::dead_letters::operations as dead_letters;
use messaging::{Publisher, outbox as publishing};
use outgoing_webhooks as webhooks;
use rand::RngExt;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Retention;
use crate::leader::Leadership;
use crate::measure::Meter;
use crate::schedule::{Action, SCHEDULE};

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
/// How often it is noted that an entry ran, at most: some run every second.
const NOTE_EVERY: Duration = Duration::from_secs(10);
/// How often a scheduler shows whether it leads.
const SHOW_EVERY: Duration = Duration::from_secs(5);

/// What the schedule's actions work with.
#[derive(Clone)]
pub struct Ticker {
    pub pool: PgPool,
    pub publisher: Publisher,
    pub clock: Clock,
    pub retention: Retention,
    pub meter: Meter,
    /// Whether this scheduler leads.
    pub leads: Arc<AtomicBool>,
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
        self.leads.store(true, Ordering::Relaxed);
        loops.join_all().await;
        self.leads.store(false, Ordering::Relaxed);
    }

    /// Shows whether this scheduler leads, until `shutdown`.
    pub async fn show_leadership(&self, shutdown: &CancellationToken) {
        let show = async {
            loop {
                catalogue::LEADER.set(NONE, i64::from(self.leads.load(Ordering::Relaxed)));
                tokio::time::sleep(SHOW_EVERY).await;
            }
        };
        shutdown.run_until_cancelled(show).await;
    }

    async fn repeat<Done>(&self, name: &'static str, every: Duration, act: impl Fn() -> Done)
    where
        Done: Future<Output = Result<(), String>>,
    {
        let mut noted = None;
        loop {
            // Up to a tenth earlier, so that entries do not stay in step.
            let tenth = u64::try_from(every.as_millis() / 10).unwrap_or(0);
            let earlier = Duration::from_millis(rand::rng().random_range(0..=tenth));
            // Counted from the beginning: what becomes due while it runs, by a move of the test clock, is not missed.
            let mut next = self.clock.deadline(every.saturating_sub(earlier));
            let failure = act().await.err();
            if let Some(reason) = &failure {
                tracing::warn!(entry = name, reason, "a scheduled action failed; it will run again");
                catalogue::SCHEDULE_FAILURES.increment([name]);
            }
            if noted.is_none_or(|at: Instant| failure.is_some() || at.elapsed() >= NOTE_EVERY) {
                self.note(name, every, failure.as_deref()).await;
                noted = failure.is_none().then(Instant::now);
            }
            next.passed().await;
        }
    }

    /// Notes that an entry ran. A note that is not made is no reason to stop.
    async fn note(&self, name: &str, every: Duration, failure: Option<&str>) {
        let noted = schedule_runs::note(&self.pool, name, every, self.clock.now(), failure);
        let noted = within(DATABASE_LIMIT, noted).await;
        if let Err(error) = noted.unwrap_or_else(|given_up| Err(given_up.into())) {
            tracing::debug!(entry = name, %error, "it is not noted that an entry ran");
        }
    }

    async fn act(&self, action: Action, leadership: &Leadership) -> Result<(), String> {
        let done = match action {
            Action::Emit(job) => self.emit(job(), leadership).await,
            Action::SweepOutbox => self.sweep(leadership).await,
            Action::Forget => self.forget().await,
            Action::AddUpStatistics => self.add_up_statistics().await,
            Action::Measure => {
                let measured = within(DATABASE_LIMIT, self.meter.measure()).await;
                return measured.unwrap_or_else(|given_up| Err(given_up.to_string()));
            }
            Action::MeasureCredits => {
                let measured = within(DATABASE_LIMIT, self.meter.measure_credits()).await;
                measured.unwrap_or_else(|given_up| Err(given_up.into()))
            }
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
        until_none("portal sessions", || identity::portal::forget(pool, sessions, most)).await?;
        until_none("live tickets", || identity::live_tickets::forget(pool, now, most)).await?;
        until_none("limits", || ledger::limits::forget(pool, now, most)).await?;
        until_none("operators' sessions", || operators::sessions::forget(pool, now, most)).await?;
        until_none("attempts to sign in", || operators::attempts::forget(pool, now, most)).await?;
        until_none("webhooks", || webhooks::operations::forget(pool, webhooks, most)).await?;
        until_none("provider events", || record::forget(pool, events, most)).await?;
        until_none("dead letters", || dead_letters::forget(pool, letters, most)).await
    }

    async fn add_up_statistics(&self) -> Result<(), sqlx::Error> {
        while within(DATABASE_LIMIT, statistics::add_up(&self.pool)).await?? {}
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
        catalogue::FORGOTTEN_ROWS.add([what], forgotten);
        if i64::try_from(forgotten).is_ok_and(|count| count < FORGET_AT_ONCE) {
            return Ok(());
        }
        if Instant::now() >= until {
            tracing::info!(what, "there is more to forget; the next run goes on");
            return Ok(());
        }
    }
}
