//! Decides whether wallets are recharged: one when it has fallen below its threshold, all that nothing has asked about
//! by the clock, and those whose month is over.

use common::domain::recharge::operations::{self, Decided};
use common::jobs::CheckRecharge;
use common::messaging::consumer::Outcome;

use super::{DONE, Done, Jobs};

impl Jobs {
    pub(super) async fn check_recharge(&self, job: &CheckRecharge) -> Done {
        let mut transaction = self.pool.begin().await?;
        let Decided { check, jobs } =
            operations::reserve(&mut transaction, self.clock.now(), job.wallet_id).await?;
        transaction.commit().await?;
        self.publish_soon(jobs);
        tracing::debug!(wallet = %job.wallet_id, ?check, "looked whether to recharge");
        Ok(Outcome::Done(serde_json::to_value(check).ok()))
    }

    pub(super) async fn sweep_recharges(&self) -> Done {
        let mut transaction = self.pool.begin().await?;
        let written = operations::sweep(&mut transaction, self.clock.now()).await?;
        transaction.commit().await?;
        self.publish_soon(written);
        Ok(DONE)
    }

    pub(super) async fn begin_month(&self) -> Done {
        loop {
            let mut transaction = self.pool.begin().await?;
            let (written, is_last) = operations::begin_month(&mut transaction, self.clock.now()).await?;
            transaction.commit().await?;
            self.publish_soon(written);
            if is_last {
                return Ok(DONE);
            }
        }
    }
}
