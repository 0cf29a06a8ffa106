//! Decides whether wallets are recharged: one when it has fallen below its threshold, all that nothing has asked about
//! by the clock, and those whose month is over.

use crate::providers::ProviderError;
use billing::auto_recharge::operations;
use billing::auto_recharge::operations::Decided;
use billing::auto_recharge::{Check, Skip};
use billing::payments::ApplyPaymentFact;
use kernel::crash;
use kernel::crash::Step;
use kernel::ids::WalletId;
use ledger::levels::CheckRecharge;
use messaging::consumer::Outcome;

use super::{DONE, Done, JobError, Jobs};

impl Jobs {
    pub(super) async fn check_recharge(&self, job: &CheckRecharge) -> Done {
        if self.has_just_bought(job.wallet_id).await? {
            let check = Check::Skipped { reason: Skip::PurchaseUnderWay };
            return Ok(Outcome::Done(serde_json::to_value(check).ok()));
        }
        let mut transaction = self.pool.begin().await?;
        let Decided { check, jobs } =
            operations::reserve(&mut transaction, self.clock.now(), job.wallet_id, &self.recharge_limits)
                .await?;
        crash::point(Step::Written, "reservation");
        transaction.commit().await?;
        crash::point(Step::Committed, "reservation");
        self.publish_soon(jobs);
        tracing::debug!(wallet = %job.wallet_id, ?check, "looked whether to recharge");
        Ok(Outcome::Done(serde_json::to_value(check).ok()))
    }

    /// Whether the wallet's user has paid on a page a moment ago. What the provider says of it is applied.
    async fn has_just_bought(&self, wallet: WalletId) -> Result<bool, JobError> {
        let pages = {
            let mut connection = self.pool.acquire().await?;
            operations::pages_to_ask(&mut connection, self.clock.now(), wallet).await?
        };
        for page in pages {
            let session = match self.ask(|| self.stripe.session(&page)).await {
                Err(ProviderError::NotFound | ProviderError::NoCustomer | ProviderError::Refused { .. }) => {
                    continue;
                }
                session => session?,
            };
            if session.status.as_deref() == Some("complete") {
                self.publisher.publish(&ApplyPaymentFact { fact: Box::new(session.fact(false)) }).await?;
                return Ok(true);
            }
        }
        Ok(false)
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
