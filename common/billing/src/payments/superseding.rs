//! A later order that takes the place of an earlier, unpaid one of the same buyer: what the buyer opened a page for and
//! gave up. The worker closes the earlier page before it opens the later one, so that never both are paid.

use sqlx::{PgConnection, PgPool};

use super::ordering::order_fail;
use super::{NewOrder, Payment, store};
use crate::coupons::operations as coupons;
use kernel::clock::Timestamp;
use kernel::ids::{CouponId, PaymentId, SubscriptionId};

/// Why a subscription is not sold.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The wallet has one, and may have one only.
    #[error("there is a subscription already")]
    Subscribed,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The open orders of subscriptions for the same wallet, in whose place this one comes. They stay locked, and no other
/// order of a subscription for the wallet is stored meanwhile. To be asked before the order is stored.
///
/// # Errors
/// [`SubscribeError::Subscribed`] when the wallet has a subscription that is not over.
pub async fn require_sole_subscription(
    connection: &mut PgConnection,
    order: &NewOrder,
) -> Result<Vec<PaymentId>, SubscribeError> {
    let wallet = order.wallet_id;
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 1936))", wallet.to_string())
        .fetch_one(&mut *connection)
        .await?;
    // First the pages, since one of them may be becoming a subscription just now.
    let pages = sqlx::query_scalar!(
        r#"select id as "id: PaymentId" from payments
           where wallet_id = $1 and mode = 'subscription' and state in ('created', 'pending')
             and superseded_by is null
           order by id for update"#,
        wallet.0
    )
    .fetch_all(&mut *connection)
    .await?;
    let live = sqlx::query_scalar!(
        r#"select id as "id: SubscriptionId" from subscriptions
           where wallet_id = $1 and state <> 'canceled' limit 1"#,
        wallet.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    if live.is_some() { Err(SubscribeError::Subscribed) } else { Ok(pages) }
}

/// # Errors
/// Database errors only.
pub async fn supersede(
    connection: &mut PgConnection,
    earlier: &[PaymentId],
    later: PaymentId,
) -> Result<(), sqlx::Error> {
    let earlier: Vec<uuid::Uuid> = earlier.iter().map(|id| id.0).collect();
    sqlx::query!("update payments set superseded_by = $2 where id = any($1)", &earlier, later.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether a later order has taken this one's place.
///
/// # Errors
/// Database errors only.
pub async fn is_superseded(pool: &PgPool, id: PaymentId) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!(
        r#"select superseded_by is not null as "superseded!" from payments where id = $1"#,
        id.0
    );
    Ok(found.fetch_optional(pool).await?.unwrap_or(false))
}

/// The orders in whose place this one came.
///
/// # Errors
/// Database errors only.
pub async fn superseded(pool: &PgPool, by: PaymentId) -> Result<Vec<Payment>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let ids = sqlx::query_scalar!(
        r#"select id as "id: PaymentId" from payments where superseded_by = $1 order by id"#,
        by.0
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(store::payment_by_id(&mut connection, id).await?);
    }
    Ok(found)
}

/// The page at Creem that the same buyer has open for the same with the same coupon.
///
/// # Errors
/// Database errors only.
pub async fn page_with_coupon(
    pool: &PgPool,
    coupon: CouponId,
    order: &NewOrder,
) -> Result<Option<Payment>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let id = sqlx::query_scalar!(
        r#"select p.id as "id: PaymentId" from coupon_redemptions r join payments p on p.id = r.payment_id
           where r.coupon_id = $1 and r.user_id = $2 and p.provider = 'creem' and p.state = 'pending'
             and p.checkout_url is not null and p.summary = $3 and p.amount_minor = $4
           order by p.id desc limit 1"#,
        coupon.0,
        order.user_id.as_str(),
        order.summary,
        order.amount.minor
    )
    .fetch_optional(&mut *connection)
    .await?;
    match id {
        Some(id) => store::payment_by_id(&mut connection, id).await,
        None => Ok(None),
    }
}

/// The earlier order turns out to be paid: the later one ends, and its coupon is the earlier one's again.
///
/// # Errors
/// Database errors only.
pub async fn earlier_is_paid(
    pool: &PgPool,
    now: Timestamp,
    later: PaymentId,
    earlier: PaymentId,
    reason: &str,
) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    if order_fail(&mut transaction, now, later, reason).await? {
        coupons::hand_over(&mut transaction, later, earlier).await?;
    }
    transaction.commit().await
}
