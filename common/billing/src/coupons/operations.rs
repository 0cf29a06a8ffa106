//! The verbs of coupons.

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
pub async fn coupon_create(pool: &PgPool, coupon: &Coupon) -> Result<(), CouponError> {
    rules::check_coupon(coupon)?;
    let mut connection = pool.acquire().await?;
    store::coupon_insert(&mut connection, coupon).await.map_err(|error| match broken_constraint(&error) {
        Some("coupons_code_unique") => CouponError::Exists(coupon.code.clone()),
        _ => CouponError::Database(error),
    })
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
/// limits hold however many orders are made at once.
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
    let Some(per_user) = store::coupon_count_up(connection, redemption.coupon_id).await? else {
        return Err(CouponRefusal::Exhausted.into());
    };
    if let Some(limit) = per_user
        && store::redemptions_by_user(connection, redemption.coupon_id, user, limit).await? >= limit
    {
        return Err(CouponRefusal::UsedByBuyer.into());
    }
    store::redemption_insert(connection, now, payment, redemption.coupon_id, user).await?;
    Ok(())
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
