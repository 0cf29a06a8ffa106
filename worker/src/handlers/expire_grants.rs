//! Takes the credits of grants whose time is over.

use ledger::operations;

use crate::context::Context;
use crate::error::{DONE, JobResult};
use crate::steps::sweeping::{ROUNDS, is_last};

/// How many expire in one transaction.
const AT_ONCE: i64 = 200;

pub(super) async fn handle(context: &Context) -> JobResult {
    for _ in 0..ROUNDS {
        let count = operations::expire_grants(&context.pool, context.clock.now(), AT_ONCE).await?;
        if is_last(count, AT_ONCE) {
            break;
        }
    }
    DONE
}
