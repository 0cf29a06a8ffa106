//! The SQL of looking at orders.

use kernel::ids::{PaymentId, WalletId};
use kernel::money::Credits;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::payments::{Item, State};
use crate::reversals::{Account, Reversal, store as reversals};

/// A query for the numbers and ids of orders, newest first: the condition, and what follows.
macro_rules! select_numbers {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query!(
            r#"select number, id as "id: PaymentId" from payments where mode <> 'setup' and "#
                + $condition
                + " order by number desc limit $2"
            $(, $argument)*
        )
        .map(|row| (row.number, row.id))
    };
}

/// The newest of all.
pub(super) async fn newest(
    connection: &mut PgConnection,
    before: i64,
    limit: i64,
) -> Result<Vec<(i64, PaymentId)>, sqlx::Error> {
    select_numbers!("number < $1", before, limit).fetch_all(connection).await
}

/// The newest that are paid and of which nothing went back, as most are.
pub(super) async fn completed(
    connection: &mut PgConnection,
    before: i64,
    limit: i64,
) -> Result<Vec<(i64, PaymentId)>, sqlx::Error> {
    select_numbers!("number < $1 and state = 'completed'", before, limit).fetch_all(connection).await
}

/// The newest in one of the other states.
pub(super) async fn in_state(
    connection: &mut PgConnection,
    state: State,
    before: i64,
    limit: i64,
) -> Result<Vec<(i64, PaymentId)>, sqlx::Error> {
    let state = state.as_str();
    select_numbers!("number < $1 and state = $3 and state <> 'completed'", before, limit, state)
        .fetch_all(connection)
        .await
}

/// The newest of a wallet.
pub(super) async fn of_wallet(
    connection: &mut PgConnection,
    wallet: WalletId,
    state: State,
    before: i64,
    limit: i64,
) -> Result<Vec<(i64, PaymentId)>, sqlx::Error> {
    select_numbers!("number < $1 and wallet_id = $3 and state = $4", before, limit, wallet.0, state.as_str())
        .fetch_all(connection)
        .await
}

/// The newest that the host application calls so.
pub(super) async fn by_reference(
    connection: &mut PgConnection,
    reference: &str,
    wallet: Option<WalletId>,
    states: &[State],
    before: i64,
    limit: i64,
) -> Result<Vec<(i64, PaymentId)>, sqlx::Error> {
    let states: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let states = (!states.is_empty()).then_some(states);
    select_numbers!(
        "number < $1 and reference = $3 and ($4::uuid is null or wallet_id = $4)
           and ($5::text[] is null or state = any($5))",
        before,
        limit,
        reference,
        wallet.map(|id| id.0) as Option<Uuid>,
        states.as_deref() as Option<&[&str]>
    )
    .fetch_all(connection)
    .await
}

/// The lines of orders.
pub(super) async fn items(
    connection: &mut PgConnection,
    payments: &[PaymentId],
) -> Result<Vec<(PaymentId, Item)>, sqlx::Error> {
    let ids: Vec<Uuid> = payments.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select payment_id as "payment_id: PaymentId", pack_id, name, quantity, credits as "credits: Credits",
                  amount_minor
           from payment_items where payment_id = any($1) order by payment_id, line"#,
        &ids
    )
    .fetch_all(connection)
    .await?;

    Ok(rows
        .into_iter()
        .map(|row| {
            let item = Item {
                pack_id: row.pack_id,
                name: row.name,
                quantity: row.quantity,
                credits: row.credits,
                amount_minor: row.amount_minor,
            };
            (row.payment_id, item)
        })
        .collect())
}

/// What has gone back of each.
pub(super) async fn accounts(
    connection: &mut PgConnection,
    payments: &[PaymentId],
) -> Result<Vec<(PaymentId, Account)>, sqlx::Error> {
    let ids: Vec<Uuid> = payments.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select id as "id: PaymentId", refunded_minor, withdrawn_minor, credits_reversed as "reversed: Credits",
                  credits_shortfall as "shortfall: Credits", credits_lapsed as "lapsed: Credits"
           from payments where id = any($1)"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let account = Account {
                refunded_minor: row.refunded_minor,
                withdrawn_minor: row.withdrawn_minor,
                reversed: row.reversed,
                shortfall: row.shortfall,
                lapsed: row.lapsed,
            };
            (row.id, account)
        })
        .collect())
}

/// The refunds and disputes of each. Few orders have any.
pub(super) async fn reversals(
    connection: &mut PgConnection,
    payments: &[PaymentId],
) -> Result<Vec<(PaymentId, Reversal)>, sqlx::Error> {
    let ids: Vec<Uuid> = payments.iter().map(|id| id.0).collect();
    let having = sqlx::query_scalar!(
        r#"select id as "id: PaymentId" from payments where id = any($1) and has_reversals"#,
        &ids
    );
    let mut found = Vec::new();
    for id in having.fetch_all(&mut *connection).await? {
        let own = reversals::of_payment(connection, id).await?;
        found.extend(own.into_iter().map(|reversal| (id, reversal)));
    }
    Ok(found)
}
