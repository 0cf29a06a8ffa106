//! Compares the providers' payments of the last days with the orders and the ledger, and has what can be mended mended.

use billing::reconciliation::{Comparison, operations};
use time::Duration;

use crate::context::Context;
use crate::error::{DONE, JobError, JobResult};
use crate::steps::comparison::{Window, compare, repair};

/// How long it may take: the broker takes a job away that is not acknowledged within half an hour.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(20 * 60);
/// How far back it looks: as long as Stripe goes on trying to deliver an event.
const PERIOD: Duration = Duration::days(3);

pub(super) async fn handle(context: &Context) -> JobResult {
    let now = context.clock.now();
    let mut whole = Comparison::default();
    let window = Window { from: now.saturating_sub(PERIOD), to: now };
    // The newest first: what is left out when time is up has been compared before.
    let mut slices: Vec<Window> = window.slices().collect();
    slices.reverse();
    let all = async {
        for slice in slices {
            whole.extend(compare(context, slice).await?);
        }
        Ok::<(), JobError>(())
    };
    match tokio::time::timeout(LIMIT, all).await {
        Ok(compared) => compared?,
        Err(_) => tracing::error!("the books of the last days could not be compared in time"),
    }
    for finding in &whole.findings {
        tracing::warn!(
            difference = finding.difference.as_str(),
            provider = finding.provider.as_str(),
            order = finding.order.map(display),
            object = finding.object,
            "the books differ; see `worker reconcile`"
        );
        repair(context, finding).await?;
    }
    // Measured from the database: what one worker found would stay in its memory when another compares next.
    operations::keep_run(&mut *context.pool.acquire().await?, context.clock.now(), &whole).await?;
    DONE
}
