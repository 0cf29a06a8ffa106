//! Elects one scheduler among several: the one that holds an advisory lock of the database leads.

use std::time::Duration;

use sqlx::{Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

/// How often a replica asks whether it may lead, and the leader whether it still does.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// An arbitrary number that names the lock within the database.
const LOCK: i64 = 0x7075_7273_6572;

/// Runs `work` while this process leads, until `shutdown`. `work` is given a token that is cancelled when the
/// leadership is lost.
pub async fn lead_until<Work>(pool: &PgPool, shutdown: &CancellationToken, work: Work)
where
    Work: AsyncFn(CancellationToken),
{
    while !shutdown.is_cancelled() {
        match acquire(pool).await {
            Ok(Some(mut connection)) => {
                tracing::info!("this scheduler leads");
                let leadership = shutdown.child_token();
                tokio::join!(work(leadership.clone()), keep(&mut connection, &leadership));
                // Closing the connection gives the lock back at once.
                let _closed = connection.close().await;
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "the database is away; asking again"),
        }
        tokio::select! {
            () = tokio::time::sleep(HEARTBEAT) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

async fn acquire(pool: &PgPool) -> Result<Option<PgConnection>, sqlx::Error> {
    // A connection of its own: a pooled one could be closed, and the lock lost, without notice.
    let mut connection = pool.acquire().await?.detach();
    let leads = sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "leads!""#, LOCK)
        .fetch_one(&mut connection)
        .await?;
    if leads {
        return Ok(Some(connection));
    }
    connection.close().await?;
    Ok(None)
}

/// Watches the connection that holds the lock; cancels the leadership when it is lost.
async fn keep(connection: &mut PgConnection, leadership: &CancellationToken) {
    loop {
        tokio::select! {
            () = leadership.cancelled() => return,
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
        match tokio::time::timeout(HEARTBEAT * 3, connection.ping()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("this scheduler no longer leads: its connection to the database is lost");
                leadership.cancel();
                return;
            }
        }
    }
}
