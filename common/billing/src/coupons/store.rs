//! The SQL of coupons.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Benefit, Coupon};
use kernel::clock::Timestamp;
use kernel::ids::{CouponId, PaymentId, UserId};
use kernel::money::Credits;

struct Row {
    id: CouponId,
    code: String,
    kind: String,
    value: i64,
    currency: Option<String>,
    max_redemptions: Option<i64>,
    max_per_user: Option<i64>,
    redemptions: i64,
    expires_at: Option<Timestamp>,
    plan_ids: Vec<String>,
    pack_ids: Vec<String>,
    is_active: bool,
    created_at: Timestamp,
    expires_after_days: Option<i32>,
}

impl TryFrom<Row> for Coupon {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let benefit = match (row.kind.as_str(), row.currency) {
            ("percent", None) => Benefit::Percent(row.value),
            ("amount", Some(currency)) => Benefit::Amount(
                row.value,
                currency.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            ),
            ("bonus_credits", None) => Benefit::BonusCredits(Credits::from_millionths(row.value)),
            ("credits", None) => Benefit::Credits(Credits::from_millionths(row.value)),
            (kind, _) => return Err(sqlx::Error::Decode(format!("no coupon is of kind {kind}").into())),
        };
        Ok(Self {
            id: row.id,
            code: row.code,
            benefit,
            max_redemptions: row.max_redemptions,
            max_per_user: row.max_per_user,
            redemptions: row.redemptions,
            expires_at: row.expires_at,
            plan_ids: row.plan_ids,
            pack_ids: row.pack_ids,
            expires_after_days: row.expires_after_days,
            is_active: row.is_active,
            created_at: row.created_at,
        })
    }
}

/// A query for coupons: all columns, and what follows.
macro_rules! select_coupons {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select id as "id: CouponId", code, kind, value, currency, max_redemptions, max_per_user, redemptions,
                      expires_at, plan_ids, pack_ids, is_active, created_at, expires_after_days
               from coupons "#
                + $condition
            $(, $argument)*
        )
    };
}

pub(super) async fn coupons(
    connection: &mut PgConnection,
    limit: i64,
    offset: i64,
) -> Result<Vec<Coupon>, sqlx::Error> {
    let rows = select_coupons!("order by created_at desc, id desc limit $1 offset $2", limit, offset)
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(Coupon::try_from).collect()
}

/// The coupons made before one, the newest first.
pub(super) async fn coupons_before(
    connection: &mut PgConnection,
    before: Option<CouponId>,
    limit: i64,
) -> Result<Vec<Coupon>, sqlx::Error> {
    // Later ids are of later coupons.
    let before = before.map_or(Uuid::max(), |id| id.0);
    let rows = select_coupons!("where id < $1 order by id desc limit $2", before, limit)
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(Coupon::try_from).collect()
}

pub(super) async fn coupon(
    connection: &mut PgConnection,
    id: CouponId,
) -> Result<Option<Coupon>, sqlx::Error> {
    let row = select_coupons!("where id = $1", id.0).fetch_optional(connection).await?;
    row.map(Coupon::try_from).transpose()
}

/// Writes what of a coupon can be changed.
pub(super) async fn coupon_update(connection: &mut PgConnection, coupon: &Coupon) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update coupons set max_redemptions = $2, max_per_user = $3, expires_at = $4, plan_ids = $5, pack_ids = $6,
                            expires_after_days = $7, is_active = $8
         where id = $1",
        coupon.id.0,
        coupon.max_redemptions,
        coupon.max_per_user,
        coupon.expires_at,
        &coupon.plan_ids,
        &coupon.pack_ids,
        coupon.expires_after_days,
        coupon.is_active
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn coupon_by_code(
    connection: &mut PgConnection,
    code: &str,
) -> Result<Option<Coupon>, sqlx::Error> {
    let row = select_coupons!("where code = $1", code).fetch_optional(connection).await?;
    row.map(Coupon::try_from).transpose()
}

pub(super) async fn coupon_switch(
    connection: &mut PgConnection,
    code: &str,
    is_active: bool,
) -> Result<Option<Coupon>, sqlx::Error> {
    sqlx::query!("update coupons set is_active = $2 where code = $1", code, is_active)
        .execute(&mut *connection)
        .await?;
    coupon_by_code(connection, code).await
}

