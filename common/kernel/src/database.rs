//! The connection pool, the migrations, and what a database error means.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::config::Connections;

/// The embedded migrations.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// How statements are planned. Each finds its rows by a key, so that it costs the same however many there are. The
/// planner goes by old statistics and would scan tables that were small when these were made: those of a new
/// installation are a minute late, and prepared statements keep their plans.
const PLANNING: [(&str, &str); 4] =
    [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("jit", "off")];

/// A pool that connects when first used, so that a process can start, and webhooks be accepted, while the
/// database is down.
///
/// # Errors
/// When the address cannot be read.
pub fn pool(connections: &Connections) -> Result<PgPool, sqlx::Error> {
    pool_with(connections, |options| options)
}

/// As [`pool`], with more said of it.
pub(crate) fn pool_with(
    connections: &Connections,
    more: impl FnOnce(PgPoolOptions) -> PgPoolOptions,
) -> Result<PgPool, sqlx::Error> {
    let server = connections.database_url.expose().parse::<PgConnectOptions>()?.options(PLANNING);
    let options = PgPoolOptions::new()
        .max_connections(connections.database_max_connections)
        .acquire_timeout(Duration::from_secs(5));
    Ok(more(options).connect_lazy_with(server))
}

/// Brings the schema up to date. Safe when several processes do it at once: they queue on a lock.
///
/// # Errors
/// When the database cannot be reached, or holds other migrations than this build.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    MIGRATIONS.run(pool).await
}

/// Asks the server whether it answers.
///
/// # Errors
/// When it does not.
pub async fn ping(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("select 1").execute(pool).await.map(drop)
}

/// Whether trying the same again later may succeed: the server was away, restarting, out of connections, or chose
/// this transaction as the victim of a deadlock.
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            matches!(code.get(..2), Some("08" | "40" | "53" | "57")) || matches!(&*code, "55P03" | "25006")
        }),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// The name of the constraint that a statement broke, if it broke one.
pub fn broken_constraint(error: &sqlx::Error) -> Option<&str> {
    match error {
        sqlx::Error::Database(error) => error.constraint(),
        _ => None,
    }
}

/// Whether a text in JSON has the character that the database cannot store: always written `\\u0000`, after an
/// even number of backslashes.
pub fn has_nul(json: &[u8]) -> bool {
    memchr::memmem::find_iter(json, br"\u0000").any(|at| {
        let before = json.iter().take(at).rev().take_while(|byte| **byte == b'\\').count();
        before % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_found_and_only_nul() {
        assert!(has_nul(br#"{"a":"\u0000"}"#) && has_nul(br#"["x\\\u0000"]"#));
        assert!(!has_nul(br#"{"a":"\\u0000"}"#) && !has_nul(br#"["\u0001","u0000"]"#) && !has_nul(b""));
    }
}
