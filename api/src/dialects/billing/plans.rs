//! Plans for sale, and their administration. Buyers see a plan without the ids that it has at providers.

use billing::plans::{Plan, StoredPlan, operations};
use kernel::money::Currency;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use warp::http::StatusCode;

use super::envelope::{List, Moment, Success, success};
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::{null_is_given, read_json};
use crate::http::values::{Amount, GivenAmount};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/subscription/plans",
            list,
            Description::new(Access::User, "The plans for sale")
                .answers::<Success<List<Offer>>>(StatusCode::OK, "The plans, in the order to show them in."),
        ),
        Endpoint::get(
            "/admin/billing/plans",
            list_all,
            Description::new(Access::Admin, "All plans, for sale or not")
                .answers::<Success<List<PlanView>>>(StatusCode::OK, "The plans."),
        ),
        Endpoint::post(
            "/admin/billing/plans",
            create,
            Description::new(Access::Admin, "Add a plan")
                .takes::<PlanInput>()
                .answers::<Success<PlanView>>(StatusCode::CREATED, "The plan.")
                .refuses(&[StatusCode::CONFLICT]),
        ),
        Endpoint::put(
            "/admin/billing/plans/{planId}",
            update,
            Description::new(Access::Admin, "Change a plan")
                .says("What is left out stays as it is. Subscriptions keep the terms they were made with.")
                .path_parameter::<String>("planId", "The plan's id.")
                .takes::<PlanInput>()
                .answers::<Success<PlanView>>(StatusCode::OK, "The plan as it is now.")
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        ),
    ]
}

/// A plan, as buyers see it.
#[derive(Serialize, ToSchema)]
#[schema(as = billing::Plan)]
struct Offer {
    id: String,
    name: String,
    description: String,
    /// In the smallest unit of the currency: 999 is $9.99.
    price_monthly: i64,
    /// None: not sold by the year.
    #[schema(required)]
    price_yearly: Option<i64>,
    /// An ISO 4217 code in lower case.
    currency: String,
    /// Granted for every paid month.
    credits_included: Amount,
    /// Granted for every paid year, at once.
    credits_included_yearly: Amount,
    features: Vec<String>,
}

impl From<Plan> for Offer {
    fn from(plan: Plan) -> Self {
        Self {
            id: plan.id,
            name: plan.name,
            description: plan.description,
            price_monthly: plan.price_monthly,
            price_yearly: plan.price_yearly,
            currency: plan.currency.as_str().to_owned(),
            credits_included: Amount(plan.credits_included),
            credits_included_yearly: Amount(plan.credits_included_yearly),
            features: plan.features,
        }
    }
}

/// A plan, as administrators see it.
#[derive(Serialize, ToSchema)]
#[schema(as = billing::StoredPlan)]
struct PlanView {
    #[serde(flatten)]
    offer: Offer,
    /// Whether what is left at the end of a period stays.
    rollover: bool,
    #[schema(required)]
    stripe_price_id_monthly: Option<String>,
    #[schema(required)]
    stripe_price_id_yearly: Option<String>,
    /// Without it the plan is not sold over Creem.
    #[schema(required)]
    creem_product_id: Option<String>,
    #[schema(required)]
    creem_product_id_yearly: Option<String>,
    is_active: bool,
    sort_order: i32,
    created_at: Moment,
    updated_at: Moment,
}

impl From<StoredPlan> for PlanView {
    fn from(stored: StoredPlan) -> Self {
        let mut plan = stored.plan;
        Self {
            rollover: plan.rollover,
            stripe_price_id_monthly: plan.stripe_price_id_monthly.take(),
            stripe_price_id_yearly: plan.stripe_price_id_yearly.take(),
            creem_product_id: plan.creem_product_id.take(),
            creem_product_id_yearly: plan.creem_product_id_yearly.take(),
            is_active: plan.is_active,
            sort_order: plan.sort_order,
            created_at: Moment(stored.created_at),
            updated_at: Moment(stored.updated_at),
            offer: plan.into(),
        }
    }
}

/// A plan as written: what is left out has its default, or stays as it is.
#[derive(Deserialize, ToSchema)]
#[schema(as = billing::NewPlan)]
struct PlanInput {
    /// One is made up if it is left out.
    id: Option<String>,
    /// Needed for a new plan.
    name: Option<String>,
    description: Option<String>,
    /// In the smallest unit of the currency: 999 is $9.99. Needed for a new plan.
    price_monthly: Option<i64>,
    /// Null: not sold by the year.
    #[serde(default, deserialize_with = "null_is_given")]
    #[schema(value_type = Option<i64>)]
    price_yearly: Option<Option<i64>>,
    /// An ISO 4217 code; `usd` unless given.
    #[schema(value_type = Option<String>, min_length = 3, max_length = 3)]
    currency: Option<Currency>,
    /// Granted for every paid month. Needed for a new plan.
    credits_included: Option<GivenAmount>,
    /// Granted for every paid year; twelve months' unless given.
    credits_included_yearly: Option<GivenAmount>,
    features: Option<Vec<String>>,
    /// Whether what is left at the end of a period stays; no unless given.
    rollover: Option<bool>,
    #[serde(default, deserialize_with = "null_is_given")]
    #[schema(value_type = Option<String>)]
    stripe_price_id_monthly: Option<Option<String>>,
    #[serde(default, deserialize_with = "null_is_given")]
    #[schema(value_type = Option<String>)]
    stripe_price_id_yearly: Option<Option<String>>,
    #[serde(default, deserialize_with = "null_is_given")]
    #[schema(value_type = Option<String>)]
    creem_product_id: Option<Option<String>>,
    #[serde(default, deserialize_with = "null_is_given")]
    #[schema(value_type = Option<String>)]
    creem_product_id_yearly: Option<Option<String>>,
    is_active: Option<bool>,
    sort_order: Option<i32>,
}

