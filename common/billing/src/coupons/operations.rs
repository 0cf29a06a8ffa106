//! The verbs of coupons.

use audit::note;
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::{Coupon, CouponError, CouponRefusal, RedeemError, Redemption, Target, rules, store};
use kernel::clock::Timestamp;
use kernel::database::broken_constraint;
use kernel::ids::{PaymentId, UserId};
use kernel::money::Money;

/// All coupons, newest first.
///
/// # Errors
/// Database errors only.
pub async fn coupons(pool: &PgPool, limit: i64, offset: i64) -> Result<Vec<Coupon>, sqlx::Error> {
    store::coupons(&mut *pool.acquire().await?, limit, offset).await
}

/// Adds a coupon.
///
/// # Errors
/// [`CouponError::Invalid`], [`CouponError::Exists`].
pub async fn coupon_create(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    coupon: &Coupon,
) -> Result<(), CouponError> {
    rules::check_coupon(coupon)?;
    let mut transaction = pool.begin().await?;
    store::coupon_insert(&mut transaction, coupon).await.map_err(|error| {
        match broken_constraint(&error) {
            Some("coupons_code_unique") => CouponError::Exists(coupon.code.clone()),
            _ => CouponError::Database(error),
        }
    })?;
    let details = json!({
        "kind": coupon.benefit.kind(), "maxRedemptions": coupon.max_redemptions, "maxPerUser": coupon.max_per_user,
    });
    note(&mut transaction, now, by, "coupon.create", &coupon.code, details).await?;
    Ok(transaction.commit().await?)
}

/// Switches a coupon on or off. Orders that use it already keep it.
///
/// # Errors
/// [`CouponError::Unknown`].
pub async fn coupon_switch(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    code: &str,
    is_active: bool,
) -> Result<Coupon, CouponError> {
    let code = rules::normalized(code);
    let mut transaction = pool.begin().await?;
    let coupon = store::coupon_switch(&mut transaction, &code, is_active).await?;
    let coupon = coupon.ok_or(CouponError::Unknown)?;
    let action = if is_active { "coupon.switch_on" } else { "coupon.switch_off" };
    note(&mut transaction, now, by, action, &code, json!({})).await?;
    transaction.commit().await?;
    Ok(coupon)
}

/// What a code is worth for this purchase, now. Nothing is used up yet.
///
/// # Errors
/// [`RedeemError`].
pub async fn worth(
    connection: &mut PgConnection,
    now: Timestamp,
    code: &str,
    target: Target<'_>,
    price: Money,
) -> Result<Redemption, RedeemError> {
    let coupon = store::coupon_by_code(connection, &rules::normalized(code)).await?;
    let coupon = coupon.ok_or(CouponRefusal::Unknown)?;
    Ok(rules::redeem(&coupon, target, price, now)?)
}

/// Uses a coupon for an order, in the transaction that stores the order. The coupon's row is locked until then: its
/// limits hold however many orders are made at once. A buyer who has a page open with the coupon, and none left, gives
/// that page up: its use goes to this order.
///
/// # Errors
/// [`RedeemError`]: a limit is reached.
pub(crate) async fn take(
    connection: &mut PgConnection,
    now: Timestamp,
    payment: PaymentId,
    user: &UserId,
    redemption: &Redemption,
) -> Result<(), RedeemError> {
    let id = redemption.coupon_id;
    let coupon = store::coupon_lock(connection, id).await?.ok_or(CouponRefusal::Unknown)?;
    let used = match coupon.max_per_user {
        Some(limit) => store::redemptions_by_user(connection, id, user, limit).await?,
        None => 0,
    };
    match rules::may_take(&coupon, used) {
        Ok(()) => {
            store::coupon_count_up(connection, id).await?;
            store::redemption_insert(connection, now, payment, id, user).await?;
        }
        Err(refusal @ (CouponRefusal::Exhausted | CouponRefusal::UsedByBuyer)) => {
            let given_up = store::redemption_on_page(connection, id, user).await?.ok_or(refusal)?;
            store::redemption_move(connection, given_up, payment).await?;
            store::payment_supersede(connection, given_up, payment).await?;
        }
        Err(refusal) => return Err(refusal.into()),
    }
    Ok(())
}

/// Gives the coupon of one order to another, if it has one.
///
/// # Errors
/// Database errors only.
pub(crate) async fn hand_over(
    connection: &mut PgConnection,
    from: PaymentId,
    to: PaymentId,
) -> Result<(), sqlx::Error> {
    store::redemption_move(connection, from, to).await
}

/// Gives back the coupons of orders that have ended unpaid. Giving one back again changes nothing.
///
/// # Errors
/// Database errors only.
pub(crate) async fn give_back(
    connection: &mut PgConnection,
    payments: &[PaymentId],
) -> Result<(), sqlx::Error> {
    store::redemptions_delete(connection, payments).await
}
