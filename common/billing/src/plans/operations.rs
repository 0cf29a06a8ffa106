//! The verbs of plans.

use audit::note;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use super::{Interval, Plan, PlanError, StoredPlan, Terms, rules, store};
use crate::provider::Provider;
use kernel::clock::Timestamp;
use kernel::database::broken_constraint;
use kernel::money::Currency;

/// All plans, sold or not, in the order in which they are listed.
///
/// # Errors
/// Database errors only.
pub async fn plans(pool: &PgPool) -> Result<Vec<StoredPlan>, sqlx::Error> {
    store::plans(&mut *pool.acquire().await?).await
}

/// One plan.
///
/// # Errors
/// Database errors only.
pub async fn plan(connection: &mut PgConnection, id: &str) -> Result<Option<StoredPlan>, sqlx::Error> {
    store::plan(connection, id).await
}

/// The plan that a provider's price or product stands for.
///
/// # Errors
/// Database errors only.
pub async fn plan_by_provider_price(
    connection: &mut PgConnection,
    price: &str,
) -> Result<Option<Plan>, sqlx::Error> {
    Ok(store::plan_by_provider_price(connection, price).await?.map(|stored| stored.plan))
}

/// What is sold at a provider by prices or products of its own, in a currency.
pub(crate) async fn terms_sold(
    connection: &mut PgConnection,
    provider: Provider,
    currency: Currency,
) -> Result<Vec<Terms>, sqlx::Error> {
    let plans = store::plans(connection).await?;
    let at_provider = plans.iter().flat_map(|stored| {
        [Interval::Month, Interval::Year].map(|interval| stored.plan.terms_at(provider, interval))
    });
    let is_sold = |terms: &Terms| terms.provider_price.is_some() && terms.price.currency == currency;
    Ok(at_provider.flatten().filter(is_sold).collect())
}

/// Adds a plan.
///
/// # Errors
/// [`PlanError::Invalid`], [`PlanError::Exists`], [`PlanError::ProviderPriceTaken`].
pub async fn plan_create(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    plan: Plan,
) -> Result<StoredPlan, PlanError> {
    rules::check_plan(&plan)?;
    let mut transaction = pool.begin().await?;
    store::plan_insert(&mut transaction, now, &plan).await.map_err(|error| refused(error, &plan))?;
    note(&mut transaction, now, by, "plan.create", &plan.id, described(&plan)).await?;
    transaction.commit().await?;
    Ok(StoredPlan { plan, created_at: now, updated_at: now })
}

/// Replaces a plan. Subscriptions keep the terms that they were made with.
///
/// # Errors
/// [`PlanError::Invalid`], [`PlanError::NoPlan`], [`PlanError::ProviderPriceTaken`].
pub async fn plan_replace(
    pool: &PgPool,
    now: Timestamp,
    by: &str,
    plan: Plan,
) -> Result<StoredPlan, PlanError> {
    rules::check_plan(&plan)?;
    let mut transaction = pool.begin().await?;
    let created_at =
        store::plan_update(&mut transaction, now, &plan).await.map_err(|error| refused(error, &plan))?;
    let Some(created_at) = created_at else { return Err(PlanError::NoPlan(plan.id)) };
    note(&mut transaction, now, by, "plan.replace", &plan.id, described(&plan)).await?;
    transaction.commit().await?;
    Ok(StoredPlan { plan, created_at, updated_at: now })
}

fn described(plan: &Plan) -> Value {
    json!({
        "name": plan.name, "priceMonthly": plan.price_monthly, "priceYearly": plan.price_yearly,
        "currency": plan.currency.as_str(), "credits": plan.credits_included.to_string(),
        "active": plan.is_active,
    })
}

fn refused(error: sqlx::Error, plan: &Plan) -> PlanError {
    match broken_constraint(&error) {
        Some("plans_pkey") => PlanError::Exists(plan.id.clone()),
        Some(name) if name.starts_with("plans_stripe_price") || name.starts_with("plans_creem_product") => {
            PlanError::ProviderPriceTaken
        }
        _ => PlanError::Database(error),
    }
}
