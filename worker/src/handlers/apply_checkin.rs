//! Adds the credits of a check-in.

use billing::checkins::{ApplyCheckin, CheckinReply, operations};
use kernel::ids::OutboxId;

use crate::context::Context;
use crate::error::{JobError, JobResult, replied};

pub(super) async fn handle(context: &Context, job: &ApplyCheckin) -> JobResult {
    let before = OutboxId::new();
    let applied = operations::apply(&context.pool, context.clock.now(), &job.user_id, job.day).await;
    context.publish_notices_since(before);
    match applied? {
        Some(balance) => replied(&CheckinReply { balance }),
        None => Err(JobError::Dead("there is no such check-in".to_owned())),
    }
}