pub(super) async fn coupon_insert(connection: &mut PgConnection, coupon: &Coupon) -> Result<(), sqlx::Error> {
    let (value, currency) = match coupon.benefit {
        Benefit::Percent(percent) => (percent, None),
        Benefit::Amount(minor, currency) => (minor, Some(currency)),
        Benefit::BonusCredits(credits) | Benefit::Credits(credits) => (credits.millionths(), None),
    };
    sqlx::query!(
        "insert into coupons (id, code, kind, value, currency, max_redemptions, max_per_user, expires_at, plan_ids,
                              pack_ids, is_active, created_at, expires_after_days)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        coupon.id.0,
        coupon.code,
        coupon.benefit.kind(),
        value,
        currency.as_ref().map(|currency| currency.as_str()),
        coupon.max_redemptions,
        coupon.max_per_user,
        coupon.expires_at,
        &coupon.plan_ids,
        &coupon.pack_ids,
        coupon.is_active,
        coupon.created_at,
        coupon.expires_after_days
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The coupon, locked until the transaction ends.
pub(super) async fn coupon_lock(
    connection: &mut PgConnection,
    id: CouponId,
) -> Result<Option<Coupon>, sqlx::Error> {
    let row = select_coupons!("where id = $1 for update", id.0).fetch_optional(connection).await?;
    row.map(Coupon::try_from).transpose()
}

pub(super) async fn coupon_count_up(
    connection: &mut PgConnection,
    coupon: CouponId,
) -> Result<(), sqlx::Error> {
    sqlx::query!("update coupons set redemptions = redemptions + 1 where id = $1", coupon.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// The oldest order of a user that uses the coupon and waits on a page that can be closed. One that is being settled
/// just now is none.
pub(super) async fn redemption_on_page(
    connection: &mut PgConnection,
    coupon: CouponId,
    user: &UserId,
) -> Result<Option<PaymentId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select p.id as "id: PaymentId" from coupon_redemptions r join payments p on p.id = r.payment_id
           where r.coupon_id = $1 and r.user_id = $2 and p.state = 'pending' and p.provider = 'stripe'
             and p.provider_session is not null and p.superseded_by is null
           order by p.id limit 1 for update of p skip locked"#,
        coupon.0,
        user.as_str()
    )
    .fetch_optional(connection)
    .await
}

pub(super) async fn redemption_move(
    connection: &mut PgConnection,
    from: PaymentId,
    to: PaymentId,
) -> Result<(), sqlx::Error> {
    sqlx::query!("update coupon_redemptions set payment_id = $2 where payment_id = $1", from.0, to.0)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn payment_supersede(
    connection: &mut PgConnection,
    earlier: PaymentId,
    later: PaymentId,
) -> Result<(), sqlx::Error> {
    sqlx::query!("update payments set superseded_by = $2 where id = $1", earlier.0, later.0)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn redemptions_by_user(
    connection: &mut PgConnection,
    coupon: CouponId,
    user: &UserId,
    at_most: i64,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from (
               select from coupon_redemptions where coupon_id = $1 and user_id = $2 limit $3) as used"#,
        coupon.0,
        user.as_str(),
        at_most
    )
    .fetch_one(connection)
    .await
}

pub(super) async fn redemption_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    payment: PaymentId,
    coupon: CouponId,
    user: &UserId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into coupon_redemptions (payment_id, coupon_id, user_id, created_at) values ($1, $2, $3, $4)",
        payment.0,
        coupon.0,
        user.as_str(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn redemptions_delete(
    connection: &mut PgConnection,
    payments: &[PaymentId],
) -> Result<(), sqlx::Error> {
    let payments: Vec<Uuid> = payments.iter().map(|id| id.0).collect();
    sqlx::query!(
        "with gone as (delete from coupon_redemptions where payment_id = any($1) returning coupon_id),
              counted as (select coupon_id, count(*) as orders from gone group by coupon_id)
         update coupons set redemptions = redemptions - counted.orders
         from counted where coupons.id = counted.coupon_id",
        &payments
    )
    .execute(connection)
    .await?;
    Ok(())
}
