//! The caller's balance and its history.

use common::domain::ledger::operations::balance;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::caller;
use super::envelope::{Success, success};
use super::error::BillingError;
use crate::Shared;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Call, Response};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/credits/balance",
        get_balance,
        Description::new(Access::User, "The caller's balance")
            .answers::<Success<Balance>>(StatusCode::OK, "The balance."),
    )]
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = billing::Balance)]
struct Balance {
    /// Whole credits, rounded down.
    balance: i64,
}

async fn get_balance(api: Shared, call: Call) -> Result<Response, BillingError> {
    let principal = caller(&api, &call).await?;
    let mut connection = api.pool.acquire().await?;
    let balance = balance(&mut connection, api.clock.now(), principal.wallet_id).await?.floor_whole();
    Ok(success(StatusCode::OK, Balance { balance }))
}
