//! Samsar's endpoints, each under `/v1` and `/v2`.

use billing::payments::store::last_top_up;
use ledger::operations::balance;
use warp::http::{HeaderValue, StatusCode};

use super::auto_recharge::{AutoRechargeBody, AutoRechargeFields, ThresholdBody, ThresholdFields};
use super::types::{
    CreditsBody, PaymentStatus, RechargeBody, RechargeFields, StatusFields, last_top_up as top_up_view,
};
use super::{auto_recharge, buy_credits, status};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::Amount;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let v1 = under("/v1/credits", "/v1/credits/recharge", "/v1/payment_status");
    let v2 = under("/v2/credits", "/v2/credits/recharge", "/v2/payment_status");
    let auto_v1 = automatic("/v1/enable_autorecharge", "/v1/auto_recharge/threshold");
    let auto_v2 = automatic("/v2/enable_autorecharge", "/v2/auto_recharge/threshold");
    v1.into_iter().chain(v2).chain(auto_v1).chain(auto_v2).collect()
}

fn under(
    credits_path: &'static str,
    recharge_path: &'static str,
    status_path: &'static str,
) -> [Endpoint; 4] {
    let credits_description = Description::new(Access::User, "The balance and the last top-up")
        .answers::<CreditsBody>(StatusCode::OK, "The balance, also in the header `X-Credits-Remaining`.");
    let recharge_description = Description::new(Access::User, "Buy credits")
        .says(
            "Answers the address of a payment page. When the page takes long, or with `Prefer: respond-async`, the \
             answer is 202 and the order is polled at `paymentStatusEndpoint`.",
        )
        .idempotency_key()
        .header::<String>("Prefer", "`respond-async` asks not to wait for the page.")
        .takes::<RechargeFields>()
        .answers::<RechargeBody>(StatusCode::OK, "The page is open.")
        .answers::<RechargeBody>(StatusCode::ACCEPTED, "The order is taken; its page will be open soon.")
        .refuses(&[StatusCode::PAYMENT_REQUIRED, StatusCode::NOT_FOUND, StatusCode::UNPROCESSABLE_ENTITY]);
    let query = || {
        Description::new(Access::User, "How a payment stands")
            .says("One of the ids is needed; other spellings of their names are understood as well.")
            .query::<String>("checkoutSessionId", "The session that the recharge answered.")
            .query::<String>("paymentIntentId", "The payment.")
            .query::<String>("setupIntentId", "The saving of a card.")
            .query::<String>("paymentId", "The order that the recharge answered with 202.")
            .answers::<PaymentStatus>(StatusCode::OK, "How it stands.")
            .refuses(&[StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND])
    };
    [
        Endpoint::get(credits_path, credits, credits_description),
        Endpoint::post(recharge_path, buy_credits::buy_credits, recharge_description),
        Endpoint::get(status_path, status::payment_status, query()),
        Endpoint::post(status_path, status::payment_status, query().may_take::<StatusFields>()),
    ]
}

fn automatic(enable_path: &'static str, threshold_path: &'static str) -> [Endpoint; 2] {
    let enable = Description::new(Access::User, "Have the balance recharged by itself")
        .says(
            "Charges the saved card when the balance falls below the threshold, and never more in a calendar month \
             (UTC) than the cap. Fields that are left out stay as they are. Without a saved card the answer has the \
             address of a page on which to save one; when that takes long the answer is 202.",
        )
        .idempotency_key()
        .header::<String>("Prefer", "`respond-async` asks not to wait for the page.")
        .may_take::<AutoRechargeFields>()
        .answers::<AutoRechargeBody>(StatusCode::OK, "The settings, and the page if there is one.")
        .answers::<AutoRechargeBody>(StatusCode::ACCEPTED, "The settings; the page will be open soon.")
        .refuses(&[StatusCode::PAYMENT_REQUIRED, StatusCode::NOT_FOUND, StatusCode::UNPROCESSABLE_ENTITY]);
    let threshold = Description::new(Access::User, "Change the threshold")
        .takes::<ThresholdFields>()
        .answers::<ThresholdBody>(StatusCode::OK, "The settings.");
    [
        Endpoint::post(enable_path, auto_recharge::enable, enable),
        Endpoint::post(threshold_path, auto_recharge::threshold, threshold),
    ]
}

async fn credits(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let mut connection = api.pool.acquire().await?;
    let remaining = balance(&mut connection, api.clock.now(), principal.wallet_id).await?;
    let last = last_top_up(&mut connection, principal.wallet_id).await?;
    let body =
        CreditsBody { remaining_credits: Amount(remaining), last_top_up: last.as_ref().map(top_up_view) };
    let mut response = answer(StatusCode::OK, &body);
    if let Ok(value) = HeaderValue::from_str(&remaining.to_string()) {
        response.headers_mut().insert("x-credits-remaining", value);
    }
    Ok(response)
}
