//! What is for sale, as a buyer sees it.

use billing::catalog::Pack;
use billing::catalog::operations::packs;
use billing::catalog::prices::{CreditPrice, prices};
use billing::payments::{Dialect, Provider};
use billing::plans::operations::plans;
use billing::plans::{Interval, Plan, Terms};
use identity::rights::Scope;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Object;
use warp::http::StatusCode;

use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Amount, MoneyValue, one_of};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/purser/v1/products",
        products,
        Description::new(Access::Allowed(Scope::Read), "What is for sale")
            .says("Packs and plans in the order to show them in, and what any amount of credits costs.")
            .answers::<Products>(StatusCode::OK, "What can be ordered now.")
            .refuses(&[StatusCode::FORBIDDEN]),
    )]
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Products)]
struct Products {
    packs: Vec<PackOffer>,
    plans: Vec<PlanOffer>,
    /// What any amount costs, by currency: so many credits for so much, and a started smallest unit counts as a whole.
    credits: Vec<CreditOffer>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::PackOffer)]
struct PackOffer {
    pack_id: String,
    name: String,
    description: String,
    credits: Amount,
    price: MoneyValue,
    /// For how many days the credits last from when they are paid; null: for good.
    #[schema(required)]
    expires_after_days: Option<i32>,
    #[schema(schema_with = providers_schema)]
    providers: Vec<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::PlanOffer)]
struct PlanOffer {
    plan_id: String,
    name: String,
    description: String,
    features: Vec<String>,
    /// Whether what is left at the end of a period stays.
    rollover: bool,
    monthly: PeriodOffer,
    /// Null: not sold by the year.
    #[schema(required)]
    yearly: Option<PeriodOffer>,
}

/// What is paid for a period, and what it grants.
#[derive(Serialize, ToSchema)]
#[schema(as = native::PeriodOffer)]
struct PeriodOffer {
    price: MoneyValue,
    credits: Amount,
    #[schema(schema_with = providers_schema)]
    providers: Vec<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::CreditOffer)]
struct CreditOffer {
    credits: Amount,
    price: MoneyValue,
}

fn providers_schema() -> utoipa::openapi::schema::Array {
    let names: Object = one_of(&["stripe", "creem"]);
    utoipa::openapi::schema::ArrayBuilder::new().items(names).build()
}

/// Stripe, and Creem where it is set up and has a product for it.
fn providers(has_creem: bool, is_at_creem: bool) -> Vec<&'static str> {
    let creem = (has_creem && is_at_creem).then_some(Provider::Creem.as_str());
    [Provider::Stripe.as_str()].into_iter().chain(creem).collect()
}

impl PackOffer {
    fn of(pack: Pack, has_creem: bool) -> Self {
        Self {
            providers: providers(has_creem, pack.creem_product_id.is_some()),
            pack_id: pack.id,
            name: pack.name,
            description: pack.description,
            credits: Amount(pack.credits),
            price: pack.price.into(),
            expires_after_days: pack.expires_after_days,
        }
    }
}

impl PlanOffer {
    /// None of a plan that is not sold by the month, which no plan is.
    fn of(plan: Plan, has_creem: bool) -> Option<Self> {
        let period = |interval: Interval| {
            let Terms { price, credits, .. } = plan.terms_at(Provider::Stripe, interval)?;
            let creem = plan.terms_at(Provider::Creem, interval).and_then(|terms| terms.provider_price);
            let providers = providers(has_creem, creem.is_some());
            Some(PeriodOffer { price: price.into(), credits: Amount(credits), providers })
        };
        let (monthly, yearly) = (period(Interval::Month)?, period(Interval::Year));
        Some(Self {
            plan_id: plan.id,
            name: plan.name,
            description: plan.description,
            features: plan.features,
            rollover: plan.rollover,
            monthly,
            yearly,
        })
    }
}

impl From<CreditPrice> for CreditOffer {
    fn from(price: CreditPrice) -> Self {
        Self { credits: Amount(price.credits), price: price.price.into() }
    }
}

async fn products(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.allowed(&api, Scope::Read).await?;
    let has_creem = !api.config.creem_webhook_secrets.is_empty();
    let packs = packs(&api.pool).await?.into_iter();
    let packs = packs.filter(|pack| pack.is_sold_by(Dialect::Native.as_str()));
    let plans = plans(&api.pool).await?.into_iter().map(|stored| stored.plan).filter(|plan| plan.is_active);
    let shown = Products {
        packs: packs.map(|pack| PackOffer::of(pack, has_creem)).collect(),
        plans: plans.filter_map(|plan| PlanOffer::of(plan, has_creem)).collect(),
        credits: prices(&api.pool).await?.into_iter().map(CreditOffer::from).collect(),
    };
    Ok(answer(StatusCode::OK, &shown))
}
