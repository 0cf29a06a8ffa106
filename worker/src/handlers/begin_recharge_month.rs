//! Begins a new month of recharging: what was paused by last month's cap goes on.

use billing::auto_recharge::operations::begin_month;

use crate::context::Context;
use crate::error::{DONE, JobResult};

pub(super) async fn handle(context: &Context) -> JobResult {
    loop {
        let mut transaction = context.pool.begin().await?;
        let (written, is_last) = begin_month(&mut transaction, context.clock.now()).await?;
        transaction.commit().await?;
        context.publish_soon(written);
        if is_last {
            return DONE;
        }
    }
}
