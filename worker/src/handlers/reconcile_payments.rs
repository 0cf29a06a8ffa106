//! Compares the providers' payments of the last days with the orders and the ledger, and has what can be mended mended.

use billing::reconciliation::Comparison;
use time::Duration;

use crate::context::Context;
use crate::error::{DONE, JobResult};
use crate::steps::comparison::{Window, compare, repair};

/// How far back it looks: as long as Stripe goes on trying to deliver an event.
const PERIOD: Duration = Duration::days(3);

pub(super) async fn handle(context: &Context) -> JobResult {
    let now = context.clock.now();
    let mut whole = Comparison::default();
    for slice in (Window { from: now.saturating_sub(PERIOD), to: now }).slices() {
        whole.extend(compare(context, slice).await?);
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
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    metrics::gauge!("purser_paid_not_credited").set(count(whole.paid_not_credited()));
    metrics::gauge!("purser_reconciliation_findings").set(count(whole.findings.len()));
    DONE
}
