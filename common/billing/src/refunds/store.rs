//! The SQL of refunds that are asked for.

use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, RefundRequestId, RequestId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{RefundRequest, RefundState};
use crate::payments::RequestMark;

/// A query for refunds: all columns, and the condition that follows.
macro_rules! select_requests {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            RefundRequest,
            r#"select id as "id: RefundRequestId", payment_id as "payment_id: PaymentId", amount_minor, reason,
                      state as "state: RefundState", refusal, provider_refund, asked_at, created_at
               from refund_requests where "#
                + $condition
            $(, $argument)*
        )
    };
}

pub(super) async fn request(
    connection: &mut PgConnection,
    id: RefundRequestId,
) -> Result<Option<RefundRequest>, sqlx::Error> {
    select_requests!("id = $1", id.0).fetch_optional(connection).await
}

pub(super) async fn of_payments(
    connection: &mut PgConnection,
    payments: &[PaymentId],
) -> Result<Vec<RefundRequest>, sqlx::Error> {
    let ids: Vec<Uuid> = payments.iter().map(|id| id.0).collect();
    select_requests!("payment_id = any($1) order by payment_id, id", &ids).fetch_all(connection).await
}

/// The refund that a request asked for, and the fingerprint of the request.
pub(super) async fn by_request(
    connection: &mut PgConnection,
    request: RequestId,
) -> Result<Option<(RefundRequest, Vec<u8>)>, sqlx::Error> {
    let found = sqlx::query!(
        r#"select id as "id: RefundRequestId", request_fingerprint as "fingerprint!" from refund_requests
           where request_id = $1"#,
        request.0
    );
    let Some(found) = found.fetch_optional(&mut *connection).await? else { return Ok(None) };
    Ok(self::request(connection, found.id).await?.map(|request| (request, found.fingerprint)))
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    request: &RefundRequest,
    by: &str,
    mark: Option<&RequestMark>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into refund_requests (id, payment_id, amount_minor, reason, requested_by, state, request_id,
                                      request_fingerprint, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        request.id.0,
        request.payment_id.0,
        request.amount_minor,
        request.reason,
        by,
        request.state.as_str(),
        mark.map(|mark| mark.id.0),
        mark.map(|mark| mark.fingerprint.as_slice()),
        request.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that the provider is asked from now on; says whether nobody had asked before.
pub(super) async fn ask(
    connection: &mut PgConnection,
    now: Timestamp,
    id: RefundRequestId,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update refund_requests set asked_at = $2, updated_at = $2 where id = $1 and asked_at is null",
        id.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that the provider has not taken the request: it may be asked again.
pub(super) async fn unask(connection: &mut PgConnection, id: RefundRequestId) -> Result<(), sqlx::Error> {
    sqlx::query!("update refund_requests set asked_at = null where id = $1", id.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Settles a refund that is open; a settled one stays as it is.
pub(super) async fn settle(
    connection: &mut PgConnection,
    now: Timestamp,
    id: RefundRequestId,
    state: RefundState,
    refusal: Option<&str>,
    provider_refund: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update refund_requests set state = $2, refusal = $3, provider_refund = $4, updated_at = $5
         where id = $1 and state = 'requested'",
        id.0,
        state.as_str(),
        refusal,
        provider_refund,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
