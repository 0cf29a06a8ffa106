//! The SQL of instructions.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{ChangeState, End, Ending, EndingState, PlanChange};
use crate::plans::Interval;
use kernel::clock::Timestamp;
use kernel::ids::{SubscriptionId, SubscriptionInstructionId};

struct EndingRow {
    subscription_id: SubscriptionId,
    instruction_id: SubscriptionInstructionId,
    at_period_end: bool,
    refund: bool,
    state: EndingState,
    refund_of: Option<String>,
    refund_asked_at: Option<Timestamp>,
    refusal: Option<String>,
    asked_at: Timestamp,
}

impl From<EndingRow> for Ending {
    fn from(row: EndingRow) -> Self {
        Self {
            instruction_id: row.instruction_id,
            end: if row.at_period_end { End::AtPeriodEnd } else { End::Now { refund: row.refund } },
            state: row.state,
            refund_of: row.refund_of,
            refund_asked_at: row.refund_asked_at,
            refusal: row.refusal,
            asked_at: row.asked_at,
        }
    }
}

/// The ends that were asked for of some subscriptions.
pub(super) async fn endings(
    connection: &mut PgConnection,
    subscriptions: &[SubscriptionId],
) -> Result<Vec<(SubscriptionId, Ending)>, sqlx::Error> {
    let ids: Vec<Uuid> = subscriptions.iter().map(|id| id.0).collect();
    let rows = sqlx::query_as!(
        EndingRow,
        r#"select subscription_id as "subscription_id: SubscriptionId",
                  instruction_id as "instruction_id: SubscriptionInstructionId", at_period_end, refund,
                  state as "state: EndingState", refund_of, refund_asked_at, refusal, asked_at
           from subscription_endings where subscription_id = any($1)"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.subscription_id, row.into())).collect())
}

/// Keeps the end that is asked for now, in place of an earlier one.
pub(super) async fn ending_put(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
    ending: &Ending,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into subscription_endings (subscription_id, instruction_id, at_period_end, refund, state, refund_of,
                                           refund_asked_at, refusal, asked_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
         on conflict (subscription_id) do update
             set instruction_id = excluded.instruction_id, at_period_end = excluded.at_period_end,
                 refund = excluded.refund, state = excluded.state, refund_of = excluded.refund_of,
                 refund_asked_at = excluded.refund_asked_at, refusal = excluded.refusal,
                 asked_at = excluded.asked_at, updated_at = excluded.updated_at",
        subscription.0,
        ending.instruction_id.0,
        ending.end == End::AtPeriodEnd,
        ending.end == End::Now { refund: true },
        ending.state.as_str(),
        ending.refund_of,
        ending.refund_asked_at,
        ending.refusal,
        ending.asked_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves an end on that is still under way; says whether it was this one.
pub(super) async fn ending_move(
    connection: &mut PgConnection,
    now: Timestamp,
    id: SubscriptionInstructionId,
    subscription: SubscriptionId,
    state: EndingState,
    refusal: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update subscription_endings set state = $3, refusal = $4, updated_at = $5
         where subscription_id = $1 and instruction_id = $2 and state in ('asked', 'ended')",
        subscription.0,
        id.0,
        state.as_str(),
        refusal,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Fixes which payment is given back; returns the one that holds.
pub(super) async fn refund_fix(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
    payment: &str,
) -> Result<Option<String>, sqlx::Error> {
    let held = sqlx::query_scalar!(
        r#"update subscription_endings set refund_of = coalesce(refund_of, $2) where subscription_id = $1
           returning refund_of as "refund_of!""#,
        subscription.0,
        payment
    );
    held.fetch_optional(connection).await
}

/// Notes that the provider is asked for the refund from now on; says whether nobody had asked before.
pub(super) async fn refund_ask(
    connection: &mut PgConnection,
    now: Timestamp,
    subscription: SubscriptionId,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update subscription_endings set refund_asked_at = $2
         where subscription_id = $1 and refund_asked_at is null",
        subscription.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that the provider has not taken the request: it may be asked again.
pub(super) async fn refund_unask(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update subscription_endings set refund_asked_at = null where subscription_id = $1",
        subscription.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct ChangeRow {
    subscription_id: SubscriptionId,
    instruction_id: SubscriptionInstructionId,
    plan_id: String,
    billing_interval: Interval,
    provider_price: String,
    state: ChangeState,
    refusal: Option<String>,
    asked_at: Timestamp,
}

impl From<ChangeRow> for PlanChange {
    fn from(row: ChangeRow) -> Self {
        Self {
            instruction_id: row.instruction_id,
            plan_id: row.plan_id,
            interval: row.billing_interval,
            provider_price: row.provider_price,
            state: row.state,
            refusal: row.refusal,
            asked_at: row.asked_at,
        }
    }
}

/// The changes of plan that were asked for of some subscriptions.
pub(super) async fn changes(
    connection: &mut PgConnection,
    subscriptions: &[SubscriptionId],
) -> Result<Vec<(SubscriptionId, PlanChange)>, sqlx::Error> {
    let ids: Vec<Uuid> = subscriptions.iter().map(|id| id.0).collect();
    let rows = sqlx::query_as!(
        ChangeRow,
        r#"select subscription_id as "subscription_id: SubscriptionId",
                  instruction_id as "instruction_id: SubscriptionInstructionId", plan_id,
                  billing_interval as "billing_interval: Interval", provider_price, state as "state: ChangeState",
                  refusal, asked_at
           from subscription_changes where subscription_id = any($1)"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.subscription_id, row.into())).collect())
}

/// Keeps the change that is asked for now, in place of an earlier one.
pub(super) async fn change_put(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
    change: &PlanChange,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into subscription_changes (subscription_id, instruction_id, plan_id, billing_interval, provider_price,
                                           state, refusal, asked_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
         on conflict (subscription_id) do update
             set instruction_id = excluded.instruction_id, plan_id = excluded.plan_id,
                 billing_interval = excluded.billing_interval, provider_price = excluded.provider_price,
                 state = excluded.state, refusal = excluded.refusal, asked_at = excluded.asked_at,
                 updated_at = excluded.updated_at",
        subscription.0,
        change.instruction_id.0,
        change.plan_id,
        change.interval.as_str(),
        change.provider_price,
        change.state.as_str(),
        change.refusal,
        change.asked_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Settles a change that is under way, if it is this one.
pub(super) async fn change_settle(
    connection: &mut PgConnection,
    now: Timestamp,
    id: SubscriptionInstructionId,
    subscription: SubscriptionId,
    state: ChangeState,
    refusal: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update subscription_changes set state = $3, refusal = $4, updated_at = $5
         where subscription_id = $1 and instruction_id = $2 and state = 'asked'",
        subscription.0,
        id.0,
        state.as_str(),
        refusal,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
