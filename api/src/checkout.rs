//! Ordering, for every dialect: the order is stored with its job in one transaction, and the request waits for the
//! payment page up to a deadline. After that, or when the broker is away, the caller is told where to poll; the job
//! is not lost. An `Idempotency-Key` makes a repeated request the same order.

use std::time::Duration;

use billing::coupons::CouponRefusal;
use billing::payments::facts::given;
use billing::payments::ordering::{OrderError, order_create, take_check};
use billing::payments::store::payment_by_id;
use billing::payments::{ApplyPaymentFact, CheckoutReply, CreateCheckout, VerifyPayment};
use billing::payments::{NewOrder, Payment};
use identity::idempotency;
use identity::idempotency::{Caller, Claim, Claimed, Fingerprint};
use kernel::clock::Timestamp;
use kernel::crash;
use kernel::crash::Step;
use kernel::ids::{OutboxId, PaymentId};
use messaging::inbox::CallError;
use messaging::outbox;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use sqlx::{PgConnection, Postgres, Transaction};
use warp::http::{HeaderMap, StatusCode};

use crate::Shared;
use crate::commands::{carry_out, forget};
use crate::http::Call;

/// How long an order can be paid; the provider's page closes no later.
pub(crate) const PAYABLE: Duration = Duration::from_hours(24);
/// Between two questions to the provider about one payment.
const PAUSE: time::Duration = time::Duration::seconds(3);

/// What became of an order.
#[derive(Debug)]
pub(crate) enum Ordered {
    /// Its page is open, or was when it was ordered before. The page's address is gone once it cannot be paid on.
    Open(Box<Payment>),
    /// It is taken; its page will be open soon. `preferred` says that the caller asked not to wait.
    Accepted {
        /// The order.
        payment: Box<Payment>,
        /// Whether the caller asked for this.
        preferred: bool,
    },
    /// The provider refuses it.
    Refused {
        /// The provider's HTTP status.
        status: u16,
        /// Its words, fit for the buyer.
        message: String,
    },
}

/// Why nothing was ordered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOrdered {
    /// The key is too long, empty or no text.
    #[error("Idempotency-Key must have 1 to 255 printable ASCII characters.")]
    BadKey,
    /// The same request is being worked on.
    #[error("A request with this Idempotency-Key is being worked on.")]
    InProgress,
    /// The key was used for something else.
    #[error("This Idempotency-Key was used for another request.")]
    OtherRequest,
    /// Its coupon is used up.
    #[error(transparent)]
    Coupon(#[from] CouponRefusal),
    /// Our own record makes no sense.
    #[error("{0}")]
    Internal(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<OrderError> for NotOrdered {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Coupon(error) => Self::Coupon(error),
            OrderError::Database(error) => Self::Database(error),
        }
    }
}

/// Stores an order and waits for its page. `scope` keeps the idempotency keys of dialects and users apart, and
/// `operation` is what the request does, whichever of its paths it came by.
pub(crate) async fn order(
    api: &Shared,
    call: &Call,
    scope: String,
    operation: &str,
    order: &NewOrder,
) -> Result<Ordered, NotOrdered> {
    match claim(api, call, scope, operation).await? {
        Claimable::Fresh(claimed) => {
            let (payment, outbox_id) = create(api, order, claimed.as_ref()).await?;
            open(api, call, payment, Some(outbox_id)).await
        }
        Claimable::Ordered(id) => open(api, call, ordered(api, id).await?, None).await,
    }
}

/// The order of a request that was made before.
async fn ordered(api: &Shared, id: PaymentId) -> Result<Payment, NotOrdered> {
    let payment = payment_by_id(&mut *api.pool.acquire().await?, id).await?;
    payment.ok_or_else(|| NotOrdered::Internal("a recorded order is gone".to_owned()))
}

/// Has the page of a stored order opened, or says that it is open. `outbox_id` is the row of its job, if that has
/// just been written.
pub(crate) async fn open(
    api: &Shared,
    call: &Call,
    payment: Payment,
    outbox_id: Option<OutboxId>,
) -> Result<Ordered, NotOrdered> {
    if payment.provider_session.is_some() {
        return Ok(Ordered::Open(Box::new(payment)));
    }
    if wants_async(&call.headers) {
        if let Some(id) = outbox_id {
            let api = Shared::clone(api);
            tokio::spawn(async move { outbox::publish(&api.pool, &api.publisher, &[id]).await });
        }
        return Ok(Ordered::Accepted { payment: Box::new(payment), preferred: true });
    }
    let reply = match api.inbox.call(&job(&payment), api.config.checkout_deadline).await {
        Ok(reply) => reply,
        Err(error @ CallError::Unreadable) => return Err(NotOrdered::Internal(error.to_string())),
        // The job stays in the outbox, from where it is sent until the broker has it.
        Err(CallError::TimedOut | CallError::Unavailable) => {
            return Ok(Ordered::Accepted { payment: Box::new(payment), preferred: false });
        }
    };
    crash::point(Step::Done, "order");
    if let Some(id) = outbox_id {
        forget(api, id).await;
    }
    crash::point(Step::Settled, "order");
    match reply {
        CheckoutReply::Opened { session, url, payment_intent } => Ok(Ordered::Open(Box::new(Payment {
            provider_session: Some(session),
            checkout_url: Some(url),
            provider_payment: payment_intent,
            ..payment
        }))),
        CheckoutReply::Refused { status, message } => Ok(Ordered::Refused { status, message }),
    }
}

