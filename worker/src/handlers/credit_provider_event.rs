//! Credits the order of an event in quarantine, for an operator.

use billing::provider_events::ApplyError;
use billing::quarantine::{CreditProviderEvent, CreditReply, operations};
use kernel::retry;

use crate::context::{Context, PATIENCE};
use crate::error::{JobError, JobResult, replied};
use crate::steps::effects;

pub(super) async fn handle(context: &Context, job: &CreditProviderEvent) -> JobResult {
    let credited = retry::with_patience(PATIENCE, ApplyError::is_transient, || credit(context, job)).await;
    replied(&credited.map_err(JobError::from)?)
}

async fn credit(context: &Context, job: &CreditProviderEvent) -> Result<CreditReply, ApplyError> {
    let now = context.clock.now();
    let mut transaction = context.pool.begin().await?;
    let (payment_id, effects) = match operations::credit(&mut transaction, now, job).await? {
        Ok(credited) => credited,
        Err(refusal) => return Ok(CreditReply::Refused { refusal }),
    };
    let written = effects::write_to_outbox(&mut transaction, now, &effects).await?;
    transaction.commit().await?;
    context.publish_soon(written);
    effects::report(&effects);
    Ok(CreditReply::Credited { payment_id })
}
