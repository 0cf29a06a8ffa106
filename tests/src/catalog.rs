//! What is for sale in development and in tests: a new installation itself sells nothing.

use anyhow::{Context, Result};
use sqlx::PgPool;

/// Brings the schema up to date and adds the catalogs of the dialects' own documents. Doing it again changes nothing.
///
/// # Errors
/// When the database cannot be used.
pub async fn migrate_and_stock(pool: &PgPool) -> Result<()> {
    kernel::database::migrate(&mut pool.acquire().await?.detach())
        .await
        .context("cannot bring the schema up to date")?;
    sqlx::raw_sql(include_str!("catalog.sql")).execute(pool).await.context("cannot stock the catalog")?;
    Ok(())
}
