//! Applies what events and facts say, many jobs in one transaction: orders are marked as paid, their credits are
//! granted, and what follows from that is written to the outbox.

use billing::app_stores::operations as app_stores;
use billing::provider_events::{ApplyError, ApplyProviderEvents, Content, Effect, Incoming, ProviderEvent};
use billing::reversals::operations as reversals;
use billing::settlement::{self, SettlementItem};
use billing::subscriptions::operations as subscriptions;
use futures::stream::{self, StreamExt};
use kernel::crash;
use kernel::crash::Step;
use kernel::deadline::within;
use kernel::ids::OutboxId;
use kernel::metrics::catalogue;
use kernel::retry;
use messaging::consumer::Outcome;
use serde_json::Value;

use super::effects;
use crate::context::{Context, PATIENCE};
use crate::error::JobError;

/// Units that share a transaction. It locks their wallets, and another that waits for one of them gives up after
/// [`database_lock_timeout`](kernel::config::Connections): a transaction must be over long before.
const TOGETHER: usize = 128;
/// Units that are applied at the same time, each alone.
const AT_ONCE: usize = 4;

/// What one job contributes to a batch.
#[derive(Default)]
pub(crate) struct Contribution {
    /// What it has to apply.
    pub incoming: Vec<Incoming>,
    /// Events that cannot be read, each with the reason. They are genuine, as they are signed.
    pub unreadable: Vec<(ProviderEvent, String)>,
    /// The reply once it is applied.
    pub reply: Option<Value>,
}

impl Contribution {
    /// A fact that a provider stated when it was asked: no event brought it.
    pub fn fact(content: Content) -> Self {
        Self { incoming: vec![Incoming { event: None, content }], ..Self::default() }
    }
}

/// Something to apply, and the place in the batch of the job that brought it.
struct Unit {
    job: usize,
    incoming: Incoming,
}

/// Applies a batch and says how each of its jobs ended, in their order.
pub(crate) async fn apply(context: &Context, batch: Vec<Contribution>) -> Vec<Outcome> {
    let mark = match context.installation().await {
        Ok(mark) => mark.to_string(),
        Err(error) => {
            let away = JobError::from(error).into_outcome();
            return batch.iter().map(|_| away.clone()).collect();
        }
    };
    let (mut outcomes, mut units) = (Vec::with_capacity(batch.len()), Vec::new());
    for (job, contribution) in batch.into_iter().enumerate() {
        let own = contribution.incoming.into_iter().map(|incoming| incoming.unless_of_another(&mark));
        units.extend(own.map(|incoming| Unit { job, incoming }));
        outcomes.push(match dead_letter(context, contribution.unreadable).await {
            Ok(()) => Outcome::Done(contribution.reply),
            Err(error) => error.into_outcome(),
        });
    }
    // A job of which something cannot be applied comes again as a whole: applying the rest again changes nothing.
    for (job, failure) in apply_units(context, &units).await {
        if let Some(outcome) = outcomes.get_mut(job) {
            *outcome = failure;
        }
    }
    outcomes
}

/// Makes each unreadable event a dead letter of its own, so that those beside it are applied.
async fn dead_letter(context: &Context, unreadable: Vec<(ProviderEvent, String)>) -> Result<(), JobError> {
    for (event, reason) in unreadable {
        let alone = ApplyProviderEvents { events: vec![event] };
        context.publisher.dead_letter(&alone, &reason).await?;
    }
    Ok(())
}

/// Applies units, many in a transaction or, if that is refused, each in its own; returns what failed.
async fn apply_units(context: &Context, units: &[Unit]) -> Vec<(usize, Outcome)> {
    let (together, alone): (Vec<&Unit>, Vec<&Unit>) =
        units.iter().partition(|unit| can_share(&unit.incoming.content));
    let mut failed = Vec::new();
    for part in together.chunks(TOGETHER) {
        failed.extend(apply_together(context, part).await);
    }
    failed.extend(apply_each(context, &alone).await);
    failed
}

