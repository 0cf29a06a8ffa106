//! Buying credits: the order is stored with its job in one transaction, and the request waits for the payment page
//! up to a deadline. After that, or when the broker is away, the caller is told where to poll; the job is not lost.

use std::time::Duration;

use common::domain::idempotency::{self, Caller, Claim, Claimed, Fingerprint};
use common::domain::payments::operations::order_create;
use common::domain::payments::store::payment_by_id;
use common::domain::payments::{Dialect, Item, Kind, Mode, NewOrder, Payment, Provider};
use common::ids::{OutboxId, PaymentId};
use common::jobs::{AnyJob, CheckoutReply, CreateCheckout};
use common::messaging::outbox;
use common::money::{Credits, Currency, Money};
use serde_json::{Value, json};
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::error::SamsarError;
use super::routes::caller;
use super::types::{self, Fields};
use crate::Shared;
use crate::auth::Principal;
use crate::http::{Call, Response, answer};

/// Stripe charges no less than 50 US cents…
const CREDITS_MIN: i64 = 50;
/// …and no more than eight digits.
const CREDITS_MAX: i64 = 99_999_999;
/// How long an order can be paid; the provider's page closes no later.
const PAYABLE: Duration = Duration::from_hours(24);

pub(super) async fn recharge(api: Shared, call: Call) -> Result<Response, SamsarError> {
    let principal = caller(&api, &call).await?;
    let credits = Fields::read(&call)?.credits()?;
    if credits < CREDITS_MIN {
        let message = format!("credits must be at least {CREDITS_MIN}: Stripe's minimum charge is $0.50.");
        return Err(SamsarError::bad_request(message));
    }
    if credits > CREDITS_MAX {
        return Err(types::too_many());
    }
    let order = order(&api, &principal, credits)?;
    let (payment, outbox_id) = match claim(&api, &call, &principal).await? {
        Claimable::Fresh(claimed) => {
            let (payment, outbox_id) = create(&api, &order, claimed.as_ref()).await?;
            (payment, Some(outbox_id))
        }
        Claimable::Ordered(id) => (ordered(&api, id).await?, None),
    };
    if let Some(session) = &payment.provider_session {
        // Ordered before. The page's address is gone once it cannot be paid on any more.
        let body = types::recharge(&payment, Some(session), payment.checkout_url.as_deref());
        return Ok(answer(StatusCode::OK, &body));
    }
    if wants_async(&call.headers) {
        if let Some(id) = outbox_id {
            let api = Shared::clone(&api);
            tokio::spawn(async move { outbox::publish(&api.pool, &api.publisher, &[id]).await });
        }
        let mut response = accepted(&payment);
        response.headers_mut().insert("preference-applied", HeaderValue::from_static("respond-async"));
        return Ok(response);
    }
    open(&api, payment, outbox_id).await
}

fn order(api: &Shared, principal: &Principal, credits: i64) -> Result<NewOrder, SamsarError> {
    let summary = format!("Purchase {credits} credits");
    let amount = Money::new(credits, Currency::USD);
    let credits = Credits::from_whole(credits).map_err(|_| types::too_many())?;
    Ok(NewOrder {
        user_id: principal.user_id.clone(),
        wallet_id: principal.wallet_id,
        organization_id: None,
        dialect: Dialect::Samsar,
        kind: Kind::OneTime,
        provider: Provider::Stripe,
        mode: Mode::Payment,
        livemode: api.config.mode.is_live(),
        items: vec![Item {
            pack_id: None,
            name: summary.clone(),
            quantity: 1,
            credits,
            amount_minor: amount.minor,
        }],
        credits,
        amount,
        summary,
        return_urls: None,
        expires_at: api.clock.now() + PAYABLE,
    })
}

/// Whether there is an order for this request already.
enum Claimable {
    /// No. With a key, the order is recorded under this claim.
    Fresh(Option<Claimed>),
    /// This one.
    Ordered(PaymentId),
}