/// Stores an order that nobody pays for and has it credited on the way of every paid one. Says whether that is done
/// already; if not, it will be. See [`order`] for `scope` and `operation`.
pub(crate) async fn give(
    api: &Shared,
    call: &Call,
    scope: String,
    operation: &str,
    order: &NewOrder,
) -> Result<(Payment, bool), NotOrdered> {
    match claim(api, call, scope, operation).await? {
        Claimable::Fresh(claimed) => {
            let mut transaction = api.pool.begin().await?;
            let payment = store(&mut transaction, api.clock.now(), order, claimed.as_ref()).await?;
            let applied = give_stored(api, transaction, &payment).await?;
            Ok((payment, applied))
        }
        Claimable::Ordered(id) => {
            let payment = ordered(api, id).await?;
            let applied = payment.state.is_paid();
            Ok((payment, applied))
        }
    }
}

/// As [`give`], for an order that the transaction has stored, which is committed with the job.
pub(crate) async fn give_stored(
    api: &Shared,
    mut transaction: Transaction<'_, Postgres>,
    payment: &Payment,
) -> Result<bool, sqlx::Error> {
    let job = ApplyPaymentFact { fact: Box::new(given(payment)) };
    let outbox_id = jobs::outbox::insert(&mut transaction, api.clock.now(), &job).await?;
    crash::point(Step::Written, "gift");
    transaction.commit().await?;
    crash::point(Step::Committed, "gift");
    Ok(carry_out::<IgnoredAny>(api, &job, outbox_id).await.is_some())
}

/// Has the provider asked how an open order stands, in the background and not too often, for the next poll.
pub(crate) async fn refresh(
    api: &Shared,
    connection: &mut PgConnection,
    payment: &Payment,
) -> Result<(), sqlx::Error> {
    let askable = payment.state.is_open() && payment.provider_session.is_some();
    if askable && take_check(connection, api.clock.now(), payment.id, PAUSE).await? {
        let job = VerifyPayment { payment_id: payment.id };
        let publisher = api.publisher.clone();
        tokio::spawn(async move {
            if let Err(error) = publisher.publish(&job).await {
                tracing::debug!(%error, "a payment is not refreshed now; a later poll asks again");
            }
        });
    }
    Ok(())
}

/// The provider's refusal of an order as a status for the buyer, where it concerns the order: our credentials there
/// are our business.
pub(crate) fn refusal(status: u16) -> Option<StatusCode> {
    let status = StatusCode::from_u16(status).ok()?;
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::PAYMENT_REQUIRED
            | StatusCode::NOT_FOUND
            | StatusCode::CONFLICT
            | StatusCode::UNPROCESSABLE_ENTITY
    )
    .then_some(status)
}

/// Whether there is an order for this request already.
enum Claimable {
    /// No. With a key, the order is recorded under this claim.
    Fresh(Option<Claimed>),
    /// This one.
    Ordered(PaymentId),
}

async fn claim(api: &Shared, call: &Call, scope: String, operation: &str) -> Result<Claimable, NotOrdered> {
    let key = call.idempotency_key().map_err(|_| NotOrdered::BadKey)?;
    let Some(key) = key else { return Ok(Claimable::Fresh(None)) };
    let fingerprint = Fingerprint::of("POST", operation, &call.body);
    match idempotency::operations::claim(&api.pool, api.clock.now(), Caller(scope), key, fingerprint).await? {
        Claim::First(claimed) => Ok(Claimable::Fresh(Some(claimed))),
        Claim::Done { body, .. } => {
            let id = body.as_ref().and_then(|body| body.get("paymentId")).and_then(Value::as_str);
            id.and_then(|id| id.parse().ok())
                .map(Claimable::Ordered)
                .ok_or_else(|| NotOrdered::Internal("a recorded order has no id".to_owned()))
        }
        Claim::InProgress => Err(NotOrdered::InProgress),
        Claim::OtherRequest => Err(NotOrdered::OtherRequest),
    }
}

/// Stores the order, the job that opens its page, and the record for the idempotency key, together.
async fn create(
    api: &Shared,
    order: &NewOrder,
    claimed: Option<&Claimed>,
) -> Result<(Payment, OutboxId), NotOrdered> {
    let now = api.clock.now();
    let mut transaction = api.pool.begin().await?;
    let payment = store(&mut transaction, now, order, claimed).await?;
    let outbox_id = jobs::outbox::insert(&mut transaction, now, &job(&payment)).await?;
    crash::point(Step::Written, "order");
    transaction.commit().await?;
    crash::point(Step::Committed, "order");
    Ok((payment, outbox_id))
}

/// Stores the order and the record for the idempotency key.
async fn store(
    connection: &mut PgConnection,
    now: Timestamp,
    order: &NewOrder,
    claimed: Option<&Claimed>,
) -> Result<Payment, NotOrdered> {
    let payment = order_create(connection, now, order).await?;
    if let Some(claimed) = claimed {
        let record = json!({ "paymentId": payment.id });
        idempotency::operations::finish_within(connection, claimed, 200, Some(&record)).await?;
    }
    Ok(payment)
}

/// The job that opens an order's page.
pub(crate) fn job(payment: &Payment) -> CreateCheckout {
    CreateCheckout { payment_id: payment.id }
}

/// Whether the caller prefers not to wait (RFC 7240).
fn wants_async(headers: &HeaderMap) -> bool {
    let lines = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .filter_map(|preference| preference.split(';').next())
        .any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn preferences_are_a_list() {
        let wants = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", text.parse().unwrap());
            wants_async(&headers)
        };
        assert!(wants("respond-async") && wants("wait=5, Respond-Async; x=1"));
        assert!(!wants("respond-asynchronously") && !wants("wait=5"));
        assert!(!wants_async(&HeaderMap::new()));
    }
}
