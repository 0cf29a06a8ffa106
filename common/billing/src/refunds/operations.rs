//! The verbs of refunds: asking for one, and each step of the job that has it made.

use audit::note;
use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::database::broken_constraint;
use kernel::ids::{OutboxId, PaymentId, RefundRequestId};
use serde_json::json;
use sqlx::PgConnection;

use super::{NewRefund, RefundError, RefundPayment, RefundRequest, RefundState, rules, store};
use crate::payments::{Payment, store as payments};
use crate::reversals::store as reversals;

/// Asks for a refund, with its audit record and its job, in the caller's transaction; the job is none if the same
/// request was made before. The payment is locked until then: however many ask at once, in all never more is given back
/// than was paid.
///
/// # Errors
/// [`RefundError`]; the transaction is then to be rolled back.
pub async fn ask(
    connection: &mut PgConnection,
    now: Timestamp,
    new: &NewRefund,
) -> Result<(RefundRequest, Option<(RefundPayment, OutboxId)>), RefundError> {
    let locked = payments::payments_lock(connection, &[new.payment_id]).await?.pop();
    let payment = locked.ok_or(RefundError::NoPayment)?;
    if let Some(mark) = &new.request
        && let Some((known, fingerprint)) = store::by_request(connection, mark.id).await?
    {
        return if fingerprint == mark.fingerprint {
            Ok((known, None))
        } else {
            Err(RefundError::OtherRequest)
        };
    }
    let known = reversals::of_payment(connection, payment.id).await?;
    let requests = store::of_payments(connection, &[payment.id]).await?;
    let minor = rules::amount(&payment, &known, &requests, new.minor).map_err(RefundError::Refused)?;
    let request = RefundRequest {
        id: RefundRequestId::new(),
        payment_id: payment.id,
        amount_minor: minor,
        reason: new.reason.clone(),
        state: RefundState::Requested,
        refusal: None,
        provider_refund: None,
        asked_at: None,
        created_at: now,
    };
    store::insert(connection, &request, &new.by, new.request.as_ref()).await.map_err(|error| {
        match broken_constraint(&error) {
            // Of another order at the same time.
            Some("refund_requests_by_request") => RefundError::OtherRequest,
            _ => RefundError::Database(error),
        }
    })?;
    let details = json!({ "refundId": request.id, "minor": minor, "reason": new.reason });
    note(connection, now, &new.by, "order.refund", &payment.id.to_string(), details).await?;
    let job = RefundPayment { refund_request_id: request.id };
    let written = outbox::insert(connection, now, &job).await?;
    Ok((request, Some((job, written))))
}

/// A refund that was asked for.
///
/// # Errors
/// Database errors only.
pub async fn find(
    connection: &mut PgConnection,
    id: RefundRequestId,
) -> Result<Option<RefundRequest>, sqlx::Error> {
    store::request(connection, id).await
}

/// The refunds that were asked for of some payments, in the order in which they were.
///
/// # Errors
/// Database errors only.
pub async fn of_payments(
    connection: &mut PgConnection,
    payments: &[PaymentId],
) -> Result<Vec<RefundRequest>, sqlx::Error> {
    store::of_payments(connection, payments).await
}

/// The refund that a job is to have made, and its payment; none if it is settled.
///
/// # Errors
/// Database errors only.
pub async fn open(
    connection: &mut PgConnection,
    job: &RefundPayment,
) -> Result<Option<(RefundRequest, Payment)>, sqlx::Error> {
    let request = store::request(connection, job.refund_request_id).await?;
    let Some(request) = request.filter(|request| request.state == RefundState::Requested) else {
        return Ok(None);
    };
    let payment = payments::payment_by_id(connection, request.payment_id).await?;
    Ok(payment.map(|payment| (request, payment)))
}

/// Notes that the provider is asked from now on; says whether it never was.
///
/// # Errors
/// Database errors only.
pub async fn asked(
    connection: &mut PgConnection,
    now: Timestamp,
    id: RefundRequestId,
) -> Result<bool, sqlx::Error> {
    store::ask(connection, now, id).await
}

/// Notes that the provider has surely not taken the request.
///
/// # Errors
/// Database errors only.
pub async fn not_taken(connection: &mut PgConnection, id: RefundRequestId) -> Result<(), sqlx::Error> {
    store::unask(connection, id).await
}

/// Settles a refund: made, under this id at the provider where it tells one.
///
/// # Errors
/// Database errors only.
pub async fn made(
    connection: &mut PgConnection,
    now: Timestamp,
    id: RefundRequestId,
    provider_refund: Option<&str>,
) -> Result<(), sqlx::Error> {
    store::settle(connection, now, id, RefundState::Done, None, provider_refund).await
}

/// Settles a refund that is not made, or of which that is not known.
///
/// # Errors
/// Database errors only.
pub async fn not_made(
    connection: &mut PgConnection,
    now: Timestamp,
    id: RefundRequestId,
    state: RefundState,
    why: &str,
) -> Result<(), sqlx::Error> {
    store::settle(connection, now, id, state, Some(why), None).await
}
