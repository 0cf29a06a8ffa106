//! Orders from the request to the provider's page: stored, opened, refused, looked at when their time is up.

use kernel::clock::Timestamp;
use kernel::database::broken_constraint;
use kernel::ids::{PaymentId, UserId};
use sqlx::{PgConnection, PgPool};

use super::events::{self, order_event};
use super::{Mode, NewOrder, OpenedCheckout, Payment, placing, rules, store};
use crate::coupons::operations as coupons;
use crate::coupons::{CouponRefusal, RedeemError};
use notices::{Event, tell};

/// Why an order is not taken.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Its coupon is used up.
    #[error(transparent)]
    Coupon(CouponRefusal),
    /// Its request has placed one already: see [`placing::payment_by_request`].
    #[error("this request was made before")]
    PlacedBefore,
    #[error(transparent)]
    Database(sqlx::Error),
}

/// Why a buyer may not place another order.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    #[error("There are {0} orders that are not paid: pay one, or wait until some have expired.")]
    TooManyOpen(u32),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<sqlx::Error> for OrderError {
    fn from(error: sqlx::Error) -> Self {
        match broken_constraint(&error) {
            Some("payments_by_request") => Self::PlacedBefore,
            _ => Self::Database(error),
        }
    }
}

impl From<RedeemError> for OrderError {
    fn from(error: RedeemError) -> Self {
        match error {
            RedeemError::Refused(refusal) => Self::Coupon(refusal),
            RedeemError::Database(error) => Self::Database(error),
        }
    }
}

/// Checks that a buyer may place another order, in the transaction that stores it. Charges of auto-recharge do not
/// count.
///
/// # Errors
/// [`AdmissionError`].
pub async fn check_open_orders(
    connection: &mut PgConnection,
    now: Timestamp,
    user: &UserId,
    max: u32,
) -> Result<(), AdmissionError> {
    placing::orders_lock(connection, user).await?;
    let open = placing::open_orders(connection, now, user, i64::from(max)).await?;
    if open >= i64::from(max) { Err(AdmissionError::TooManyOpen(max)) } else { Ok(()) }
}

/// Stores an order that somebody places, uses its coupon and tells of it, in the caller's transaction.
///
/// # Errors
/// [`OrderError`]; the transaction is then to be rolled back.
pub async fn order_create(
    connection: &mut PgConnection,
    now: Timestamp,
    order: &NewOrder,
) -> Result<Payment, OrderError> {
    let payment = insert(connection, now, order).await?;
    if payment.mode != Mode::Setup {
        // Before the coupon: wallets are locked before coupons.
        let event = Event::OrderCreated { order: events::order(&payment) };
        tell(connection, now, payment.wallet_id, event).await?;
    }
    if let Some(redemption) = &order.redemption {
        coupons::take(connection, now, payment.id, &order.user_id, redemption).await?;
    }
    Ok(store::payment_by_id(connection, payment.id).await?.ok_or(sqlx::Error::RowNotFound)?)
}

/// Stores what a provider has sold without an order of ours, to be settled in the same transaction, in which it is
/// told.
///
/// # Errors
/// Database errors only.
pub async fn payment_create(
    connection: &mut PgConnection,
    now: Timestamp,
    order: &NewOrder,
) -> Result<Payment, sqlx::Error> {
    insert(connection, now, order).await
}

async fn insert(
    connection: &mut PgConnection,
    now: Timestamp,
    order: &NewOrder,
) -> Result<Payment, sqlx::Error> {
    let id = PaymentId::new();
    placing::payment_insert(connection, now, id, order).await?;
    placing::items_insert(connection, id, &order.items).await?;
    store::payment_by_id(connection, id).await?.ok_or(sqlx::Error::RowNotFound)
}

/// Ends an open order unpaid, and tells of it; says whether it was open.
///
/// # Errors
/// Database errors only.
pub(crate) async fn order_fail(
    connection: &mut PgConnection,
    now: Timestamp,
    id: PaymentId,
    reason: &str,
) -> Result<bool, sqlx::Error> {
    if !store::payment_fail(connection, id, reason).await? {
        return Ok(false);
    }
    if let Some(payment) = store::payment_by_id(connection, id).await?
        && let Some(event) = order_event(&payment)
    {
        tell(connection, now, payment.wallet_id, event).await?;
    }
    Ok(true)
}

/// Records that the provider's page for an order is open.
///
/// # Errors
/// Database errors only.
pub async fn checkout_opened(
    pool: &PgPool,
    id: PaymentId,
    opened: &OpenedCheckout,
) -> Result<(), sqlx::Error> {
    store::checkout_opened(&mut *pool.acquire().await?, id, opened).await
}

/// Locks an order and says how it is. If its page cannot be paid on any more, but the order can on another, the page
/// is let go of, so that opening one opens the next.
///
/// # Errors
/// Database errors only.
pub async fn reopen(
    connection: &mut PgConnection,
    now: Timestamp,
    id: PaymentId,
) -> Result<Option<Payment>, sqlx::Error> {
    let mut payment = store::payments_lock(connection, &[id]).await?.pop();
    if let Some(payment) = &mut payment
        && rules::reopen(payment, now)
    {
        store::payments_write(connection, &[payment]).await?;
    }
    Ok(payment)
}

/// Records that the provider refuses an order, and gives its coupon back.
///
/// # Errors
/// Database errors only.
pub async fn checkout_refused(
    pool: &PgPool,
    now: Timestamp,
    id: PaymentId,
    reason: &str,
) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    if order_fail(&mut transaction, now, id, reason).await? {
        coupons::give_back(&mut transaction, &[id]).await?;
    }
    transaction.commit().await
}

/// The orders whose time is up and that were not checked since; marks them as checked.
///
/// # Errors
/// Database errors only.
pub async fn take_stale(
    connection: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<PaymentId>, sqlx::Error> {
    store::payments_take_stale(connection, now, limit).await
}

/// Whether the caller of a poll should have the provider asked now; at most once in `pause` for each payment.
///
/// # Errors
/// Database errors only.
pub async fn take_check(
    connection: &mut PgConnection,
    now: Timestamp,
    id: PaymentId,
    pause: time::Duration,
) -> Result<bool, sqlx::Error> {
    store::payment_take_check(connection, now, id, now.saturating_sub(pause)).await
}
