//! A database for each world, copied from one that was migrated once for the whole test run.

use anyhow::{Context, Result};
use servers::{Servers, postgres};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::OnceCell;

use crate::catalog;
use crate::queues::Queues;
use crate::system::Settings;

const CONNECTIONS_MAX: u32 = 4;

/// Only for the shared servers: servers of a world's own are not worth a template.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// Creates the database of a world; returns its URL.
pub(super) async fn create(servers: &Servers, name: &str, is_shared: bool) -> Result<String> {
    let server_url = servers.postgres().url();
    if is_shared {
        let template = TEMPLATE.get_or_try_init(|| create_template(server_url)).await?;
        return postgres::create_database(server_url, name, Some(template)).await;
    }
    let url = postgres::create_database(server_url, name, None).await?;
    migrate(&url).await?;
    Ok(url)
}

/// A pool for the test itself.
pub(super) async fn connect(url: &str) -> Result<PgPool> {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).connect(url).await;
    pool.context("cannot connect to the world's database")
}

/// Removes what a world leaves on servers that others use after it.
pub(super) async fn remove(servers: &Servers, pool: &PgPool, settings: &Settings) {
    pool.close().await;
    let name = settings.addresses.amqp_prefix.clone();
    // Neither matters to the outcome of the test, and both go away with servers of our own.
    let _kept = postgres::drop_database(servers.postgres().url(), &name).await;
    if let Ok(queues) = Queues::connect(&settings.addresses.amqp_url, &name).await {
        queues.delete_all().await;
        queues.close().await;
    }
}

async fn create_template(server_url: &str) -> Result<String> {
    let name = format!("purser_template_{}", std::process::id());
    let url = postgres::create_database(server_url, &name, None).await?;
    migrate(&url).await?;
    Ok(name)
}

async fn migrate(url: &str) -> Result<()> {
    let pool = PgPoolOptions::new().max_connections(1).connect(url).await.context("cannot connect")?;
    catalog::migrate_and_stock(&pool).await?;
    // A template may not be in use while it is copied.
    pool.close().await;
    Ok(())
}
