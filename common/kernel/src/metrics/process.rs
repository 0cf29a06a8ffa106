//! What every process shows of itself: its build, its connections to the database, and which servers it reaches.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::catalogue;
use super::kinds::{NONE, Process};
use crate::database;

/// How often a process looks at itself.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long the database may take to answer until it counts as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Measures this process until `shutdown`. `reaches_broker` says whether its publisher is connected.
pub async fn watch(
    process: Process,
    pool: PgPool,
    reaches_broker: impl Fn() -> bool,
    shutdown: CancellationToken,
) {
    let measuring = async {
        loop {
            catalogue::BUILD.set([process.as_str(), env!("CARGO_PKG_VERSION")], 1);
            let reaches_database =
                matches!(tokio::time::timeout(PATIENCE, database::ping(&pool)).await, Ok(Ok(())));
            catalogue::SERVER_UP.set(["database"], i64::from(reaches_database));
            catalogue::SERVER_UP.set(["broker"], i64::from(reaches_broker()));
            measure_pool(&pool);
            tokio::time::sleep(INTERVAL).await;
        }
    };
    shutdown.run_until_cancelled(measuring).await;
}

fn measure_pool(pool: &PgPool) {
    let (open, idle) = (i64::from(pool.size()), i64::try_from(pool.num_idle()).unwrap_or(i64::MAX));
    catalogue::DATABASE_CONNECTIONS.set(["idle"], idle);
    catalogue::DATABASE_CONNECTIONS.set(["used"], open.saturating_sub(idle));
    catalogue::DATABASE_CONNECTIONS_MAX.set(NONE, i64::from(pool.options().get_max_connections()));
}
