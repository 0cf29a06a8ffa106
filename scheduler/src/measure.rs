//! What the leader measures of the whole system: what waits, what a person has to look at, what the last comparison of
//! the books found, and how many credits there are.

use std::collections::HashSet;
use std::sync::Arc;

use billing::app_stores;
use billing::provider_events::record;
use billing::reconciliation;
use billing::subscriptions::operations as subscriptions;
use jobs::Role;
use kernel::clock::Clock;
use kernel::config::Connections;
use kernel::ids::WalletId;
use kernel::metrics::{NONE, catalogue};
use messaging::dead_letters::operations as dead_letters;
use messaging::queues::QueueWatch;
use sqlx::PgPool;
use tokio::sync::Mutex;

/// Wallets with several subscriptions that are listed at once: far more than should ever be.
const DOUBLED_MOST: i64 = 1_000;

/// What measuring works with.
#[derive(Clone)]
pub struct Meter {
    pool: PgPool,
    clock: Clock,
    /// Whether a wallet may have more than one subscription.
    several_subscriptions: bool,
    /// The wallets that have several all the same, as far as the log tells of them.
    doubled: Arc<Mutex<HashSet<WalletId>>>,
    queues: Arc<Mutex<QueueWatch>>,
}

impl Meter {
    pub fn new(connections: &Connections, pool: PgPool, clock: Clock, several_subscriptions: bool) -> Self {
        let queues = Arc::new(Mutex::new(QueueWatch::new(connections.clone())));
        Self { pool, clock, several_subscriptions, doubled: Arc::default(), queues }
    }

    /// What waits.
    pub(crate) async fn measure(&self) -> Result<(), String> {
        self.measure_database().await.map_err(|error| error.to_string())?;
        self.measure_queues().await.map_err(|error| error.to_string())
    }

    async fn measure_database(&self) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        let (jobs, oldest) = jobs::outbox::backlog(&self.pool).await?;
        catalogue::OUTBOX_JOBS.set(NONE, jobs);
        let age = oldest.map_or(0, |oldest| (now - oldest).whole_seconds());
        catalogue::OUTBOX_OLDEST_SECONDS.set(NONE, age);
        let mut connection = self.pool.acquire().await?;
        catalogue::EVENTS_IN_QUARANTINE.set(NONE, record::quarantined_count(&mut connection).await?);
        let parked = app_stores::operations::parked_count(&mut connection).await?;
        catalogue::STORE_PURCHASES_PARKED.set(NONE, parked);
        let failing = outgoing_webhooks::operations::failing_count(&mut connection).await?;
        catalogue::WEBHOOK_ENDPOINTS_FAILING.set(NONE, failing);
        if let Some(run) = reconciliation::operations::last_run(&mut connection).await? {
            catalogue::RECONCILED_SECONDS_AGO.set(NONE, (now - run.ended_at).whole_seconds());
            catalogue::RECONCILIATION_FINDINGS.set(NONE, run.findings);
            catalogue::PAID_NOT_CREDITED.set(NONE, run.paid_not_credited);
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
        catalogue::SUBSCRIPTIONS_DOUBLED.set(NONE, i64::try_from(found.len()).unwrap_or(i64::MAX));
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
            catalogue::DEAD_LETTERS_WAITING.set([role.as_str()], count);
        }
        Ok(())
    }

    async fn measure_queues(&self) -> Result<(), messaging::queues::Unreachable> {
        for queue in self.queues.lock().await.look().await? {
            catalogue::QUEUE_MESSAGES.set([queue.name.clone()], i64::from(queue.messages));
            if queue.has_workers {
                catalogue::QUEUE_CONSUMERS.set([queue.name], i64::from(queue.consumers));
            }
        }
        Ok(())
    }

    /// How many credits there are. It reads all wallets, so it is done seldom.
    pub(crate) async fn measure_credits(&self) -> Result<(), sqlx::Error> {
        let totals = ledger::totals::totals(&self.pool).await?;
        catalogue::CREDITS_OUTSTANDING.set(NONE, totals.outstanding.millionths());
        catalogue::CREDITS_HELD.set(NONE, totals.held.millionths());
        catalogue::CREDITS_OWED.set(NONE, totals.owed.millionths());
        Ok(())
    }
}
