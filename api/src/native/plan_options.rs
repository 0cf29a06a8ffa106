//! The plans that a subscription can be moved to, and what each costs and grants.

use billing::subscriptions::instructions::PlanOption;
use billing::subscriptions::instructions::operations::options;
use identity::rights::Scope;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::subscriptions::{find, interval_schema, no_subscription, subscription_id};
use super::wallets::check_reach;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Amount, Id, Moment, MoneyValue};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/purser/v1/subscriptions/{subscriptionId}/plans",
        list,
        Description::new(
            Access::Allowed(Scope::Read),
            "What a subscription can be moved to, and what that costs",
        )
        .says(
            "The plans that are sold for a month or a year and have a price or product of their own at the \
                 provider, in the same currency. None while the subscription is not active, or ends.",
        )
        .path_parameter::<Id>("subscriptionId", "The subscription's id.")
        .answers::<PlanOptions>(StatusCode::OK, "The plans, in the order to show them in.")
        .refuses(&[StatusCode::NOT_FOUND]),
    )]
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::PlanOptions)]
struct PlanOptions {
    data: Vec<OptionView>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::PlanOption)]
struct OptionView {
    plan_id: String,
    name: String,
    #[schema(schema_with = interval_schema)]
    interval: &'static str,
    /// What a period costs from then on.
    price: MoneyValue,
    /// What a period grants.
    credits: Amount,
    /// About what is charged at once: the price for the rest of the period, or for a whole one that begins now if it
    /// has another length, less what the rest costs as it is. Below zero: what the next payments cost less. The
    /// provider reckons to the second, and adds taxes.
    due: MoneyValue,
    /// When a whole period is charged for the next time.
    #[schema(required)]
    renews_at: Option<Moment>,
}

impl From<PlanOption> for OptionView {
    fn from(option: PlanOption) -> Self {
        let PlanOption { name, terms, due, renews_at } = option;
        Self {
            plan_id: terms.plan_id,
            name,
            interval: terms.interval.as_str(),
            price: terms.price.into(),
            credits: Amount(terms.credits),
            due: due.into(),
            renews_at: renews_at.map(Moment),
        }
    }
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.allowed(&api, Scope::Read).await?;
    let subscription = find(&api, subscription_id(&call)?).await?.subscription;
    check_reach(&api, &caller, subscription.wallet_id, Scope::Read, no_subscription).await?;
    let found = options(&api.pool, api.clock.now(), &subscription).await?;
    let data = found.into_iter().map(OptionView::from).collect();
    Ok(answer(StatusCode::OK, &PlanOptions { data }))
}
