//! Adds the credits of a check-in.

use billing::checkins::{ApplyCheckin, CheckinReply, operations};

use crate::context::Context;
use crate::error::{JobError, JobResult, replied};

pub(super) async fn handle(context: &Context, job: &ApplyCheckin) -> JobResult {
    match operations::apply(&context.pool, context.clock.now(), &job.user_id, job.day).await? {
        Some(balance) => replied(&CheckinReply { balance }),
        None => Err(JobError::Dead("there is no such check-in".to_owned())),
    }
}
