//! Compares the providers' payments of the last days with the orders and the ledger, and has what can be mended mended.
//! Each job compares one slice of time and has the next one do the rest.

use billing::reconciliation::{Comparison, ReconcilePayments, Rest, operations};

use crate::context::Context;
use crate::error::{DONE, JobError, JobResult};
use crate::steps::comparison::{compare, repair};
use crate::steps::reversal_comparison::compare_older;
use crate::steps::windows::Window;

/// How long a slice may take: the broker takes a job away that is not acknowledged within half an hour.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(15 * 60);

pub(super) async fn handle(context: &Context, job: &ReconcilePayments) -> JobResult {
    let rest = job.rest.unwrap_or_else(|| Rest::begun(context.clock.now()));
    if rest.is_over() {
        return end(context, rest).await;
    }
    let slice = Window { from: rest.slice_from(), to: rest.until };
    let rest = match tokio::time::timeout(LIMIT, compare(context, slice)).await {
        Ok(compared) => {
            let compared = compared?;
            mend(context, &compared).await?;
            rest.after(&compared)
        }
        Err(_) => {
            tracing::error!(from = %slice.from, to = %slice.to, "the books of a time could not be compared in time");
            rest.slower()
        }
    };
    context.publisher.publish(&ReconcilePayments { rest: Some(rest) }).await?;
    DONE
}

/// Looks at what is older, and keeps what was found in all: measured from the database, for what one worker found would
/// stay in its memory when another compares next.
async fn end(context: &Context, rest: Rest) -> JobResult {
    let rest = match tokio::time::timeout(LIMIT, compare_older(context, rest.from)).await {
        Ok(compared) => {
            let compared = compared?;
            mend(context, &compared).await?;
            rest.counted(&compared)
        }
        Err(_) => {
            tracing::error!("the older payments could not be looked through in time");
            rest
        }
    };
    operations::keep_run(&mut *context.pool.acquire().await?, context.clock.now(), &rest).await?;
    DONE
}

async fn mend(context: &Context, compared: &Comparison) -> Result<(), JobError> {
    for finding in &compared.findings {
        tracing::warn!(
            difference = finding.difference.as_str(),
            provider = finding.provider.as_str(),
            order = finding.order.map(tracing::field::display),
            object = finding.object,
            "the books differ; see `worker reconcile`"
        );
        repair(context, finding).await?;
    }
    Ok(())
}
