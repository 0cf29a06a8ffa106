//! Administration of plans.

use billing::plans::{Plan, PlanError, operations};
use identity::rights::Scope;
use kernel::money::{Credits, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::super::idempotent::{Keep, once};
use super::{in_camel_case, read_put};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::{Amount, GivenAmount, MoneyValue};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

const MONTHS: i64 = 12;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let of_one = |summary: &str| {
        Description::new(Access::Operator(Scope::Manage), summary)
            .path_parameter::<String>("planId", "The plan's id.")
            .refuses(&[StatusCode::NOT_FOUND])
    };
    vec![
        Endpoint::get(
            "/purser/v1/catalog/plans",
            list,
            Description::new(Access::Operator(Scope::Manage), "All plans, also those that are not for sale")
                .answers::<Plans>(StatusCode::OK, "The plans."),
        ),
        Endpoint::post(
            "/purser/v1/catalog/plans",
            create,
            Description::new(Access::Operator(Scope::Manage), "Add a plan")
                .idempotency_key()
                .takes::<PlanInput>()
                .answers::<PlanView>(StatusCode::CREATED, "The plan."),
        ),
        Endpoint::get(
            "/purser/v1/catalog/plans/{planId}",
            one,
            of_one("Look at a plan").answers::<PlanView>(StatusCode::OK, "The plan."),
        ),
        Endpoint::put(
            "/purser/v1/catalog/plans/{planId}",
            replace,
            of_one("Replace a plan")
                .says(
                    "With `active` false it is sold no more. Subscriptions keep the terms that they were made with.",
                )
                .takes::<PlanInput>()
                .answers::<PlanView>(StatusCode::OK, "The plan as it is now.")
                .refuses(&[StatusCode::CONFLICT]),
        ),
    ]
}

/// What a paid period costs and grants.
#[derive(Serialize, ToSchema)]
#[schema(as = native::PlanPeriod)]
struct PeriodView {
    price: MoneyValue,
    credits: Amount,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::NewPlanPeriod)]
struct PeriodInput {
    price: MoneyValue,
    /// How many; more than none.
    credits: GivenAmount,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Plans)]
struct Plans {
    data: Vec<PlanView>,
    /// Always null: they are few, and all on one page.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::NewPlan, example = json!({
    "planId": "hobby", "name": "Hobby", "monthly": {"credits": 1000, "price": {"minor": 900, "currency": "usd"}},
}))]
struct PlanInput {
    /// Needed when a plan is added; the path has it when one is replaced.
    #[schema(min_length = 1, max_length = 64)]
    plan_id: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[serde(default)]
    description: String,
    monthly: PeriodInput,
    /// In the currency of a month; not sold by the year unless given.
    yearly: Option<PeriodInput>,
    #[serde(default)]
    features: Vec<String>,
    /// Whether what is left at the end of a period stays; no unless given.
    #[serde(default)]
    rollover: bool,
    stripe_price_monthly: Option<String>,
    stripe_price_yearly: Option<String>,
    /// Without it the plan is not sold over Creem.
    creem_product_monthly: Option<String>,
    creem_product_yearly: Option<String>,
    /// Whether it is for sale; yes unless given.
    active: Option<bool>,
    /// Lower ones are listed first.
    #[serde(default)]
    sort_order: i32,
}

/// A plan. Put back as it is, it stays as it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::Plan)]
struct PlanView {
    plan_id: String,
    name: String,
    description: String,
    monthly: PeriodView,
    /// Null: not sold by the year.
    #[schema(required)]
    yearly: Option<PeriodView>,
    features: Vec<String>,
    /// Whether what is left at the end of a period stays.
    rollover: bool,
    /// The price at Stripe; null: it is made when it is sold.
    #[schema(required)]
    stripe_price_monthly: Option<String>,
    #[schema(required)]
    stripe_price_yearly: Option<String>,
    /// The product at Creem; null: not sold over Creem.
    #[schema(required)]
    creem_product_monthly: Option<String>,
    #[schema(required)]
    creem_product_yearly: Option<String>,
    active: bool,
    /// Lower ones are listed first.
    sort_order: i32,
}

