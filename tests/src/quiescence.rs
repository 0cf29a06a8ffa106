//! Waiting until nothing is under way in a system, instead of sleeping and hoping.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sqlx::PgPool;

use crate::client::Client;
use crate::eventually::{Look, eventually};
use crate::queues::Queues;

/// A job that a worker holds is in no queue that can be asked. So nothing may change for this long, which is many times
/// what a job takes.
const QUIET: Duration = Duration::from_millis(250);

/// Numbers that change with every piece of work.
const MOVEMENT: &str = "
    select concat_ws(' ',
        (select count(*) from ledger_entries), (select count(*) from provider_events),
        (select count(*) from payments), (select coalesce(sum(attempt), 0) from payments),
        (select string_agg(state || total, ',' order by state)
         from (select state, count(*) as total from payments group by state) as states),
        (select count(*) from grants), (select count(*) from holds), (select count(*) from webhook_attempts),
        (select count(*) from dead_letters),
         (select string_agg(state || total, ',' order by state)
          from (select state, count(*) as total from recharge_runs group by state) as runs))";
/// Sessions that execute something right now.
const ACTIVE_SESSIONS: &str = "
    select count(*) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
      and state <> 'idle'";
const OUTBOX: &str = "select count(*) from outbox";

/// The places where work can wait.
pub struct Quiescence<'a> {
    pub pool: &'a PgPool,
    pub queues: &'a Queues,
    pub emulator: &'a Client,
}

impl Quiescence<'_> {
    /// Waits until the queues, the delays and the outbox are empty, the provider has delivered its events, and
    /// nothing changes any more.
    ///
    /// # Errors
    /// When that takes longer than `patience`: what is still busy. When the database does not answer.
    pub async fn wait_until_idle(&self, patience: Duration) -> Result<()> {
        let mut quiet_since = Instant::now();
        let mut movement = String::new();
        eventually("the system is idle", patience, async || match self.look().await {
            Ok((busy, now)) => {
                if !busy.is_empty() || movement != now {
                    quiet_since = Instant::now();
                    movement = now;
                }
                let state = if busy.is_empty() { "the database changes".to_owned() } else { busy.join(", ") };
                Look::when(quiet_since.elapsed() >= QUIET, state)
            }
            Err(error) => Look::Never(error),
        })
        .await
    }

    /// What is under way, and the numbers that change with every piece of work.
    async fn look(&self) -> Result<(Vec<String>, String)> {
        let busy = self.busy().await?;
        let movement = sqlx::query_scalar(MOVEMENT).fetch_one(self.pool).await;
        Ok((busy, movement.context("reading the numbers that show work")?))
    }

    /// Descriptions of what is under way.
    async fn busy(&self) -> Result<Vec<String>> {
        let mut busy = Vec::new();
        for state in self.queues.waiting_messages().await {
            busy.push(state.to_string());
        }
        // Without a worker nobody collects dead letters.
        let uncollected = self.queues.uncollected_messages().await;
        let collected = uncollected.iter().filter(|state| state.consumers > 0);
        busy.extend(collected.map(ToString::to_string));
        for (query, what) in [(OUTBOX, "rows in the outbox"), (ACTIVE_SESSIONS, "active database sessions")] {
            let count: i64 = sqlx::query_scalar(query).fetch_one(self.pool).await.context(what)?;
            if count > 0 {
                busy.push(format!("{count} {what}"));
            }
        }
        let pending = self.pending_deliveries().await;
        if pending > 0 {
            busy.push(format!("{pending} events that the provider has not delivered"));
        }
        Ok(busy)
    }

    async fn pending_deliveries(&self) -> u64 {
        // The emulator of a fault test may be down; then it delivers nothing either.
        let counted = self.emulator.get("/_emulator/deliveries").require(200).await;
        counted.ok().and_then(|counted| counted["pending"].as_u64()).unwrap_or(0)
    }
}