impl PlanInput {
    fn new_plan(self) -> Result<Plan, Problem> {
        let needed = |field: &str| Problem::invalid(format!("{field} is missing"));
        let credits = amount("credits_included", self.credits_included.as_ref())?
            .ok_or_else(|| needed("credits_included"))?;
        let mut plan = Plan {
            id: self.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string()),
            name: self.name.clone().ok_or_else(|| needed("name"))?,
            description: String::new(),
            price_monthly: self.price_monthly.ok_or_else(|| needed("price_monthly"))?,
            price_yearly: None,
            currency: Currency::USD,
            credits_included: credits,
            credits_included_yearly: credits
                .checked_mul(12)
                .map_err(|_| Problem::invalid("credits_included is too large"))?,
            features: Vec::new(),
            rollover: false,
            stripe_price_id_monthly: None,
            stripe_price_id_yearly: None,
            creem_product_id: None,
            creem_product_id_yearly: None,
            is_active: true,
            sort_order: 0,
        };
        self.change(&mut plan)?;
        Ok(plan)
    }

    fn change(self, plan: &mut Plan) -> Result<(), Problem> {
        if let Some(credits) = amount("credits_included", self.credits_included.as_ref())? {
            plan.credits_included = credits;
        }
        if let Some(credits) = amount("credits_included_yearly", self.credits_included_yearly.as_ref())? {
            plan.credits_included_yearly = credits;
        }
        take(&mut plan.name, self.name);
        take(&mut plan.description, self.description);
        take(&mut plan.price_monthly, self.price_monthly);
        take(&mut plan.price_yearly, self.price_yearly);
        take(&mut plan.currency, self.currency);
        take(&mut plan.features, self.features);
        take(&mut plan.rollover, self.rollover);
        take(&mut plan.stripe_price_id_monthly, self.stripe_price_id_monthly);
        take(&mut plan.stripe_price_id_yearly, self.stripe_price_id_yearly);
        take(&mut plan.creem_product_id, self.creem_product_id);
        take(&mut plan.creem_product_id_yearly, self.creem_product_id_yearly);
        take(&mut plan.is_active, self.is_active);
        take(&mut plan.sort_order, self.sort_order);
        Ok(())
    }
}

fn take<T>(field: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *field = value;
    }
}

fn amount(field: &str, given: Option<&GivenAmount>) -> Result<Option<kernel::money::Credits>, Problem> {
    let read = given.map(GivenAmount::credits).transpose();
    read.map_err(|error| Problem::invalid(format!("{field}: {error}")))
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.caller(&api).await?;
    let plans = operations::plans(&api.pool).await?.into_iter().map(|stored| stored.plan);
    let offers: Vec<Offer> = plans.filter(|plan| plan.is_active).map(Offer::from).collect();
    Ok(success(StatusCode::OK, List(offers)))
}

async fn list_all(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.require_admin(&api).await?;
    let plans: Vec<PlanView> = operations::plans(&api.pool).await?.into_iter().map(PlanView::from).collect();
    Ok(success(StatusCode::OK, List(plans)))
}

async fn create(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let plan = read_json::<PlanInput>(&call)?.new_plan()?;
    let stored = operations::plan_create(&api.pool, api.clock.now(), &admin.actor, plan).await?;
    Ok(success(StatusCode::CREATED, PlanView::from(stored)))
}

async fn update(api: SharedState, call: Call) -> Result<Response, Problem> {
    let admin = call.require_admin(&api).await?;
    let id = call.path_parameter("planId");
    let written: PlanInput = read_json(&call)?;
    if written.id.as_deref().is_some_and(|named| named != id) {
        return Err(Problem::invalid("id differs from the path"));
    }
    let stored = operations::plan(&mut *api.pool.acquire().await?, id).await?;
    let mut plan = stored.ok_or_else(|| Problem::not_found("There is no such plan."))?.plan;
    written.change(&mut plan)?;
    let stored = operations::plan_replace(&api.pool, api.clock.now(), &admin.actor, plan).await?;
    Ok(success(StatusCode::OK, PlanView::from(stored)))
}
