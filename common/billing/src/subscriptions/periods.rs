//! Which period a payment is for, how long what it grants lasts, and what it makes up for.

use sqlx::PgConnection;

use super::carrying::{self, Settled};
use super::{Paid, Period, Subscription, rules, store};
use crate::payments::movements::given_back;
use crate::payments::periods::{payment_gets_back, payment_lapses_at};
use crate::payments::store as payments;
use crate::plans::Terms;
use crate::provider_events::ApplyError;
use crate::reversals::operations::gone_of;
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;
use kernel::money::Credits;
use ledger::Posted;
use ledger::operations::post;

/// What a payment of a period grants, and how much of its worth makes up for what was carried on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub granted: Credits,
    pub made_up: Credits,
}

/// Makes up for what is carried with a payment that is worth so much and was not heard of before. Payments of later
/// periods get back what this one makes up for now. The caller writes the subscription.
///
/// # Errors
/// [`ApplyError`]; the transaction is then to be rolled back.
pub(super) async fn settle(
    connection: &mut PgConnection,
    now: Timestamp,
    subscription: &mut Subscription,
    paid: &Paid,
    worth: Credits,
) -> Result<Share, ApplyError> {
    let mut later = match paid.period_end {
        Some(end) => store::periods_since(connection, subscription.id, end).await?,
        None => Vec::new(),
    };
    later.sort_by_key(|period| period.ends_at);
    let made_up: Result<Vec<Credits>, _> =
        later.iter().map(|period| period.made_up.checked_sub(period.given_back)).collect();
    let Settled { granted, carried, given_back } = carrying::settle(worth, subscription.carried, &made_up?)?;
    for (period, amount) in later.iter().zip(given_back).filter(|(_, amount)| amount.is_positive()) {
        give_back(connection, now, period, amount).await?;
    }
    subscription.carried = carried;
    let made_up = worth.max(Credits::ZERO).checked_sub(granted)?;
    Ok(Share { granted, made_up })
}

async fn give_back(
    connection: &mut PgConnection,
    now: Timestamp,
    period: &Period,
    amount: Credits,
) -> Result<(), ApplyError> {
    let in_all = period.given_back.checked_add(amount)?;
    store::given_back_write(connection, period.payment, in_all).await?;
    let Some(payment) = payments::payments_lock(connection, &[period.payment]).await?.pop() else {
        return Ok(());
    };
    // Of what its refunds gave back in money, nothing comes back in credits.
    let gone = gone_of(connection, &payment, amount).await?;
    payment_gets_back(connection, payment.id, amount, gone).await?;
    if !payment.state.is_paid() {
        return Ok(());
    }
    let Some(movement) = given_back(&payment, amount.checked_sub(gone)?, in_all) else { return Ok(()) };
    match post(connection, now, &[movement]).await?.each.pop() {
        Some(Posted::Done { .. }) => Ok(()),
        Some(Posted::Refused(refusal)) => Err(ApplyError::Ledger { payment: payment.id, refusal }),
        Some(Posted::AlreadyPosted { .. }) | None => Err(ApplyError::AlreadyPosted(payment.id)),
    }
}

/// Records the period that a payment is for, and how much of its worth made up for what was carried on.
///
/// # Errors
/// Database errors only.
pub(super) async fn record(
    connection: &mut PgConnection,
    now: Timestamp,
    subscription: &Subscription,
    payment: PaymentId,
    paid: &Paid,
    terms: &Terms,
    made_up: Credits,
) -> Result<(), sqlx::Error> {
    let Some(ends_at) = paid.period_end else { return payment_lapses_at(connection, payment, None).await };
    let begins_at = paid.period_start.or(subscription.current_period_end).unwrap_or(now);
    let lapses = if terms.rollover { None } else { Some(rules::lapses_after(ends_at)) };
    payment_lapses_at(connection, payment, lapses).await?;
    let period = Period { payment, begins_at, ends_at, made_up, given_back: Credits::ZERO };
    store::period_write(connection, subscription.id, &period).await
}
