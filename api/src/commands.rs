//! Jobs that a request waits for: decided in a transaction, kept in the outbox, and done even if the answer comes too
//! late.

use jobs::{EncodedJob, outbox};
use kernel::crash::{self, Step};
use kernel::ids::OutboxId;
use serde::de::DeserializeOwned;

use crate::state::AppState;

/// Publishes a job that was written to the outbox and waits for its answer. None if the answer does not come in time or
/// the broker is away: the job is then sent from the outbox until the broker has it.
pub(crate) async fn carry_out<Answer: DeserializeOwned>(
    api: &AppState,
    job: impl Into<EncodedJob>,
    outbox_id: OutboxId,
) -> Option<Answer> {
    let answer = api.inbox.call(job, api.config.checkout_deadline).await.ok()?;
    crash::point(Step::Done, "command");
    forget(api, outbox_id).await;
    Some(answer)
}

/// Publishes a job that was written to the outbox, without waiting for what becomes of it.
pub(crate) fn publish_soon(api: &AppState, outbox_id: OutboxId) {
    let (pool, publisher) = (api.pool.clone(), api.publisher.clone());
    tokio::spawn(async move { messaging::outbox::publish(&pool, &publisher, &[outbox_id]).await });
}

/// Publishes what was told in transactions that began after `before` and have ended, without delaying the answer: for
/// verbs that do not say which rows they wrote.
pub(crate) fn publish_notices_since(api: &AppState, before: OutboxId) {
    let (pool, publisher) = (api.pool.clone(), api.publisher.clone());
    tokio::spawn(async move { messaging::outbox::publish_notices_since(&pool, &publisher, before).await });
}

/// Removes a finished job from the outbox.
pub(crate) async fn forget(api: &AppState, id: OutboxId) {
    if let Err(error) = outbox::remove(&api.pool, id).await {
        tracing::debug!(%error, "a finished job stays in the outbox; doing it again changes nothing");
    }
}
