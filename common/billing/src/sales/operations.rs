//! Looking at orders.

use std::collections::HashMap;

use kernel::ids::PaymentId;
use sqlx::PgConnection;

use super::{Filter, Sale, store};
use crate::payments::{Mode, State, store as payments};
use crate::refunds::operations as refunds;

/// Every state.
const STATES: [State; 8] = [
    State::Created,
    State::Pending,
    State::Completed,
    State::Failed,
    State::Expired,
    State::Refunded,
    State::PartiallyRefunded,
    State::Disputed,
];

/// An order; none for a page on which a card was only saved.
///
/// # Errors
/// Database errors only.
pub async fn sale(connection: &mut PgConnection, id: PaymentId) -> Result<Option<Sale>, sqlx::Error> {
    Ok(sales(connection, &[id]).await?.pop().filter(|sale| sale.payment.mode != Mode::Setup))
}

/// Up to `limit` orders with numbers below `before`, the newest first.
///
/// # Errors
/// Database errors only.
pub async fn page(
    connection: &mut PgConnection,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Sale>, sqlx::Error> {
    let before = before.unwrap_or(i64::MAX);
    let mut found = match (&filter.reference, filter.wallet, filter.states.as_slice()) {
        (Some(reference), wallet, states) => {
            store::by_reference(connection, reference, wallet, states, before, limit).await?
        }
        (None, None, []) => store::newest(connection, before, limit).await?,
        // One state at a time: each has its own place in the index, so that few rows are read.
        (None, wallet, states) => {
            let states = if states.is_empty() { &STATES } else { states };
            let mut found = Vec::new();
            for state in states {
                found.extend(match (wallet, state) {
                    (Some(wallet), state) => {
                        store::of_wallet(connection, wallet, *state, before, limit).await?
                    }
                    (None, State::Completed) => store::completed(connection, before, limit).await?,
                    (None, state) => store::in_state(connection, *state, before, limit).await?,
                });
            }
            found
        }
    };
    found.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let ids: Vec<PaymentId> = found.into_iter().map(|(_, id)| id).collect();
    sales(connection, &ids).await
}

/// The orders of some ids, in the order of the ids.
async fn sales(connection: &mut PgConnection, ids: &[PaymentId]) -> Result<Vec<Sale>, sqlx::Error> {
    let mut items = grouped(store::items(connection, ids).await?);
    let mut reversals = grouped(store::reversals(connection, ids).await?);
    let requests = refunds::of_payments(connection, ids).await?;
    let mut requests = grouped(requests.into_iter().map(|request| (request.payment_id, request)).collect());
    let mut accounts: HashMap<_, _> = store::accounts(connection, ids).await?.into_iter().collect();
    let mut sales: HashMap<PaymentId, Sale> = HashMap::new();
    for payment in payments::payments_by_id(connection, ids).await? {
        let id = payment.id;
        let sale = Sale {
            payment,
            items: items.remove(&id).unwrap_or_default(),
            account: accounts.remove(&id).unwrap_or_default(),
            reversals: reversals.remove(&id).unwrap_or_default(),
            refunds: requests.remove(&id).unwrap_or_default(),
        };
        sales.insert(id, sale);
    }
    Ok(ids.iter().filter_map(|id| sales.remove(id)).collect())
}

fn grouped<T>(found: Vec<(PaymentId, T)>) -> HashMap<PaymentId, Vec<T>> {
    let mut grouped: HashMap<PaymentId, Vec<T>> = HashMap::new();
    for (id, one) in found {
        grouped.entry(id).or_default().push(one);
    }
    grouped
}
