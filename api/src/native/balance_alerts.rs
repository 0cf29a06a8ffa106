//! Alerts: the levels below which a balance is reported as low.

use std::collections::BTreeSet;

use identity::rules;
use kernel::ids::WalletId;
use kernel::money::Credits;
use ledger::operations;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::consume::positive;
use super::organizations::{asked_organization, membership};
use crate::auth::Principal;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_json;
use crate::http::values::{Amount, GivenAmount, OrgId};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

const LEVELS_MAX: usize = 10;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let described = |summary: &str| {
        Description::new(Access::User, summary)
            .query::<OrgId>(
                "orgId",
                "The organization whose wallet it is about, rather than the caller's own.",
            )
            .answers::<AlertsView>(StatusCode::OK, "The levels, ascending.")
            .refuses(&[StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND])
    };
    vec![
        Endpoint::get(
            "/balance-alerts",
            show,
            described("The levels below which the caller is told of a balance"),
        ),
        Endpoint::put(
            "/balance-alerts",
            replace,
            described("Choose the levels below which the caller is told of a balance")
                .says(
                    "When the balance falls below a level, live connections and webhook endpoints get `balance.low`: \
                     once, and again after it has risen to the level and fallen below it anew. Of several levels that \
                     are passed at once the lowest is told. For an organization owners and admins choose.",
                )
                .takes::<AlertsInput>()
                .refuses(&[StatusCode::FORBIDDEN]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[schema(as = native::NewBalanceAlerts)]
struct AlertsInput {
    /// In credits, each more than none; an empty list ends the alerts.
    #[schema(max_items = 10)]
    levels: Vec<GivenAmount>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::BalanceAlerts)]
struct AlertsView {
    /// In credits.
    levels: Vec<Amount>,
}

async fn show(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let (wallet, _) = wallet(&api, &principal, &call).await?;
    let levels = operations::alerts(&mut *api.pool.acquire().await?, wallet).await?;
    Ok(view(levels))
}

async fn replace(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let (wallet, may_choose) = wallet(&api, &principal, &call).await?;
    if !may_choose {
        let message = "Your role in this organization may not choose its alerts.";
        return Err(Problem::forbidden(message));
    }
    let input: AlertsInput = read_json(&call)?;
    if input.levels.len() > LEVELS_MAX {
        return Err(Problem::invalid("levels must be at most 10"));
    }
    let levels: BTreeSet<Credits> = input.levels.iter().map(positive).collect::<Result<_, _>>()?;
    let levels = operations::alerts_put(&mut *api.pool.acquire().await?, wallet, levels).await?;
    Ok(view(levels))
}

fn view(levels: Vec<Credits>) -> Response {
    answer(StatusCode::OK, &AlertsView { levels: levels.into_iter().map(Amount).collect() })
}

/// The wallet that the call is about, and whether the caller may choose its alerts.
async fn wallet(api: &SharedState, principal: &Principal, call: &Call) -> Result<(WalletId, bool), Problem> {
    let Some(organization) = asked_organization(call)? else { return Ok((principal.wallet_id, true)) };
    let membership = membership(api, principal, organization).await?;
    Ok((membership.wallet_id, rules::may_buy(membership.role)))
}
