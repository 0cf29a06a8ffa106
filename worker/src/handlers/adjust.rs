//! Adds what check-ins give, and moves credits for administrators. Both answer whoever waits for them.

use billing::checkins;
use billing::checkins::{ApplyCheckin, CheckinReply};
use ledger::adjustments::AdjustCredits;
use ledger::adjustments::adjust;
use messaging::consumer::Outcome;

use super::{Done, JobError, Jobs};

impl Jobs {
    pub(super) async fn apply_checkin(&self, job: &ApplyCheckin) -> Done {
        let now = self.clock.now();
        match checkins::operations::apply(&self.pool, now, &job.user_id, job.day).await? {
            Some(balance) => Ok(Outcome::Done(serde_json::to_value(CheckinReply { balance }).ok())),
            None => Err(JobError::Dead("there is no such check-in".to_owned())),
        }
    }

    pub(super) async fn adjust_credits(&self, job: &AdjustCredits) -> Done {
        let adjusted = adjust(&self.pool, self.clock.now(), &job.adjustment).await?;
        Ok(Outcome::Done(serde_json::to_value(adjusted).ok()))
    }
}
