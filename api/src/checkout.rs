//! Ordering, for every dialect: the order is stored with its job in one transaction, and the request waits for the
//! payment page up to a deadline. After that, or when the broker is away, the answer says where to poll; the job is not
//! lost. An `Idempotency-Key` makes a repeated request the same order.

use std::time::Duration;

use billing::payments::facts::given;
use billing::payments::ordering::{check_open_orders, order_create, take_check};
use billing::payments::placing::payment_by_request;
use billing::payments::store::payment_by_id;
use billing::payments::{
    ApplyPaymentFact, CheckoutReply, CreateCheckout, Mode, NewOrder, Payment, RequestMark, VerifyPayment,
    superseding,
};
use identity::idempotency::{self, Caller, Claim, Claimed, Fingerprint};
use jobs::outbox;
use kernel::crash::{self, Step};
use kernel::deadline;
use kernel::ids::{OutboxId, PaymentId};
use messaging::inbox::CallError;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use sqlx::{PgConnection, Postgres, Transaction};
use warp::http::{HeaderMap, StatusCode};

use crate::commands::{carry_out, forget, publish_notices_since, publish_soon};
use crate::http::call::Call;
use crate::problem::{Problem, ProblemKind};
use crate::state::SharedState;

/// How long an order can be paid; the provider's page closes no later.
pub(crate) const PAYABLE: Duration = Duration::from_hours(24);
/// The same for an order with a coupon: no other order can use the coupon meanwhile. Stripe closes no page sooner
/// than 30 minutes after it was opened.
pub(crate) const PAYABLE_WITH_COUPON: Duration = Duration::from_mins(45);
/// The least time between two questions to the provider about one payment.
const PAUSE: time::Duration = time::Duration::seconds(3);

/// What became of an order.
#[derive(Debug)]
pub(crate) enum Ordered {
    /// Its page is open, or was when it was ordered before. The page's address is gone once it cannot be paid on.
    Open(Box<Payment>),
    /// It is taken; its page will be open soon. `preferred` says that the caller asked not to wait.
    Accepted { payment: Box<Payment>, preferred: bool },
    /// The provider refuses it, with its HTTP status and in words fit for the buyer.
    Refused { status: u16, message: String },
}

/// Stores an order and waits for its page. `scope` keeps the idempotency keys of dialects and users apart, and
/// `operation` is what the request does, whichever of its paths it came by.
pub(crate) async fn order(
    api: &SharedState,
    call: &Call,
    scope: String,
    operation: &str,
    order: &NewOrder,
) -> Result<Ordered, Problem> {
    let stored = order.clone();
    let created = once(api, call, scope, operation, |api, claimed| async move {
        create(&api, &stored, claimed.as_ref()).await
    });
    match created.await? {
        Once::Done((payment, outbox_id)) => open(api, call, payment, Some(outbox_id)).await,
        Once::Before(id) => open(api, call, ordered(api, id).await?, None).await,
    }
}

/// Stores an order that is placed once for its request, for ever, and waits for its page.
pub(crate) async fn place(api: &SharedState, call: &Call, order: &NewOrder) -> Result<Ordered, Problem> {
    match create(api, order, None).await {
        Ok((payment, outbox_id)) => open(api, call, payment, Some(outbox_id)).await,
        Err(problem) => {
            let payment = placed_meanwhile(api, order, problem).await?;
            open(api, call, payment, None).await
        }
    }
}

/// Stores an order without a price, once for its request, and has it credited in the way of every paid order. Says
/// whether it is credited already; if not, it will be.
pub(crate) async fn give_once(api: &SharedState, order: &NewOrder) -> Result<(Payment, bool), Problem> {
    let mut transaction = api.pool.begin().await?;
    match store(api, &mut transaction, order, None).await {
        Ok(payment) => {
            let applied = give_stored(api, transaction, &payment).await?;
            Ok((payment, applied))
        }
        Err(problem) => {
            drop(transaction);
            let payment = placed_meanwhile(api, order, problem).await?;
            let applied = payment.state.is_paid();
            Ok((payment, applied))
        }
    }
}

