//! Finds wallets below their threshold that no debit has asked about: cool-downs that are over, raised thresholds, lost
//! jobs.

use billing::auto_recharge::operations::sweep;

use crate::context::Context;
use crate::error::{DONE, JobResult};

pub(super) async fn handle(context: &Context) -> JobResult {
    let mut transaction = context.pool.begin().await?;
    let written = sweep(&mut transaction, context.clock.now()).await?;
    transaction.commit().await?;
    context.publish_soon(written);
    DONE
}
