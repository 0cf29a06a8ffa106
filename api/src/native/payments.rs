//! A payment as administrators see it: its state, refunds and disputes.

use billing::payments::{Provider, State, store as payments};
use billing::reversals::{Extent, Reversal, ReversalKind, ReversalState, store as reversals};
use identity::rights::Scope;
use kernel::ids::{PaymentId, UserId, WalletId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Amount, Id, Moment, one_of};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/admin/payments/{paymentId}",
        payment,
        Description::new(Access::Operator(Scope::Read), "A payment, with its refunds and disputes")
            .says("Money is in the currency's smallest unit.")
            .path_parameter::<Id>("paymentId", "The payment's id.")
            .answers::<PaymentView>(StatusCode::OK, "The payment.")
            .refuses(&[StatusCode::NOT_FOUND]),
    )]
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Payment)]
struct PaymentView {
    #[schema(value_type = Uuid)]
    payment_id: PaymentId,
    /// Its number, which some APIs show as its id.
    number: i64,
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(value_type = Uuid)]
    wallet_id: WalletId,
    #[schema(schema_with = provider_schema)]
    provider: &'static str,
    /// The provider's own id of it, once there is one.
    #[schema(required)]
    provider_payment: Option<String>,
    #[schema(schema_with = state_schema)]
    state: &'static str,
    amount: i64,
    /// In lower case.
    currency: String,
    /// What it grants, without what a coupon adds.
    credits: Amount,
    /// What a coupon adds.
    bonus_credits: Amount,
    created_at: Moment,
    /// When it was paid.
    #[schema(required)]
    completed_at: Option<Moment>,
    /// Money back by refunds, as the provider counts, which may be with tax.
    refunded: i64,
    /// Money back by disputes.
    withdrawn: i64,
    /// Credits that are taken back.
    credits_reversed: Amount,
    /// Credits that had been spent before their money went back, and are forgiven.
    credits_shortfall: Amount,
    reversals: Vec<ReversalView>,
}

fn provider_schema() -> Object {
    one_of(Provider::NAMES)
}

fn state_schema() -> Object {
    one_of(State::NAMES)
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Reversal)]
struct ReversalView {
    /// The provider's id of it.
    id: String,
    #[schema(schema_with = kind_schema)]
    kind: &'static str,
    /// Where its money is: `announced`, nothing has moved; `taken`, it is with the buyer; `restored`, it is here again.
    #[schema(schema_with = standing_schema)]
    standing: &'static str,
    /// The provider's word for how it stands.
    status: String,
    /// How much it is about; null: all.
    #[schema(required)]
    amount: Option<i64>,
}

fn kind_schema() -> Object {
    one_of(ReversalKind::NAMES)
}

fn standing_schema() -> Object {
    one_of(ReversalState::NAMES)
}

impl From<Reversal> for ReversalView {
    fn from(reversal: Reversal) -> Self {
        Self {
            id: reversal.object_id,
            kind: reversal.kind.as_str(),
            standing: reversal.standing.as_str(),
            status: reversal.status,
            amount: match reversal.extent {
                Extent::All => None,
                Extent::Part { money, .. } => Some(money.minor),
            },
        }
    }
}

async fn payment(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Read).await?;
    let unknown = || Problem::not_found("There is no such payment.");
    let id: PaymentId = call.path_parameter("paymentId").parse().map_err(|_| unknown())?;
    let mut connection = api.pool.acquire().await?;
    let payment = payments::payment_by_id(&mut connection, id).await?.ok_or_else(unknown)?;
    let account = reversals::account(&mut connection, id).await?;
    let reversals = reversals::of_payment(&mut connection, id).await?;
    let shown = PaymentView {
        payment_id: payment.id,
        number: payment.number,
        user_id: payment.user_id,
        wallet_id: payment.wallet_id,
        provider: payment.provider.as_str(),
        provider_payment: payment.provider_payment,
        state: payment.state.as_str(),
        amount: payment.amount.minor,
        currency: payment.amount.currency.as_str().to_owned(),
        credits: Amount(payment.credits),
        bonus_credits: Amount(payment.bonus),
        created_at: Moment(payment.created_at),
        completed_at: payment.completed_at.map(Moment),
        refunded: account.refunded_minor,
        withdrawn: account.withdrawn_minor,
        credits_reversed: Amount(account.reversed),
        credits_shortfall: Amount(account.shortfall),
        reversals: reversals.into_iter().map(ReversalView::from).collect(),
    };
    Ok(answer(StatusCode::OK, &shown))
}