/// Whether it may share a transaction. Facts about a subscription, an app store or a reversal take their locks in
/// another order.
fn can_share(content: &Content) -> bool {
    match content {
        Content::Payment(_) => true,
        Content::Subscription(_) | Content::Store(_) | Content::Reversal(_) => false,
    }
}

async fn apply_together(context: &Context, units: &[&Unit]) -> Vec<(usize, Outcome)> {
    let all: Vec<&Incoming> = units.iter().map(|unit| &unit.incoming).collect();
    let Err(error) = apply_once(context, &all).await else { return Vec::new() };
    if units.len() == 1 || (error.is_transient() && !error.is_locked()) {
        let failure = JobError::from(error).into_outcome();
        return units.iter().map(|unit| (unit.job, failure.clone())).collect();
    }
    tracing::warn!(%error, count = units.len(), "the database refuses a batch; its parts are applied one by one");
    apply_each(context, units).await
}

async fn apply_each(context: &Context, units: &[&Unit]) -> Vec<(usize, Outcome)> {
    let apply = |unit: &Unit| {
        let (job, incoming) = (unit.job, unit.incoming.clone());
        async move {
            let applied = apply_once(context, &[&incoming]).await;
            applied.err().map(|error| (job, JobError::from(error).into_outcome()))
        }
    };
    // Those that wait for a locked wallet do not hold up the others.
    let attempts: Vec<_> = units.iter().map(|unit| apply(unit)).collect();
    stream::iter(attempts).buffered(AT_ONCE).filter_map(std::future::ready).collect().await
}

async fn apply_once(context: &Context, incoming: &[&Incoming]) -> Result<(), ApplyError> {
    let (effects, written) =
        retry::with_patience(PATIENCE, may_pass_soon, || apply_in_time(context, incoming)).await?;
    context.publish_soon(written);
    for event in incoming.iter().filter_map(|incoming| incoming.event.as_ref()) {
        let took = context.clock.now() - event.received_at;
        catalogue::EVENT_APPLY_SECONDS.record([event.provider.as_str()], took.try_into().unwrap_or_default());
    }
    effects::report(&effects);
    Ok(())
}

/// Whether it is worth trying again at once. What waits for a locked wallet waits in a delay queue, out of the way.
fn may_pass_soon(error: &ApplyError) -> bool {
    error.is_transient() && !error.is_locked()
}

async fn apply_in_time(
    context: &Context,
    incoming: &[&Incoming],
) -> Result<(Vec<Effect>, Vec<OutboxId>), ApplyError> {
    within(context.database_deadline, apply_transaction(context, incoming))
        .await
        .map_err(sqlx::Error::from)?
}

async fn apply_transaction(
    context: &Context,
    incoming: &[&Incoming],
) -> Result<(Vec<Effect>, Vec<OutboxId>), ApplyError> {
    let (now, policy) = (context.clock.now(), context.reversals);
    let mut transaction = context.pool.begin().await?;
    let (mut effects, mut items) = (Vec::new(), Vec::new());
    for Incoming { event, content } in incoming {
        let event = event.as_ref();
        match content {
            Content::Payment(news) => items.push(SettlementItem::new(event, news)),
            Content::Subscription(fact) => {
                effects.extend(subscriptions::apply(&mut transaction, now, event, fact).await?);
            }
            Content::Store(fact) => {
                effects.extend(app_stores::apply(&mut transaction, now, policy, event, fact).await?);
            }
            Content::Reversal(fact) => {
                effects.extend(reversals::apply(&mut transaction, now, policy, event, fact).await?);
            }
        }
    }
    if !items.is_empty() {
        effects.extend(settlement::apply(&mut transaction, now, &items).await?);
    }
    let written = effects::write_to_outbox(&mut transaction, now, &effects).await?;
    crash::point(Step::Written, "batch");
    transaction.commit().await?;
    crash::point(Step::Committed, "batch");
    Ok((effects, written))
}