async fn claim(api: &Shared, call: &Call, principal: &Principal) -> Result<Claimable, SamsarError> {
    let Some(value) = call.headers.get("idempotency-key") else { return Ok(Claimable::Fresh(None)) };
    let key = value.to_str().ok().filter(|text| (1..=255).contains(&text.len())).ok_or_else(|| {
        SamsarError::bad_request("Idempotency-Key must have 1 to 255 printable ASCII characters.")
    })?;
    let conflict = |message| Err(SamsarError::new(StatusCode::CONFLICT, message));
    let caller = Caller(format!("samsar:{}", principal.user_id));
    // Both versions of the path are the same operation.
    let fingerprint = Fingerprint::of("POST", "/credits/recharge", &call.body);
    match idempotency::operations::claim(&api.pool, api.clock.now(), caller, key, fingerprint).await? {
        Claim::First(claimed) => Ok(Claimable::Fresh(Some(claimed))),
        Claim::Done { body, .. } => {
            let id = body.as_ref().and_then(|body| body.get("paymentId")).and_then(Value::as_str);
            let id = id.and_then(|id| id.parse().ok());
            id.map(Claimable::Ordered).ok_or_else(|| SamsarError::internal("a recorded order has no id"))
        }
        Claim::InProgress => conflict("A request with this Idempotency-Key is being worked on."),
        Claim::OtherRequest => conflict("This Idempotency-Key was used for another request."),
    }
}

/// Stores the order, the job that opens its page, and the record for the idempotency key, together.
async fn create(
    api: &Shared,
    order: &NewOrder,
    claimed: Option<&Claimed>,
) -> Result<(Payment, OutboxId), SamsarError> {
    let now = api.clock.now();
    let mut transaction = api.pool.begin().await?;
    let payment = order_create(&mut transaction, now, order).await?;
    let outbox_id = outbox::insert(&mut transaction, now, &job(&payment)).await?;
    if let Some(claimed) = claimed {
        let record = json!({ "paymentId": payment.id });
        idempotency::operations::finish_within(&mut transaction, claimed, 200, Some(&record)).await?;
    }
    transaction.commit().await?;
    Ok((payment, outbox_id))
}

async fn ordered(api: &Shared, id: PaymentId) -> Result<Payment, SamsarError> {
    let mut connection = api.pool.acquire().await?;
    payment_by_id(&mut connection, id).await?.ok_or_else(|| SamsarError::internal("a recorded order is gone"))
}

/// Waits for the payment page.
async fn open(api: &Shared, payment: Payment, outbox_id: Option<OutboxId>) -> Result<Response, SamsarError> {
    let Ok(reply) = api.inbox.call(&job(&payment), api.config.checkout_deadline).await else {
        // The job stays in the outbox, from where it is sent until the broker has it.
        return Ok(accepted(&payment));
    };
    if let Some(id) = outbox_id
        && let Err(error) = outbox::remove(&api.pool, id).await
    {
        tracing::debug!(%error, "a job that is done stays in the outbox; doing it again changes nothing");
    }
    match serde_json::from_value(reply).map_err(SamsarError::internal)? {
        CheckoutReply::Opened { session, url, payment_intent } => {
            let payment = Payment { provider_payment: payment_intent, ..payment };
            Ok(answer(StatusCode::OK, &types::recharge(&payment, Some(&session), Some(&url))))
        }
        CheckoutReply::Refused { status, message } => Err(refused(status, message)),
    }
}

fn job(payment: &Payment) -> AnyJob {
    CreateCheckout { payment_id: payment.id }.into()
}

/// The provider's refusal in its own words, where it concerns the order; our credentials there are our business.
fn refused(status: u16, message: String) -> SamsarError {
    match StatusCode::from_u16(status) {
        Ok(
            status @ (StatusCode::BAD_REQUEST
            | StatusCode::PAYMENT_REQUIRED
            | StatusCode::NOT_FOUND
            | StatusCode::CONFLICT
            | StatusCode::UNPROCESSABLE_ENTITY),
        ) => SamsarError::new(status, message),
        Ok(_) | Err(_) => SamsarError::internal(format!("the provider refused an order with {status}")),
    }
}

/// The order is taken; its page is not open yet.
fn accepted(payment: &Payment) -> Response {
    let endpoint = format!("/v1/payment_status?paymentId={}", payment.id);
    let mut body = types::recharge(payment, None, None);
    if let Some(body) = body.as_object_mut() {
        body.insert("status".to_owned(), json!("pending"));
        body.insert("paymentId".to_owned(), json!(payment.id));
        body.insert("paymentStatusEndpoint".to_owned(), json!(endpoint));
    }
    let mut response = answer(StatusCode::ACCEPTED, &body);
    if let Ok(location) = HeaderValue::from_str(&endpoint) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
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
