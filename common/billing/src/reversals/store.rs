//! The SQL of reversals, and of what payments keep of them.

use sqlx::PgConnection;

use super::{Account, Extent, Reversal, ReversalKind, ReversalState};
use crate::payments::{Provider, State};
use kernel::clock::Timestamp;
use kernel::ids::{GrantId, PaymentId};
use kernel::money::{Credits, Currency, Money};

/// A reversal as its columns are.
struct Row {
    object_id: String,
    provider_payments: Vec<String>,
    kind: ReversalKind,
    standing: ReversalState,
    status: String,
    step: i64,
    amount_minor: Option<i64>,
    paid_minor: Option<i64>,
    currency: Option<String>,
}

impl TryFrom<Row> for Reversal {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let extent = match row.amount_minor.zip(row.currency) {
            None => Extent::All,
            Some((minor, currency)) => {
                let currency: Currency =
                    currency.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
                Extent::Part { money: Money::new(minor, currency), paid_minor: row.paid_minor }
            }
        };
        Ok(Self {
            object_id: row.object_id,
            kind: row.kind,
            standing: row.standing,
            status: row.status,
            step: row.step,
            extent,
            provider_payments: row.provider_payments,
        })
    }
}

macro_rules! select_reversals {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select object_id, provider_payments, kind as "kind: ReversalKind", standing as "standing: ReversalState",
                      status, step, amount_minor, paid_minor, currency
               from reversals where "#
                + $condition
            $(, $argument)*
        )
    };
}

/// The refunds and disputes of a payment, in the order in which they were first heard of.
///
/// # Errors
/// Database errors only.
pub async fn of_payment(
    connection: &mut PgConnection,
    payment: PaymentId,
) -> Result<Vec<Reversal>, sqlx::Error> {
    let rows = select_reversals!("payment_id = $1 order by created_at, object_id", payment.0)
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(Reversal::try_from).collect()
}

/// What has gone back of a payment.
///
/// # Errors
/// Database errors only.
pub async fn account(connection: &mut PgConnection, payment: PaymentId) -> Result<Account, sqlx::Error> {
    sqlx::query_as!(
        Account,
        r#"select refunded_minor, withdrawn_minor, credits_reversed as "reversed: Credits",
                  credits_shortfall as "shortfall: Credits", credits_lapsed as "lapsed: Credits"
           from payments where id = $1"#,
        payment.0
    )
    .fetch_one(connection)
    .await
}

/// Locks an object of a provider, whether anything is known of it or not, until the end of the transaction.
pub(super) async fn object_lock(connection: &mut PgConnection, id: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", id).fetch_one(connection).await?;
    Ok(())
}

/// What is known of a refund or dispute, and the payment that it was found to be of.
pub(super) async fn reversal(
    connection: &mut PgConnection,
    provider: Provider,
    object_id: &str,
) -> Result<Option<Reversal>, sqlx::Error> {
    let row = select_reversals!("provider = $1 and object_id = $2", provider.as_str(), object_id)
        .fetch_optional(connection)
        .await?;
    row.map(Reversal::try_from).transpose()
}

/// What is known of refunds and disputes.
pub(super) async fn reversals(
    connection: &mut PgConnection,
    provider: Provider,
    object_ids: &[&str],
) -> Result<Vec<Reversal>, sqlx::Error> {
    let rows =
        select_reversals!("provider = $1 and object_id = any($2)", provider.as_str(), object_ids as &[&str])
            .fetch_all(connection)
            .await?;
    rows.into_iter().map(Reversal::try_from).collect()
}

/// The payment that one of these ids of a provider belongs to.
pub(super) async fn payment_by_provider_payments(
    connection: &mut PgConnection,
    ids: &[String],
) -> Result<Option<PaymentId>, sqlx::Error> {
    // Found before it is sorted: the planner might go through all payments in order until one fits.
    sqlx::query_scalar!(
        r#"with found as materialized (select id from payments where provider_payment = any($1))
           select id as "id: PaymentId" from found order by id limit 1"#,
        ids
    )
    .fetch_optional(connection)
    .await
}

