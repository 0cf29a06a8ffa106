//! The verbs of coupons.

use audit::note;
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::{
    Coupon, CouponChange, CouponError, CouponRefusal, RedeemError, Redemption, Target, rules, store,
};
use kernel::clock::Timestamp;
use kernel::database::broken_constraint;
use kernel::ids::{CouponId, PaymentId, UserId};
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

/// The coupons made before one, the newest first.
///
/// # Errors
/// Database errors only.
pub async fn coupons_before(
    pool: &PgPool,
    before: Option<CouponId>,
    limit: i64,
) -> Result<Vec<Coupon>, sqlx::Error> {
    store::coupons_before(&mut *pool.acquire().await?, before, limit).await
}

/// One coupon.
///
/// # Errors
/// Database errors only.
pub async fn coupon(pool: &PgPool, id: CouponId) -> Result<Option<Coupon>, sqlx::Error> {
    store::coupon(&mut *pool.acquire().await?, id).await
}

/// Changes a coupon. Orders that use it already keep what it gave them.
///
/// # Errors
/// [`CouponError::Unknown`], [`CouponError::Invalid`].
pub async fn coupon_change(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    id: CouponId,
    change: CouponChange,
) -> Result<Coupon, CouponError> {
    let mut transaction = pool.begin().await?;
    let coupon = store::coupon_lock(&mut transaction, id).await?.ok_or(CouponError::Unknown)?;
    let coupon = Coupon {
        max_redemptions: change.max_redemptions,
        max_per_user: change.max_per_user,
        expires_at: change.expires_at,
        plan_ids: change.plan_ids,
        pack_ids: change.pack_ids,
        expires_after_days: change.expires_after_days,
        is_active: change.is_active,
        ..coupon
    };
    rules::check_coupon(&coupon)?;
    if coupon.max_redemptions.is_some_and(|most| most < coupon.redemptions) {
        let used = coupon.redemptions;
        let complaint = format!("maxRedemptions must not be below {used}, which is how many use it already");
        return Err(CouponError::Invalid(complaint));
    }
    store::coupon_update(&mut transaction, &coupon).await?;
    let details = json!({
        "maxRedemptions": coupon.max_redemptions, "maxPerUser": coupon.max_per_user,
        "expiresAt": coupon.expires_at.map(|at| at.unix_timestamp()), "active": coupon.is_active,
    });
    note(&mut transaction, now, by, "coupon.change", &coupon.code, details).await?;
    transaction.commit().await?;
    Ok(coupon)
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

/// What a code gives at once, without a purchase. Nothing is used up yet.
///
/// # Errors
/// [`RedeemError`].
pub async fn worth_at_once(
    connection: &mut PgConnection,
    now: Timestamp,
    code: &str,
) -> Result<Redemption, RedeemError> {
    let coupon = store::coupon_by_code(connection, &rules::normalized(code)).await?;
    Ok(rules::redeem_at_once(&coupon.ok_or(CouponRefusal::Unknown)?, now)?)
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
