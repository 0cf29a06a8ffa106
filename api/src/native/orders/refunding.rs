//! Giving the money of an order back.

use billing::refunds::{
    NewRefund, RefundError, RefundRefusal, RefundReply, RefundRequest, RefundState, operations,
};
use identity::rights::Scope;
use kernel::money::Currency;
use serde::Deserialize;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::views::RefundView;
use super::{mark, no_order, sale_for};
use crate::commands::carry_out;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::Id;
use crate::http::{Response, answer};
use crate::native::reasons::checked_reason;
use crate::problem::{ErrorCode, Problem, ProblemKind};
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::post(
        "/purser/v1/orders/{orderId}/refund",
        refund,
        Description::new(Access::Allowed(Scope::Manage), "Give money of an order back")
            .says(
                "All that is left, or a part; the credits follow as with any refund. In all never more goes back than \
                 was paid, and with its `Idempotency-Key` a request gives back once, for ever. What the provider \
                 refuses is 409 in its words, and in the order's `refunds`. Creem gives back all that is left only.",
            )
            .path_parameter::<Id>("orderId", "The order's id.")
            .idempotency_key()
            .takes::<RefundInput>()
            .answers::<RefundView>(StatusCode::OK, "The provider has made the refund.")
            .answers::<RefundView>(StatusCode::ACCEPTED, "It will, unless it refuses: see the order.")
            .refuses(&[StatusCode::NOT_FOUND]),
    )]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewRefund, example = json!({"minor": 100, "reason": "The customer asked for it"}))]
struct RefundInput {
    /// How much, in smallest units, with tax as it was charged; all that is left unless given.
    #[schema(minimum = 1)]
    minor: Option<i64>,
    /// For the audit log.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

async fn refund(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Manage).await?;
    let input: RefundInput = read_object(&call)?;
    if input.minor.is_some_and(|minor| minor < 1) {
        return Err(Problem::invalid("minor must be at least 1"));
    }
    let reason = checked_reason(input.reason)?;
    let request = mark(&call, &caller, "refund")?;
    let payment = sale_for(&api, &caller, &call, Scope::Manage).await?.payment;
    let new = NewRefund { payment_id: payment.id, minor: input.minor, reason, by: caller.actor, request };
    let mut transaction = api.pool.begin().await?;
    let (asked, job) = operations::ask(&mut transaction, api.clock.now(), &new).await?;
    transaction.commit().await?;
    let Some((job, outbox_id)) = job else { return respond(asked, payment.due().currency) };
    // However it ends, it is written with the request.
    carry_out::<RefundReply>(&api, &job, outbox_id).await;
    let found = operations::find(&mut *api.pool.acquire().await?, asked.id).await?;
    respond(found.unwrap_or(asked), payment.due().currency)
}

fn respond(request: RefundRequest, currency: Currency) -> Result<Response, Problem> {
    let status = match request.state {
        RefundState::Requested => StatusCode::ACCEPTED,
        RefundState::Done => StatusCode::OK,
        RefundState::Refused | RefundState::Unclear => {
            let words = request.refusal.unwrap_or_else(|| "The payment provider refuses.".to_owned());
            return Err(Problem::conflict(ErrorCode::ProviderRefused, words));
        }
    };
    Ok(answer(status, &RefundView::of(request, currency)))
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Self {
        let refusal = match error {
            RefundError::NoPayment => return no_order(),
            RefundError::OtherRequest => return ProblemKind::IdempotencyKeyReused.into(),
            RefundError::Database(error) => return error.into(),
            RefundError::Refused(refusal) => refusal,
        };
        let code = match refusal {
            RefundRefusal::Unpaid => ErrorCode::OrderNotPaid,
            RefundRefusal::NothingLeft => ErrorCode::AlreadyRefunded,
            RefundRefusal::MoreThanLeft(_) => ErrorCode::RefundExceedsPayment,
            RefundRefusal::OnlyWhole(_) => ErrorCode::PartialRefundNotSupported,
            RefundRefusal::AtTheStore => ErrorCode::RefundAtTheStore,
            RefundRefusal::NoMoney => ErrorCode::NotPaidInMoney,
        };
        Self::conflict(code, refusal.to_string())
    }
}
