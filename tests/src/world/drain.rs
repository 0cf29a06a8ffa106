//! Waiting until nothing is under way in a world, instead of sleeping and hoping.

use std::time::{Duration, Instant};

use super::{World, expect};
use crate::queues::Queues;

const PATIENCE: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(25);
/// A job that a worker holds is in no queue that can be asked. So nothing may be seen to move for this long,
/// which is many times what a job takes.
const QUIET: Duration = Duration::from_millis(250);

/// Numbers that change with every piece of work, and sessions that are at work right now.
const MOVEMENT: &str = "
    select concat_ws(' ',
        (select count(*) from ledger_entries), (select count(*) from provider_events),
        (select count(*) from payments), (select coalesce(sum(attempt), 0) from payments),
        (select string_agg(state || total, ',' order by state)
         from (select state, count(*) as total from payments group by state) as states),
        (select count(*) from grants), (select count(*) from holds), (select count(*) from webhook_attempts),
         (select string_agg(state || total, ',' order by state)
          from (select state, count(*) as total from recharge_runs group by state) as runs))";
const AT_WORK: &str = "
    select count(*) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
      and state <> 'idle'";
const OUTBOX: &str = "select count(*) from outbox";

impl World {
    /// Waits until the queues, the delays and the outbox are empty, the provider has delivered its events,
    /// and nothing moves any more.
    ///
    /// # Panics
    /// When that takes longer than a minute; the text says what is still busy.
    #[allow(clippy::panic)]
    pub async fn drain(&self) {
        let queues = connect(self).await;
        let started = Instant::now();
        let mut quiet_since = Instant::now();
        let mut movement = String::new();
        loop {
            let busy = self.busy(&queues).await;
            let now =
                expect(sqlx::query_scalar(MOVEMENT).fetch_one(&self.pool).await, "looking for movement");
            if !busy.is_empty() || movement != now {
                quiet_since = Instant::now();
                movement = now;
            }
            if quiet_since.elapsed() >= QUIET {
                break;
            }
            if started.elapsed() > PATIENCE {
                panic!("still busy after {} s: {}", PATIENCE.as_secs(), busy.join(", "));
            }
            tokio::time::sleep(INTERVAL).await;
        }
        queues.close().await;
    }

    /// What is under way, in words.
    async fn busy(&self, queues: &Queues) -> Vec<String> {
        let mut busy = Vec::new();
        for state in queues.waiting_messages().await {
            busy.push(state.to_string());
        }
        for (query, what) in [(OUTBOX, "rows in the outbox"), (AT_WORK, "database sessions at work")] {
            let count: i64 = expect(sqlx::query_scalar(query).fetch_one(&self.pool).await, what);
            if count > 0 {
                busy.push(format!("{count} {what}"));
            }
        }
        let pending = self.pending_deliveries().await;
        if pending > 0 {
            busy.push(format!("{pending} events that the provider has not delivered"));
        }
        busy
    }

    async fn pending_deliveries(&self) -> usize {
        // The emulator of a fault test may be down; then it delivers nothing either.
        let Ok(listed) = self.emulator.get("/_emulator/events").require(200).await else { return 0 };
        let events = listed["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        let deliveries = events.iter().filter_map(|event| event["deliveries"].as_array()).flatten();
        deliveries.filter(|delivery| delivery["state"] == "pending").count()
    }
}

/// A look into the world's queues.
pub(super) async fn connect(world: &World) -> Queues {
    let addresses = &world.settings.addresses;
    expect(Queues::connect(&addresses.amqp_url, &addresses.amqp_prefix).await, "looking into the queues")
}
