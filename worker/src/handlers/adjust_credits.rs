//! Adds or takes credits for an administrator.

use kernel::ids::OutboxId;
use ledger::adjustments::{AdjustCredits, adjust};

use crate::context::Context;
use crate::error::{JobResult, replied};

pub(super) async fn handle(context: &Context, job: &AdjustCredits) -> JobResult {
    let before = OutboxId::new();
    let adjusted = adjust(&context.pool, context.clock.now(), &job.adjustment).await;
    context.publish_notices_since(before);
    replied(&adjusted?)
}
