//! The verbs of instructions: taking one, and each step of the job that carries it out.

use audit::AdminAction;
use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, SubscriptionId, SubscriptionInstructionId, WalletId};
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::costs;
use super::rules::{self, Decision};
use super::{
    ChangeState, ChangeSubscription, End, EndSubscription, Ending, EndingState, Instructed, InstructionError,
    PlanChange, PlanOption, store,
};
use crate::plans::Interval;
use crate::plans::operations::{plan, plans};
use crate::subscriptions::{Subscription, SubscriptionState, store as subscriptions};

/// Who instructs, and why.
#[derive(Clone, Copy, Debug)]
pub struct Operator<'a> {
    /// As [`AdminAction::actor`] has it.
    pub actor: &'a str,
    /// In the operator's words, for the audit log.
    pub reason: &'a str,
}

/// The subscriptions of a wallet: those that are not over first, then the newest first.
///
/// # Errors
/// Database errors only.
pub async fn of_wallet(
    connection: &mut PgConnection,
    wallet: WalletId,
    limit: i64,
) -> Result<Vec<Instructed>, sqlx::Error> {
    let found = subscriptions::of_wallet(connection, wallet, limit).await?;
    instructed(connection, found).await
}

/// A subscription with what was asked for.
///
/// # Errors
/// Database errors only.
pub async fn find(
    connection: &mut PgConnection,
    id: SubscriptionId,
) -> Result<Option<Instructed>, sqlx::Error> {
    let found = subscriptions::subscription(connection, id).await?;
    Ok(instructed(connection, found.into_iter().collect()).await?.pop())
}

async fn instructed(
    connection: &mut PgConnection,
    found: Vec<Subscription>,
) -> Result<Vec<Instructed>, sqlx::Error> {
    let ids: Vec<SubscriptionId> = found.iter().map(|subscription| subscription.id).collect();
    let mut endings = store::endings(connection, &ids).await?;
    let mut changes = store::changes(connection, &ids).await?;
    let mut all = Vec::with_capacity(found.len());
    for subscription in found {
        let id = subscription.id;
        let is_doubled = subscription.state != SubscriptionState::Canceled
            && !subscriptions::others_live(connection, subscription.wallet_id, id).await?.is_empty();
        let ending = endings.iter().position(|(of, _)| *of == id).map(|at| endings.swap_remove(at).1);
        let change = changes.iter().position(|(of, _)| *of == id).map(|at| changes.swap_remove(at).1);
        all.push(Instructed { subscription, is_doubled, ending, change });
    }
    Ok(all)
}

/// Takes the instruction to end a subscription, with its audit record and its job, in the caller's transaction; none if
/// there is nothing to do. Asked for again it is the same instruction, and its job is written again.
///
/// # Errors
/// [`InstructionError::NoSubscription`].
pub async fn end(
    connection: &mut PgConnection,
    now: Timestamp,
    by: Operator<'_>,
    id: SubscriptionId,
    wish: End,
) -> Result<Option<(EndSubscription, OutboxId)>, InstructionError> {
    let subscription = lock(connection, id).await?;
    let known = store::endings(connection, &[id]).await?.pop().map(|(_, ending)| ending);
    let decision = rules::end(&subscription, known, wish, SubscriptionInstructionId::new(), now);
    let details = json!({
        "when": if wish == End::AtPeriodEnd { "period_end" } else { "now" },
        "refund": wish == End::Now { refund: true }, "reason": by.reason,
        "nothingToDo": decision == Decision::Nothing,
    });
    note(connection, now, by, "subscription.cancel", id, details).await?;
    let Decision::Do(ending) = decision else { return Ok(None) };
    if ending.asked_at == now {
        store::ending_put(connection, id, &ending).await?;
    }
    let job = EndSubscription { subscription_id: id, instruction_id: ending.instruction_id };
    let written = outbox::insert(connection, now, &job).await?;
    Ok(Some((job, written)))
}

/// Takes the instruction to move a subscription to another plan, with its audit record and its job, in the caller's
/// transaction. Whether it is on that plan already, the provider knows best.
///
/// # Errors
/// [`InstructionError`].
pub async fn change(
    connection: &mut PgConnection,
    now: Timestamp,
    by: Operator<'_>,
    id: SubscriptionId,
    plan_id: &str,
    interval: Option<Interval>,
) -> Result<(ChangeSubscription, OutboxId), InstructionError> {
    let subscription = lock(connection, id).await?;
    let interval = interval.unwrap_or(subscription.plan().1);
    let stored = plan(connection, plan_id).await?.ok_or(InstructionError::NoPlan)?;
    let (terms, provider_price) =
        rules::change(&subscription, &stored.plan, interval).map_err(InstructionError::Change)?;
    let change = PlanChange {
        instruction_id: SubscriptionInstructionId::new(),
        plan_id: terms.plan_id,
        interval: terms.interval,
        provider_price,
        state: ChangeState::Asked,
        refusal: None,
        asked_at: now,
    };
    store::change_put(connection, id, &change).await?;
    let details = json!({ "planId": change.plan_id, "interval": interval.as_str(), "reason": by.reason });
    note(connection, now, by, "subscription.change", id, details).await?;
    let job = ChangeSubscription { subscription_id: id, instruction_id: change.instruction_id };
    let written = outbox::insert(connection, now, &job).await?;
    Ok((job, written))
}

