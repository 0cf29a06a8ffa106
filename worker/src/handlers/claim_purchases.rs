//! Credits purchases in app stores that were parked and whose buyers are known now. Answers whoever waits for it.

use billing::app_stores::operations::claim_due;
use messaging::consumer::Outcome;
use serde_json::json;

use super::apply::{note_down, report};
use super::{Done, Jobs};

/// How many are credited in one transaction; it goes on until fewer are due.
const AT_ONCE: i64 = 50;
/// How many times it goes on before it leaves the rest to the next one.
const ROUNDS: usize = 50;

impl Jobs {
    pub(super) async fn claim_purchases(&self) -> Done {
        let mut credited = 0_usize;
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let mut transaction = self.pool.begin().await?;
            let (count, effects) = claim_due(&mut transaction, now, AT_ONCE).await?;
            let written = note_down(&mut transaction, now, &effects).await?;
            transaction.commit().await?;
            self.publish_soon(written);
            report(&effects);
            credited = credited.saturating_add(effects.len());
            if i64::try_from(count).is_ok_and(|count| count < AT_ONCE) {
                break;
            }
        }
        Ok(Outcome::Done(Some(json!({ "credited": credited }))))
    }
}
