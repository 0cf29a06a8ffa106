//! Alerts: the levels below which a balance is reported as low.

use std::collections::BTreeSet;

use identity::rights::Scope;
use kernel::money::Credits;
use ledger::alerts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::debits::positive;
use super::wallets::addressed;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Amount, GivenAmount};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

const LEVELS_MAX: usize = 10;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let described = |scope, summary: &str| {
        Description::new(Access::Allowed(scope), summary)
            .wallet()
            .answers::<AlertsView>(StatusCode::OK, "The levels, ascending.")
    };
    vec![
        Endpoint::get(
            "/purser/v1/wallets/{wallet}/balance-alerts",
            show,
            described(Scope::Read, "The levels below which a balance is told of"),
        ),
        Endpoint::put(
            "/purser/v1/wallets/{wallet}/balance-alerts",
            replace,
            described(Scope::Buy, "Choose the levels below which a balance is told of")
                .says(
                    "When the balance falls below a level, live connections and webhook endpoints get `balance.low`: \
                     once, and again after it has risen to the level and fallen below it anew. Of several levels that \
                     are passed at once the lowest is told. For an organization owners and admins choose.",
                )
                .takes::<AlertsInput>(),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewBalanceAlerts, example = json!({"levels": [100, 10]}))]
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
    let caller = call.allowed(&api, Scope::Read).await?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Read).await?;
    let levels = alerts::levels(&mut *api.pool.acquire().await?, wallet.id).await?;
    Ok(view(levels))
}

async fn replace(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Buy).await?;
    let input: AlertsInput = read_object(&call)?;
    let wallet = addressed(&api, &caller, call.path_parameter("wallet"), Scope::Buy).await?;
    if input.levels.len() > LEVELS_MAX {
        return Err(Problem::invalid("levels must be at most 10").about("levels"));
    }
    let levels: BTreeSet<Credits> = input.levels.iter().map(positive).collect::<Result<_, _>>()?;
    let levels = alerts::put(&mut *api.pool.acquire().await?, wallet.id, levels).await?;
    Ok(view(levels))
}

fn view(levels: Vec<Credits>) -> Response {
    answer(StatusCode::OK, &AlertsView { levels: levels.into_iter().map(Amount).collect() })
}
