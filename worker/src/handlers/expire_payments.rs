//! Finds orders that were not paid in time. Only the provider can say whether one was paid, so each is verified, and
//! expires there.

use billing::payments::VerifyPayment;
use billing::payments::ordering::take_stale;
use jobs::outbox;
use kernel::crash;
use kernel::crash::Step;

use crate::context::Context;
use crate::error::{DONE, JobResult};

/// How many are taken at once; the rest is left to the next time.
const AT_ONCE: i64 = 200;

pub(super) async fn handle(context: &Context) -> JobResult {
    let now = context.clock.now();
    let mut transaction = context.pool.begin().await?;
    let mut written = Vec::new();
    for payment_id in take_stale(&mut transaction, now, AT_ONCE).await? {
        let job = VerifyPayment { payment_id };
        written.push(outbox::insert(&mut transaction, now, &job).await?);
    }
    transaction.commit().await?;
    crash::point(Step::Committed, "stale orders");
    context.publish_soon(written);
    DONE
}