/// The order that the same request has placed before, if it has placed one.
pub(crate) async fn placed_before(
    api: &SharedState,
    mark: Option<&RequestMark>,
) -> Result<Option<Payment>, Problem> {
    let Some(mark) = mark else { return Ok(None) };
    let known = payment_by_request(&mut *api.pool.acquire().await?, mark.id).await?;
    match known {
        Some((id, fingerprint)) if fingerprint == mark.fingerprint => ordered(api, id).await.map(Some),
        Some(_) => Err(ProblemKind::IdempotencyKeyReused.into()),
        None => Ok(None),
    }
}

/// The order that the same request has placed while this one was about to; else the problem.
async fn placed_meanwhile(api: &SharedState, order: &NewOrder, problem: Problem) -> Result<Payment, Problem> {
    if problem.kind != ProblemKind::IdempotencyKeyInUse {
        return Err(problem);
    }
    placed_before(api, order.request.as_ref()).await?.ok_or(problem)
}

/// The order of a request that was made before.
async fn ordered(api: &SharedState, id: PaymentId) -> Result<Payment, Problem> {
    let payment = payment_by_id(&mut *api.pool.acquire().await?, id).await?;
    payment.ok_or_else(|| Problem::internal("a recorded order is gone"))
}

/// Opens the page of a stored order, unless it is open. `outbox_id` is the row of its job, if that has just been
/// written.
pub(crate) async fn open(
    api: &SharedState,
    call: &Call,
    payment: Payment,
    outbox_id: Option<OutboxId>,
) -> Result<Ordered, Problem> {
    if payment.provider_session.is_some() {
        return Ok(Ordered::Open(Box::new(payment)));
    }
    if wants_async(&call.headers) {
        if let Some(id) = outbox_id {
            publish_soon(api, id);
        }
        return Ok(Ordered::Accepted { payment: Box::new(payment), preferred: true });
    }
    let reply = match api.inbox.call(&job(&payment), api.config.checkout_deadline).await {
        Ok(reply) => reply,
        Err(error @ CallError::Unreadable) => return Err(Problem::internal(error)),
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

/// Stores an order without a price and has it credited in the way of every paid order. Says whether it is credited
/// already; if not, it will be. See [`order`] for `scope` and `operation`.
pub(crate) async fn give(
    api: &SharedState,
    call: &Call,
    scope: String,
    operation: &str,
    order: &NewOrder,
) -> Result<(Payment, bool), Problem> {
    let stored = order.clone();
    let given = once(api, call, scope, operation, |api, claimed| async move {
        let mut transaction = api.pool.begin().await?;
        let payment = store(&api, &mut transaction, &stored, claimed.as_ref()).await?;
        let applied = give_stored(&api, transaction, &payment).await?;
        Ok((payment, applied))
    });
    match given.await? {
        Once::Done(given) => Ok(given),
        Once::Before(id) => {
            let payment = ordered(api, id).await?;
            let applied = payment.state.is_paid();
            Ok((payment, applied))
        }
    }
}

/// As [`give`], for an order that `transaction` has stored: commits it with the job.
pub(crate) async fn give_stored(
    api: &SharedState,
    mut transaction: Transaction<'_, Postgres>,
    payment: &Payment,
) -> Result<bool, sqlx::Error> {
    let job = ApplyPaymentFact { fact: Box::new(given(payment)) };
    let outbox_id = outbox::insert(&mut transaction, api.clock.now(), &job).await?;
    crash::point(Step::Written, "gift");
    transaction.commit().await?;
    crash::point(Step::Committed, "gift");
    // The notices of the order were inserted after it, so their ids are larger than its id.
    publish_notices_since(api, OutboxId(payment.id.0));
    Ok(carry_out::<IgnoredAny>(api, &job, outbox_id).await.is_some())
}

/// Starts asking the provider how an open order stands, in the background and not too often, for the next poll.
pub(crate) async fn refresh(
    api: &SharedState,
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

/// The provider's refusal of an order, in its own words where it concerns the order. Refused credentials do not concern
/// the buyer.
pub(crate) fn refused(status: u16, message: String) -> Problem {
    let about_the_order = [
        StatusCode::BAD_REQUEST,
        StatusCode::PAYMENT_REQUIRED,
        StatusCode::NOT_FOUND,
        StatusCode::CONFLICT,
        StatusCode::UNPROCESSABLE_ENTITY,
    ];
    match about_the_order.into_iter().find(|known| known.as_u16() == status) {
        Some(status) => Problem::new(ProblemKind::ProviderRefused(status), message),
        None => Problem::internal(format!("the provider refused an order with {status}")),
    }
}

/// Whether a request was new.
enum Once<Done> {
    /// It was, and this is done.
    Done(Done),
    /// It was made before and led to this order.
    Before(PaymentId),
}

/// Does what stores an order, once for each key. A key whose order was not stored can be used again at once; the work
/// goes on when the caller hangs up, so that the key does not stay claimed.
async fn once<Done, Work>(
    api: &SharedState,
    call: &Call,
    scope: String,
    operation: &str,
    work: impl FnOnce(SharedState, Option<Claimed>) -> Work + Send + 'static,
) -> Result<Once<Done>, Problem>
where
    Work: Future<Output = Result<Done, Problem>> + Send,
    Done: Send + 'static,
{
    let Some(key) = call.idempotency_key()?.map(str::to_owned) else {
        return work(SharedState::clone(api), None).await.map(Once::Done);
    };
    let fingerprint = Fingerprint::of("POST", operation, &call.body);
    let api = SharedState::clone(api);
    let limit = api.config.connections.database_deadline;
    let working = deadline::spawn(limit, async move {
        let (now, caller) = (api.clock.now(), Caller(scope));
        match idempotency::operations::claim(&api.pool, now, caller, &key, fingerprint).await? {
            Claim::First(claimed) => {
                let done = work(SharedState::clone(&api), Some(claimed.clone())).await;
                if done.is_err()
                    && let Err(error) = idempotency::operations::abandon(&api.pool, &claimed).await
                {
                    tracing::warn!(%error, "the key of an order that was not stored stays claimed for a minute");
                }
                done.map(Once::Done)
            }
            Claim::Done { body, .. } => {
                let id = body.as_ref().and_then(|body| body.get("paymentId")).and_then(Value::as_str);
                id.and_then(|id| id.parse().ok())
                    .map(Once::Before)
                    .ok_or_else(|| Problem::internal("a recorded order has no id"))
            }
            Claim::InProgress => Err(ProblemKind::IdempotencyKeyInUse.into()),
            Claim::OtherRequest => Err(ProblemKind::IdempotencyKeyReused.into()),
        }
    });
    working.await.map_err(Problem::internal)?.map_err(Problem::unavailable)?
}

/// Stores the order, the job that opens its page, and the record for the idempotency key, together.
async fn create(
    api: &SharedState,
    order: &NewOrder,
    claimed: Option<&Claimed>,
) -> Result<(Payment, OutboxId), Problem> {
    let (now, before) = (api.clock.now(), OutboxId::new());
    let mut transaction = api.pool.begin().await?;
    let payment = store(api, &mut transaction, order, claimed).await?;
    let outbox_id = outbox::insert(&mut transaction, now, &job(&payment)).await?;
    crash::point(Step::Written, "order");
    transaction.commit().await?;
    crash::point(Step::Committed, "order");
    publish_notices_since(api, before);
    Ok((payment, outbox_id))
}

/// Stores the order and the record for the idempotency key.
async fn store(
    api: &SharedState,
    connection: &mut PgConnection,
    order: &NewOrder,
    claimed: Option<&Claimed>,
) -> Result<Payment, Problem> {
    let now = api.clock.now();
    check_open_orders(connection, now, &order.user_id, api.config.open_orders_max).await?;
    let earlier = match order.mode {
        Mode::Subscription if !api.config.several_subscriptions => {
            superseding::require_sole_subscription(connection, order).await?
        }
        Mode::Subscription | Mode::Payment | Mode::Setup => Vec::new(),
    };
    let payment = order_create(connection, now, order).await?;
    superseding::supersede(connection, &earlier, payment.id).await?;
    if let Some(claimed) = claimed {
        let record = json!({ "paymentId": payment.id });
        idempotency::operations::finish_within(connection, claimed, 200, Some(&record)).await?;
    }
    Ok(payment)
}

pub(crate) fn job(payment: &Payment) -> CreateCheckout {
    CreateCheckout { payment_id: payment.id }
}

/// Whether the caller prefers not to wait (RFC 7240).
pub(crate) fn wants_async(headers: &HeaderMap) -> bool {
    let lines = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .filter_map(|preference| preference.split(';').next())
        .any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}

#[cfg(test)]
mod tests {
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
