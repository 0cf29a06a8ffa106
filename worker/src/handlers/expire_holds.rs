//! Frees the credits of holds whose time is over.

use kernel::ids::OutboxId;
use ledger::holds::{HoldError, expire_due};

use crate::context::Context;
use crate::error::{DONE, JobError, JobResult};
use crate::steps::sweeping::{ROUNDS, is_last};

/// How many expire in one transaction.
const AT_ONCE: i64 = 200;

pub(super) async fn handle(context: &Context) -> JobResult {
    for _ in 0..ROUNDS {
        let before = OutboxId::new();
        let count = expire_due(&context.pool, context.clock.now(), AT_ONCE).await;
        context.publish_notices_since(before);
        let count = count.map_err(job_error)?;
        if is_last(count, AT_ONCE) {
            break;
        }
    }
    DONE
}

fn job_error(error: HoldError) -> JobError {
    match error {
        HoldError::Database(error) => JobError::Database(error),
        HoldError::Refused(_)
        | HoldError::NotFound
        | HoldError::Reused
        | HoldError::InUse
        | HoldError::Ended(_) => JobError::Dead(format!("a hold cannot be ended: {error}")),
    }
}
