//! The SQL of plans.

use sqlx::PgConnection;

use super::{Plan, StoredPlan};
use kernel::clock::Timestamp;
use kernel::money::Credits;

struct Row {
    id: String,
    name: String,
    description: String,
    price_monthly: i64,
    price_yearly: Option<i64>,
    currency: String,
    credits_included: Credits,
    credits_included_yearly: Credits,
    features: Vec<String>,
    rollover: bool,
    stripe_price_id_monthly: Option<String>,
    stripe_price_id_yearly: Option<String>,
    creem_product_id: Option<String>,
    creem_product_id_yearly: Option<String>,
    is_active: bool,
    sort_order: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<Row> for StoredPlan {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let currency = row.currency.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        let plan = Plan {
            id: row.id,
            name: row.name,
            description: row.description,
            price_monthly: row.price_monthly,
            price_yearly: row.price_yearly,
            currency,
            credits_included: row.credits_included,
            credits_included_yearly: row.credits_included_yearly,
            features: row.features,
            rollover: row.rollover,
            stripe_price_id_monthly: row.stripe_price_id_monthly,
            stripe_price_id_yearly: row.stripe_price_id_yearly,
            creem_product_id: row.creem_product_id,
            creem_product_id_yearly: row.creem_product_id_yearly,
            is_active: row.is_active,
            sort_order: row.sort_order,
        };
        Ok(Self { plan, created_at: row.created_at, updated_at: row.updated_at })
    }
}

/// A query for plans: all columns, and the condition that follows.
macro_rules! select_plans {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select id, name, description, price_monthly, price_yearly, currency,
                      credits_included as "credits_included: Credits",
                      credits_included_yearly as "credits_included_yearly: Credits", features, rollover,
                      stripe_price_id_monthly, stripe_price_id_yearly, creem_product_id, creem_product_id_yearly,
                      is_active, sort_order, created_at, updated_at
               from plans "#
                + $condition
            $(, $argument)*
        )
    };
}

pub(super) async fn plans(connection: &mut PgConnection) -> Result<Vec<StoredPlan>, sqlx::Error> {
    let rows = select_plans!("order by sort_order, id").fetch_all(connection).await?;
    rows.into_iter().map(StoredPlan::try_from).collect()
}

pub(super) async fn plan(connection: &mut PgConnection, id: &str) -> Result<Option<StoredPlan>, sqlx::Error> {
    let row = select_plans!("where id = $1", id).fetch_optional(connection).await?;
    row.map(StoredPlan::try_from).transpose()
}

pub(super) async fn plan_by_provider_price(
    connection: &mut PgConnection,
    price: &str,
) -> Result<Option<StoredPlan>, sqlx::Error> {
    let row = select_plans!(
        "where stripe_price_id_monthly = $1 or stripe_price_id_yearly = $1 or creem_product_id = $1
            or creem_product_id_yearly = $1",
        price
    )
    .fetch_optional(connection)
    .await?;
    row.map(StoredPlan::try_from).transpose()
}

pub(super) async fn plan_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    plan: &Plan,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into plans (id, name, description, price_monthly, price_yearly, currency, credits_included,
                            credits_included_yearly, features, rollover, stripe_price_id_monthly,
                            stripe_price_id_yearly, creem_product_id, creem_product_id_yearly, is_active, sort_order,
                            created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)",
        plan.id,
        plan.name,
        plan.description,
        plan.price_monthly,
        plan.price_yearly,
        plan.currency.as_str(),
        plan.credits_included.millionths(),
        plan.credits_included_yearly.millionths(),
        &plan.features,
        plan.rollover,
        plan.stripe_price_id_monthly,
        plan.stripe_price_id_yearly,
        plan.creem_product_id,
        plan.creem_product_id_yearly,
        plan.is_active,
        plan.sort_order,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Replaces a plan and says when it was made; none when there is none of this id.
pub(super) async fn plan_update(
    connection: &mut PgConnection,
    now: Timestamp,
    plan: &Plan,
) -> Result<Option<Timestamp>, sqlx::Error> {
    sqlx::query_scalar!(
        "update plans set name = $2, description = $3, price_monthly = $4, price_yearly = $5, currency = $6,
                          credits_included = $7, credits_included_yearly = $8, features = $9, rollover = $10,
                          stripe_price_id_monthly = $11, stripe_price_id_yearly = $12, creem_product_id = $13,
                          creem_product_id_yearly = $14, is_active = $15, sort_order = $16, updated_at = $17
         where id = $1 returning created_at",
        plan.id,
        plan.name,
        plan.description,
        plan.price_monthly,
        plan.price_yearly,
        plan.currency.as_str(),
        plan.credits_included.millionths(),
        plan.credits_included_yearly.millionths(),
        &plan.features,
        plan.rollover,
        plan.stripe_price_id_monthly,
        plan.stripe_price_id_yearly,
        plan.creem_product_id,
        plan.creem_product_id_yearly,
        plan.is_active,
        plan.sort_order,
        now
    )
    .fetch_optional(connection)
    .await
}
