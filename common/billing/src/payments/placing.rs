//! The SQL of placing an order.

use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, RequestId, UserId};
use kernel::metadata::Metadata;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::{Item, NewOrder, ReturnUrls};

/// The order that a request has placed, and the fingerprint of what it asked for.
///
/// # Errors
/// Database errors only.
pub async fn payment_by_request(
    connection: &mut PgConnection,
    request: RequestId,
) -> Result<Option<(PaymentId, Vec<u8>)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select id as "id: PaymentId", request_fingerprint as "fingerprint!" from payments
           where request_id = $1"#,
        request.0
    );
    Ok(row.fetch_optional(connection).await?.map(|row| (row.id, row.fingerprint)))
}

/// Makes the orders of a user come one after the other, until the end of the transaction.
pub(super) async fn orders_lock(connection: &mut PgConnection, user: &UserId) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('orders:' || $1, 0))", user.as_str())
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// How many orders of a user can still be paid, counted up to `limit`.
pub(super) async fn open_orders(
    connection: &mut PgConnection,
    now: Timestamp,
    user: &UserId,
    limit: i64,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from (
               select from payments
               where user_id = $1 and state in ('created', 'pending') and kind <> 'auto_recharge' and expires_at > $2
               limit $3) as open"#,
        user.as_str(),
        now,
        limit
    )
    .fetch_one(connection)
    .await
}

pub(super) async fn payment_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    id: PaymentId,
    order: &NewOrder,
) -> Result<(), sqlx::Error> {
    let metadata = &order.labels.metadata;
    sqlx::query!(
        "insert into payments (id, user_id, wallet_id, organization_id, dialect, kind, provider, mode, livemode, state,
                               credits, amount_minor, currency, summary, return_urls, created_at, expires_at,
                               plan_id, billing_interval, discount_minor, bonus_credits, expires_after_days,
                               bonus_expires_after_days, reference, metadata, request_id, request_fingerprint)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'created', $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                 $21, $22, $23, $24, $25, $26)",
        id.0,
        order.user_id.as_str(),
        order.wallet_id.0,
        order.organization_id.map(|id| id.0),
        order.dialect.as_str(),
        order.kind.as_str(),
        order.provider.as_str(),
        order.mode.as_str(),
        order.livemode,
        order.credits.millionths(),
        order.amount.minor,
        order.amount.currency.as_str(),
        order.summary,
        order.return_urls.as_ref().map(Json) as Option<Json<&ReturnUrls>>,
        now,
        order.expires_at,
        order.plan.as_ref().map(|plan| &plan.plan_id),
        order.plan.as_ref().map(|plan| plan.interval.as_str()),
        order.redemption.as_ref().map_or(0, |redemption| redemption.discount_minor),
        order.redemption.as_ref().map_or(0, |redemption| redemption.bonus.millionths()),
        order.expires_after_days,
        order.redemption.as_ref().and_then(|redemption| redemption.expires_after_days),
        order.labels.reference,
        (!metadata.is_empty()).then_some(Json(metadata)) as Option<Json<&Metadata>>,
        order.request.as_ref().map(|request| request.id.0),
        order.request.as_ref().map(|request| request.fingerprint.as_slice())
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn items_insert(
    connection: &mut PgConnection,
    payment: PaymentId,
    items: &[Item],
) -> Result<(), sqlx::Error> {
    for (line, item) in (1_i32..).zip(items) {
        sqlx::query!(
            "insert into payment_items (payment_id, line, pack_id, name, quantity, credits, amount_minor)
             values ($1, $2, $3, $4, $5, $6, $7)",
            payment.0,
            line,
            item.pack_id,
            item.name,
            item.quantity,
            item.credits.millionths(),
            item.amount_minor
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