/// The plans that a subscription can be moved to, in the order in which they are listed, by the month before by the
/// year; none of the one that it is on.
///
/// # Errors
/// Database errors only.
pub async fn options(
    pool: &PgPool,
    now: Timestamp,
    subscription: &Subscription,
) -> Result<Vec<PlanOption>, sqlx::Error> {
    let plans = plans(pool).await?;
    let both = plans
        .iter()
        .flat_map(|stored| [Interval::Month, Interval::Year].map(|interval| (&stored.plan, interval)));
    let others = both.filter(|(plan, interval)| subscription.plan() != (plan.id.as_str(), *interval));
    let options = others.filter_map(|(plan, interval)| {
        let (terms, _) = rules::change(subscription, plan, interval).ok()?;
        let due = costs::due(subscription, &terms, now);
        let renews_at = costs::renews_at(subscription, &terms, now);
        Some(PlanOption { name: plan.name.clone(), terms, due, renews_at })
    });
    Ok(options.collect())
}

async fn lock(connection: &mut PgConnection, id: SubscriptionId) -> Result<Subscription, InstructionError> {
    let found = subscriptions::subscription_lock_by_id(connection, id).await?;
    found.ok_or(InstructionError::NoSubscription)
}

async fn note(
    connection: &mut PgConnection,
    now: Timestamp,
    by: Operator<'_>,
    action: &str,
    id: SubscriptionId,
    details: serde_json::Value,
) -> Result<(), sqlx::Error> {
    let action = AdminAction {
        actor: by.actor.to_owned(),
        action: action.to_owned(),
        subject: id.to_string(),
        details,
    };
    audit::record(connection, now, &action).await
}

/// The end that a job is to carry out; none if it is settled, or another one has taken its place.
///
/// # Errors
/// Database errors only.
pub async fn ending_of(
    connection: &mut PgConnection,
    job: &EndSubscription,
) -> Result<Option<(Subscription, Ending)>, sqlx::Error> {
    let subscription = subscriptions::subscription(connection, job.subscription_id).await?;
    let ending = store::endings(connection, &[job.subscription_id]).await?.pop().map(|(_, ending)| ending);
    let open =
        ending.filter(|ending| ending.instruction_id == job.instruction_id && rules::is_open(ending.state));
    Ok(subscription.zip(open))
}

/// The change that a job is to carry out; none if it is settled, or another one has taken its place.
///
/// # Errors
/// Database errors only.
pub async fn change_of(
    connection: &mut PgConnection,
    job: &ChangeSubscription,
) -> Result<Option<(Subscription, PlanChange)>, sqlx::Error> {
    let subscription = subscriptions::subscription(connection, job.subscription_id).await?;
    let change = store::changes(connection, &[job.subscription_id]).await?.pop().map(|(_, change)| change);
    let open = change
        .filter(|change| change.instruction_id == job.instruction_id && change.state == ChangeState::Asked);
    Ok(subscription.zip(open))
}

/// Moves an end on; one that another has taken the place of, or that is settled, stays as it is.
///
/// # Errors
/// Database errors only.
pub async fn ending_moved(
    connection: &mut PgConnection,
    now: Timestamp,
    job: &EndSubscription,
    state: EndingState,
    refusal: Option<&str>,
) -> Result<(), sqlx::Error> {
    store::ending_move(connection, now, job.instruction_id, job.subscription_id, state, refusal).await?;
    Ok(())
}

/// Settles a change; one that another has taken the place of, or that is settled, stays as it is.
///
/// # Errors
/// Database errors only.
pub async fn change_settled(
    connection: &mut PgConnection,
    now: Timestamp,
    job: &ChangeSubscription,
    state: ChangeState,
    refusal: Option<&str>,
) -> Result<(), sqlx::Error> {
    store::change_settle(connection, now, job.instruction_id, job.subscription_id, state, refusal).await
}

/// Fixes which payment of a subscription is given back, by its id at the provider; returns the one that holds, which is
/// another one if that was fixed before.
///
/// # Errors
/// Database errors only.
pub async fn refund_fixed(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
    payment: &str,
) -> Result<Option<String>, sqlx::Error> {
    store::refund_fix(connection, subscription, payment).await
}

/// Notes that a provider without idempotency keys is asked for the refund from now on; says whether it never was.
///
/// # Errors
/// Database errors only.
pub async fn refund_asked(
    connection: &mut PgConnection,
    now: Timestamp,
    subscription: SubscriptionId,
) -> Result<bool, sqlx::Error> {
    store::refund_ask(connection, now, subscription).await
}

/// Notes that the provider has surely not taken the request.
///
/// # Errors
/// Database errors only.
pub async fn refund_not_taken(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
) -> Result<(), sqlx::Error> {
    store::refund_unask(connection, subscription).await
}
