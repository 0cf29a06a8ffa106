//! Sends again the messages to webhook endpoints whose next attempt is due.

use outgoing_webhooks::operations::take_due;

use crate::context::Context;
use crate::error::{DONE, JobResult};
use crate::steps::{sweeping, webhook_jobs};

/// Deliveries that are taken in one transaction.
const AT_ONCE: i64 = 200;
/// How many portions are taken before the rest is left to the next time: this job comes often.
const ROUNDS: usize = 10;

pub(super) async fn handle(context: &Context) -> JobResult {
    for _ in 0..ROUNDS {
        let now = context.clock.now();
        let mut transaction = context.pool.begin().await?;
        let due = take_due(&mut transaction, now, AT_ONCE).await?;
        let count = due.len();
        let written = webhook_jobs::write_to_outbox(&mut transaction, now, due.into_iter()).await?;
        transaction.commit().await?;
        context.publish_soon(written);
        if sweeping::is_last(count, AT_ONCE) {
            break;
        }
    }
    DONE
}
