//! The packs for sale, and the caller's balance.

use billing::catalog::Pack;
use billing::catalog::operations::packs;
use billing::payments::Dialect;
use ledger::operations::balance;
use warp::http::StatusCode;

use super::types::{Balance, Packs};
use super::{asked_organization, membership};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let balances = |path| {
        let description = Description::new(Access::User, "The balance")
            .query::<i64>("orgId", "An organization that the caller belongs to, rather than the caller.")
            .answers::<Balance>(StatusCode::OK, "The balance.")
            .refuses(&[StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN]);
        Endpoint::get(path, get_balance, description)
    };
    let packs = Description::new(Access::Public, "The packs that are for sale")
        .answers::<Packs>(StatusCode::OK, "The packs.");
    vec![
        Endpoint::get("/api/payments/packs", get_packs, packs),
        balances("/api/payments/balances"),
        balances("/api/account/balances"),
    ]
}

async fn get_packs(api: SharedState, _call: Call) -> Result<Response, Problem> {
    let mut packs: Vec<Pack> = packs(&api.pool).await?;
    packs.retain(|pack| pack.is_sold_by(Dialect::Timeproof.as_str()));
    Ok(answer(StatusCode::OK, &Packs::from(packs.as_slice())))
}

async fn get_balance(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let wallet = match asked_organization(&call)? {
        Some(organization) => membership(&api, &principal, organization).await?.wallet_id,
        None => principal.wallet_id,
    };
    let mut connection = api.pool.acquire().await?;
    let balance = balance(&mut connection, api.clock.now(), wallet).await?.floor_whole();
    Ok(answer(StatusCode::OK, &Balance { balance }))
}