/// Records a reversal, or what became of it.
pub(super) async fn reversal_write(
    connection: &mut PgConnection,
    now: Timestamp,
    provider: Provider,
    payment: Option<PaymentId>,
    reversal: &Reversal,
) -> Result<(), sqlx::Error> {
    let (money, paid_minor) = match reversal.extent {
        Extent::All => (None, None),
        Extent::Part { money, paid_minor } => (Some(money), paid_minor),
    };
    sqlx::query!(
        "insert into reversals (provider, object_id, payment_id, provider_payments, kind, standing, status, step,
                                amount_minor, paid_minor, currency, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
         on conflict (provider, object_id) do update
             set payment_id = coalesce(reversals.payment_id, excluded.payment_id),
                 provider_payments = excluded.provider_payments, kind = excluded.kind, standing = excluded.standing,
                 status = excluded.status, step = excluded.step, amount_minor = excluded.amount_minor,
                 paid_minor = excluded.paid_minor, currency = excluded.currency, updated_at = excluded.updated_at",
        provider.as_str(),
        reversal.object_id,
        payment.map(|id| id.0),
        &reversal.provider_payments,
        reversal.kind.as_str(),
        reversal.standing.as_str(),
        reversal.status,
        reversal.step,
        money.map(|money| money.minor),
        paid_minor,
        money.map(|money| money.currency.as_str().to_owned()),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives a payment the reversals that wait for it; says whether there were any.
pub(super) async fn waiting_adopt(
    connection: &mut PgConnection,
    provider: Provider,
    provider_payment: &str,
    payment: PaymentId,
) -> Result<bool, sqlx::Error> {
    let adopted = sqlx::query!(
        "with waiting as materialized (
             select provider, object_id from reversals
             where payment_id is null and provider_payments @> array[$2::text])
         update reversals set payment_id = $3 from waiting
         where waiting.provider = $1 and reversals.provider = waiting.provider
           and reversals.object_id = waiting.object_id and reversals.payment_id is null",
        provider.as_str(),
        provider_payment,
        payment.0
    )
    .execute(connection)
    .await?;
    Ok(adopted.rows_affected() > 0)
}

/// Notes on a payment that something is known to have gone back of it.
pub(super) async fn payment_mark(
    connection: &mut PgConnection,
    payment: PaymentId,
) -> Result<(), sqlx::Error> {
    sqlx::query!("update payments set has_reversals = true where id = $1", payment.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes what has gone back of a payment that this transaction has locked, and where it stands.
pub(super) async fn payment_write(
    connection: &mut PgConnection,
    now: Timestamp,
    payment: PaymentId,
    state: State,
    account: &Account,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update payments set state = $2, refunded_minor = $3, withdrawn_minor = $4, credits_reversed = $5,
                             credits_shortfall = $6, credits_lapsed = $7,
                             reversed_at = case when refunded_minor = $3 and withdrawn_minor = $4 then reversed_at
                                                else $8 end
         where id = $1",
        payment.0,
        state.as_str(),
        account.refunded_minor,
        account.withdrawn_minor,
        account.reversed.millionths(),
        account.shortfall.millionths(),
        account.lapsed.millionths(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The grants that a payment made, and how much of them has lapsed: first its own, then what belongs to it, which are a
/// bonus, what was given back after a dispute, and what came back to a period.
pub(super) async fn grants(
    connection: &mut PgConnection,
    payment: PaymentId,
) -> Result<(Vec<GrantId>, Credits), sqlx::Error> {
    let row = sqlx::query!(
        r#"select coalesce(array_agg(id order by origin_payment_id is not null, id), '{}') as "grants!: Vec<GrantId>",
                  coalesce(sum(lapsed), 0)::bigint as "lapsed!: Credits"
           from (select id, lapsed, origin_payment_id from grants where payment_id = $1
                 union all
                 select id, lapsed, origin_payment_id from grants where origin_payment_id = $1) as its"#,
        payment.0
    )
    .fetch_one(connection)
    .await?;
    Ok((row.grants, row.lapsed))
}
