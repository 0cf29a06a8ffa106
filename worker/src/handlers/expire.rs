//! What ends by the clock: grants, holds, and orders that nobody paid.

use billing::payments::VerifyPayment;
use billing::payments::ordering::take_stale;
use jobs::outbox;
use kernel::crash;
use kernel::crash::Step;
use ledger::holds;
use ledger::holds::HoldError;

use super::{DONE, Done, JobError, Jobs};

/// How many are taken in one transaction or statement; a sweep goes on until fewer are due.
const AT_ONCE: i64 = 200;
/// How many times a sweep goes on before it leaves the rest to the next one.
const ROUNDS: usize = 50;

impl Jobs {
    pub(super) async fn expire_grants(&self) -> Done {
        for _ in 0..ROUNDS {
            let count = ledger::operations::expire_grants(&self.pool, self.clock.now(), AT_ONCE).await?;
            if is_last(count) {
                break;
            }
        }
        Ok(DONE)
    }

    pub(super) async fn expire_holds(&self) -> Done {
        for _ in 0..ROUNDS {
            let count =
                holds::expire_due(&self.pool, self.clock.now(), AT_ONCE).await.map_err(
                    |error| match error {
                        HoldError::Database(error) => JobError::Database(error),
                        HoldError::Refused(_)
                        | HoldError::NotFound
                        | HoldError::Reused
                        | HoldError::InUse
                        | HoldError::Ended(_) => JobError::Dead(format!("a hold cannot be ended: {error}")),
                    },
                )?;
            if is_last(count) {
                break;
            }
        }
        Ok(DONE)
    }

    /// Whether an order was paid is the provider's to say: each is verified, and expires there.
    pub(super) async fn expire_payments(&self) -> Done {
        let now = self.clock.now();
        let mut transaction = self.pool.begin().await?;
        let mut written = Vec::new();
        for payment_id in take_stale(&mut transaction, now, AT_ONCE).await? {
            let job = VerifyPayment { payment_id };
            written.push(outbox::insert(&mut transaction, now, &job).await?);
        }
        transaction.commit().await?;
        crash::point(Step::Committed, "stale orders");
        self.publish_soon(written);
        Ok(DONE)
    }
}

fn is_last(count: usize) -> bool {
    i64::try_from(count).is_ok_and(|count| count < AT_ONCE)
}
