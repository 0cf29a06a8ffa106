//! The SQL of reconciliation. Of what is compared it only reads.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;
use uuid::Uuid;

use super::{LastRun, ProviderPayment, RecordedOrder, RecordedPayment, Rest};
use crate::payments::{Provider, State};
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;
use kernel::money::{Credits, Currency, Money};

pub(super) async fn ours(
    connection: &mut PgConnection,
    theirs: &[ProviderPayment],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<RecordedPayment>, sqlx::Error> {
    let named: Vec<Uuid> = theirs.iter().filter_map(|payment| payment.order).map(|id| id.0).collect();
    let keys: Vec<&str> = theirs
        .iter()
        .flat_map(|payment| [&payment.session, &payment.payment])
        .flatten()
        .map(String::as_str)
        .collect();
    let rows = sqlx::query!(
        r#"with wanted as (
               select id from payments
               where completed_at >= $1 and completed_at < $2 and provider in ('stripe', 'creem')
               union select id from payments where id = any($3)
               union select id from payments where provider_session = any($4)
               union select id from payments where provider_payment = any($4))
           select payments.id as "id: PaymentId", provider as "provider: Provider", state as "state: State",
                  coalesce(accepted_minor, amount_minor) as "amount_minor!",
                  coalesce(accepted_currency, currency) as "currency!",
                  credits - coalesce(periods.given_back, 0) as "credits!: Credits", provider_session, provider_payment,
                  refunded_minor, withdrawn_minor,
                  entries.amount as "credited?: Credits"
           from wanted join payments using (id)
           left join subscription_periods as periods on periods.payment_id = payments.id
           left join ledger_entries as entries
                on entries.source_kind = 'payment' and entries.source_id = payments.id::text
           order by payments.id"#,
        from,
        to,
        &named,
        &keys as &[&str]
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let currency: Currency =
                row.currency.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            Ok(RecordedPayment {
                id: row.id,
                provider: row.provider,
                state: row.state,
                money: Money::new(row.amount_minor, currency),
                session: row.provider_session,
                payment: row.provider_payment,
                credits: row.credits,
                credited: row.credited,
                refunded_minor: row.refunded_minor,
                withdrawn_minor: row.withdrawn_minor,
            })
        })
        .collect()
}

pub(super) async fn orders_of_subscriptions(
    connection: &mut PgConnection,
    subscriptions: &[&str],
) -> Result<HashMap<String, PaymentId>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select provider_subscription, payment_id as "payment_id: PaymentId" from subscriptions
           where provider_subscription = any($1)"#,
        subscriptions as &[&str]
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.provider_subscription, row.payment_id)).collect())
}

pub(super) async fn unpaid(
    connection: &mut PgConnection,
    provider: Provider,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<(PaymentId, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select id as "id: PaymentId", provider_session as "page!" from payments
           where provider = $1 and created_at >= $2 and created_at < $3 and completed_at is null
             and provider_session is not null
           order by created_at"#,
        provider.as_str(),
        from,
        to
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.page)).collect())
}

pub(super) async fn order(
    connection: &mut PgConnection,
    id: Option<PaymentId>,
    provider_payments: &[String],
) -> Result<Option<RecordedOrder>, sqlx::Error> {
    let row = sqlx::query!(
        r#"with found as materialized (
               select id from payments where id = $1
               union select id from payments where provider_payment = any($2))
           select payments.id as "id: PaymentId", coalesce(accepted_minor, amount_minor) as "amount_minor!",
                  coalesce(accepted_currency, currency) as "currency!"
           from found join payments using (id) order by payments.id = $1 desc nulls last, payments.id limit 1"#,
        id.map(|id| id.0),
        provider_payments
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let currency: Currency = row.currency.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(Some(RecordedOrder { id: row.id, money: Money::new(row.amount_minor, currency) }))
}

pub(super) async fn run_write(
    connection: &mut PgConnection,
    now: Timestamp,
    rest: &Rest,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into reconciliation_runs (ended_at, findings, paid_not_credited) values ($1, $2, $3)
         on conflict (is_only) do update
             set ended_at = excluded.ended_at, findings = excluded.findings,
                 paid_not_credited = excluded.paid_not_credited",
        now,
        rest.findings,
        rest.paid_not_credited
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn run(connection: &mut PgConnection) -> Result<Option<LastRun>, sqlx::Error> {
    sqlx::query_as!(LastRun, "select ended_at, findings, paid_not_credited from reconciliation_runs")
        .fetch_optional(connection)
        .await
}

pub(super) async fn dismissed(
    connection: &mut PgConnection,
    ids: &[&str],
) -> Result<HashSet<String>, sqlx::Error> {
    let rows = sqlx::query_scalar!(
        r#"select object_id as "object_id!" from provider_events
           where object_id = any($1) and settled_as = 'dismissed'"#,
        ids as &[&str]
    );
    Ok(rows.fetch_all(connection).await?.into_iter().collect())
}
