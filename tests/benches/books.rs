//! The books after a measurement: a fast but wrong system does not count.

use std::time::Duration;

use anyhow::{Result, ensure};
use harness::eventually::{Look, eventually, eventually_every};
use uuid::Uuid;

use crate::processes::Bench;

/// The credits of each payment, in millionths.
const CREDITS: i64 = 2_500_000_000;
const PATIENCE: Duration = Duration::from_secs(300);
/// Workers that do nothing for this long have nothing left to do.
const QUIET: Duration = Duration::from_millis(500);

/// Every wallet under measurement must balance, and each of its payments be credited once.
pub async fn check(bench: &Bench) -> Result<()> {
    let wrong: i64 = sqlx::query_scalar(
        "select count(*) from wallets w
         where id = any($1)
           and (balance <> (select coalesce(sum(amount), 0) from ledger_entries where wallet_id = w.id)
                or balance <> (select coalesce(sum(remaining), 0) from grants where wallet_id = w.id) - debt)",
    )
    .bind(&bench.seeded.wallets)
    .fetch_one(&bench.pool)
    .await?;
    ensure!(wrong == 0, "{wrong} wallets do not balance");
    let odd: i64 = sqlx::query_scalar(
        "select count(*) from payments p where state = 'completed' and provider_session like 'cs_test_0%' and $1 <> (
             select coalesce(sum(amount), 0) from ledger_entries where source_kind = 'payment'
                 and source_id = p.id::text)",
    )
    .bind(CREDITS)
    .fetch_one(&bench.pool)
    .await?;
    ensure!(odd == 0, "{odd} payments were not credited exactly once");
    Ok(())
}

/// Waits until so many payments are credited, from one that was ordered first.
pub async fn wait_until_credited(bench: &Bench, first: Uuid, count: usize) -> Result<()> {
    let sql = "select count(*) from ledger_entries where source_kind = 'payment' and source_id >= $1";
    let wanted = i64::try_from(count)?;
    eventually("every payment is credited", PATIENCE, async || {
        match sqlx::query_scalar::<_, i64>(sql).bind(first.to_string()).fetch_one(&bench.pool).await {
            Ok(credited) => {
                Look::when(credited >= wanted, format_args!("{credited} of {wanted} are credited"))
            }
            Err(error) => Look::Never(error.into()),
        }
    })
    .await
}

/// Waits until no event has been handled between two looks: the workers have nothing left to do.
pub async fn drain(bench: &Bench) -> Result<()> {
    let mut last: i64 = -1;
    eventually_every(QUIET, "the workers are idle", PATIENCE, async || {
        match sqlx::query_scalar("select count(*) from provider_events").fetch_one(&bench.pool).await {
            Ok(events) => {
                let before = std::mem::replace(&mut last, events);
                Look::when(events == before, format_args!("{before} events were handled, now {events}"))
            }
            Err(error) => Look::Never(error.into()),
        }
    })
    .await
}
