//! Takes the credits of grants whose time is over.

use kernel::ids::OutboxId;
use ledger::operations;

use crate::context::Context;
use crate::error::{DONE, JobResult};
use crate::steps::sweeping::{ROUNDS, is_last};

/// How many expire in one transaction.
const AT_ONCE: i64 = 200;

pub(super) async fn handle(context: &Context) -> JobResult {
    for _ in 0..ROUNDS {
        let before = OutboxId::new();
        let count = operations::expire_grants(&context.pool, context.clock.now(), AT_ONCE).await?;
        context.publish_notices_since(before);
        if is_last(count, AT_ONCE) {
            break;
        }
    }
    DONE
}
