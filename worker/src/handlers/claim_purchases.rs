//! Credits purchases in app stores that were parked until their buyers became known.

use billing::app_stores::operations::claim_due;
use serde_json::json;

use crate::context::Context;
use crate::error::{JobResult, replied};
use crate::steps::effects;
use crate::steps::sweeping::{ROUNDS, is_last};

/// How many are credited in one transaction.
const AT_ONCE: i64 = 50;

pub(super) async fn handle(context: &Context) -> JobResult {
    let mut credited = 0_usize;
    for _ in 0..ROUNDS {
        let now = context.clock.now();
        let mut transaction = context.pool.begin().await?;
        let (count, effects) = claim_due(&mut transaction, now, AT_ONCE).await?;
        let written = effects::write_to_outbox(&mut transaction, now, &effects).await?;
        transaction.commit().await?;
        context.publish_soon(written);
        effects::report(&effects);
        credited = credited.saturating_add(effects.len());
        if is_last(count, AT_ONCE) {
            break;
        }
    }
    replied(&json!({ "credited": credited }))
}
