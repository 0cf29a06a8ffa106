//! Adds or takes credits for an administrator.

use ledger::adjustments::{AdjustCredits, adjust};

use crate::context::Context;
use crate::error::{JobResult, replied};

pub(super) async fn handle(context: &Context, job: &AdjustCredits) -> JobResult {
    replied(&adjust(&context.pool, context.clock.now(), &job.adjustment).await?)
}
