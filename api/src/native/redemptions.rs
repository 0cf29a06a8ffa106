//! Codes that give credits at once.

use billing::coupons::operations::worth_at_once;
use billing::payments::{Dialect, Kind, Labels, Mode, NewOrder, Provider};
use identity::rights::Scope;
use kernel::money::{Credits, Currency, Money};
use serde::Deserialize;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::orders::{OrderView, buyer, located, mark, shown};
use super::wallets::addressed;
use crate::checkout::{PAYABLE, give_once, placed_before};
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::post(
        "/purser/v1/redemptions",
        redeem,
        Description::new(Access::Allowed(Scope::Buy), "Redeem a code that gives credits")
            .says(
                "Makes an order without a price, which a worker credits at once. A coupon that goes with a purchase is \
                 used with an order instead.",
            )
            .idempotency_key()
            .takes::<RedemptionInput>()
            .answers::<OrderView>(StatusCode::CREATED, "The order: its `bonusCredits` are in the wallet.")
            .answers::<OrderView>(StatusCode::ACCEPTED, "The code is used; its credits will be there soon.")
            .refuses(&[StatusCode::FORBIDDEN, StatusCode::NOT_FOUND]),
    )]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewRedemption, example = json!({"wallet": "user:alice", "code": "GIFT"}))]
struct RedemptionInput {
    /// `user:ID`, `org:ID`, a wallet's id, or `me`.
    wallet: String,
    /// Small letters count as capital ones.
    #[schema(min_length = 1, max_length = 64)]
    code: String,
}

async fn redeem(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Buy).await?;
    let input: RedemptionInput = read_object(&call)?;
    let request = mark(&call, &caller, "redemption")?;
    if let Some(payment) = placed_before(&api, request.as_ref()).await? {
        return respond(&api, payment.id, payment.state.is_paid()).await;
    }
    let wallet = addressed(&api, &caller, &input.wallet, Scope::Buy).await?;
    let user_id = buyer(&api, &caller, &wallet).await?;
    let now = api.clock.now();
    let redemption = worth_at_once(&mut *api.pool.acquire().await?, now, &input.code).await?;
    let order = NewOrder {
        user_id,
        wallet_id: wallet.id,
        organization_id: wallet.organization_id,
        dialect: Dialect::Native,
        kind: Kind::OneTime,
        provider: Provider::Manual,
        mode: Mode::Payment,
        livemode: api.config.mode.is_live(),
        items: Vec::new(),
        credits: Credits::ZERO,
        amount: Money::new(0, Currency::USD),
        summary: format!("{} credits for a code", redemption.bonus),
        return_urls: None,
        expires_at: now + PAYABLE,
        plan: None,
        redemption: Some(redemption),
        expires_after_days: None,
        labels: Labels::default(),
        request,
    };
    let (payment, is_credited) = give_once(&api, &order).await?;
    respond(&api, payment.id, is_credited).await
}

async fn respond(
    api: &SharedState,
    id: kernel::ids::PaymentId,
    is_credited: bool,
) -> Result<Response, Problem> {
    let status = if is_credited { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    Ok(located(status, &shown(api, id).await?))
}