impl From<&Plan> for PlanView {
    fn from(plan: &Plan) -> Self {
        let period = |minor: i64, credits: Credits| PeriodView {
            price: Money::new(minor, plan.currency).into(),
            credits: Amount(credits),
        };
        Self {
            plan_id: plan.id.clone(),
            name: plan.name.clone(),
            description: plan.description.clone(),
            monthly: period(plan.price_monthly, plan.credits_included),
            yearly: plan.price_yearly.map(|minor| period(minor, plan.credits_included_yearly)),
            features: plan.features.clone(),
            rollover: plan.rollover,
            stripe_price_monthly: plan.stripe_price_id_monthly.clone(),
            stripe_price_yearly: plan.stripe_price_id_yearly.clone(),
            creem_product_monthly: plan.creem_product_id.clone(),
            creem_product_yearly: plan.creem_product_id_yearly.clone(),
            active: plan.is_active,
            sort_order: plan.sort_order,
        }
    }
}

impl PlanInput {
    fn into_plan(self, id: String) -> Result<Plan, Problem> {
        let credits = self.monthly.credits.credits()?;
        let (price_yearly, yearly) = match &self.yearly {
            Some(yearly) if yearly.price.currency != self.monthly.price.currency => {
                return Err(Problem::invalid("yearly.price must be in the currency of monthly.price"));
            }
            Some(yearly) => (Some(yearly.price.minor), yearly.credits.credits()?),
            None => (None, credits.checked_mul(MONTHS)?),
        };
        Ok(Plan {
            id,
            name: self.name,
            description: self.description,
            price_monthly: self.monthly.price.minor,
            price_yearly,
            currency: self.monthly.price.currency,
            credits_included: credits,
            credits_included_yearly: yearly,
            features: self.features,
            rollover: self.rollover,
            stripe_price_id_monthly: self.stripe_price_monthly,
            stripe_price_id_yearly: self.stripe_price_yearly,
            creem_product_id: self.creem_product_monthly,
            creem_product_id_yearly: self.creem_product_yearly,
            is_active: self.active.unwrap_or(true),
            sort_order: self.sort_order,
        })
    }
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Manage).await?;
    let plans = operations::plans(&api.pool).await?;
    let plans: Vec<PlanView> = plans.iter().map(|stored| PlanView::from(&stored.plan)).collect();
    Ok(answer(StatusCode::OK, &Plans { data: plans, next_cursor: None }))
}

async fn one(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Manage).await?;
    let found = operations::plan(&mut *api.pool.acquire().await?, call.path_parameter("planId")).await?;
    let plan = found.ok_or_else(|| Problem::not_found("There is no such plan."))?.plan;
    Ok(answer(StatusCode::OK, &PlanView::from(&plan)))
}

async fn create(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let mut written: PlanInput = read_object(&call)?;
    let id = written.plan_id.take().ok_or_else(|| Problem::invalid("planId is missing"))?;
    let plan = written.into_plan(id)?;
    let (scope, actor) = (caller.key_space(), caller.actor);
    let work = {
        let api = SharedState::clone(&api);
        async move {
            let made = operations::plan_create(&api.pool, api.clock.now(), &actor, plan).await;
            let made = made.map_err(refused)?;
            Ok((StatusCode::CREATED, PlanView::from(&made.plan)))
        }
    };
    once(&api, &call, scope, Keep::Answer, work).await
}

async fn replace(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Manage).await?;
    let (written, id) = read_put::<PlanInput>(&call, "planId", |input| input.plan_id.take())?;
    let plan = written.into_plan(id)?;
    let replaced = operations::plan_replace(&api.pool, api.clock.now(), &caller.actor, plan).await;
    Ok(answer(StatusCode::OK, &PlanView::from(&replaced.map_err(refused)?.plan)))
}

/// A complaint names the fields as this API does.
fn refused(error: PlanError) -> Problem {
    match error {
        PlanError::Invalid(complaint) => {
            let complaint = complaint
                .replace("price_monthly", "monthly.price")
                .replace("price_yearly", "yearly.price")
                .replace("credits_included_yearly", "yearly.credits")
                .replace("credits_included", "monthly.credits");
            Problem::invalid(in_camel_case(&complaint))
        }
        error => error.into(),
    }
}
