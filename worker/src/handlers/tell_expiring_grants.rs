//! Tells of credits that lapse soon.

use ledger::expiring::tell_expiring;

use crate::context::Context;
use crate::error::{DONE, JobResult};
use crate::steps::sweeping::{ROUNDS, is_last};

/// How many are told of in one transaction.
const AT_ONCE: i64 = 200;

pub(super) async fn handle(context: &Context) -> JobResult {
    for _ in 0..ROUNDS {
        let (now, within) = (context.clock.now(), context.tells_expiry_within);
        let (count, written) = tell_expiring(&context.pool, now, within, AT_ONCE).await?;
        context.publish_soon(written.into_iter().collect());
        if is_last(count, AT_ONCE) {
            break;
        }
    }
    DONE
}
