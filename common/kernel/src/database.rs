//! The connection pool, the migrations, and what a database error means.

use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, PgPool};

use crate::config::Connections;
use crate::process;

/// The embedded migrations.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// How statements are planned. Each finds its rows by a key, so that it costs the same however many there are. The
/// planner goes by old statistics and would scan tables that were small when these were made: those of a new
/// installation are a minute late, and prepared statements keep their plans.
const PLANNING: [(&str, &str); 4] =
    [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("jit", "off")];

/// How long a transaction may be idle: that of a process that hangs ends, and with it its locks.
const IDLE_IN_TRANSACTION: (&str, &str) = ("idle_in_transaction_session_timeout", "30s");

/// The server notices within a minute that a process is gone with its machine, and ends its transactions.
const KEEPALIVE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "20"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "50000"),
];

/// How long a process waits for a connection, one of its own or a new one.
const ACQUIRE: Duration = Duration::from_secs(5);

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
    let limits = [
        ("lock_timeout", connections.database_lock_timeout.as_millis().to_string()),
        ("statement_timeout", connections.database_statement_timeout.as_millis().to_string()),
    ];
    let server = connections
        .database_url
        .expose()
        .parse::<PgConnectOptions>()?
        .application_name(process::name())
        .options(PLANNING)
        .options(KEEPALIVE)
        .options([IDLE_IN_TRANSACTION])
        .options(limits);
    let options =
        PgPoolOptions::new().max_connections(connections.database_max_connections).acquire_timeout(ACQUIRE);
    Ok(more(options).connect_lazy_with(server))
}

/// Brings the schema up to date. Safe when several processes do it at once: they queue on a lock.
///
/// # Errors
/// When the database cannot be reached, or holds other migrations than this build.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    // An index of a large table takes its time.
    let mut connection = pool.acquire().await?.detach();
    connection.execute("set statement_timeout = 0; set lock_timeout = 0").await?;
    MIGRATIONS.run(&mut connection).await
}

/// Whether the schema is at least that of this build: all of its migrations have been applied.
///
/// # Errors
/// When the server does not answer, or has no schema at all.
pub async fn is_migrated(pool: &PgPool) -> Result<bool, MigrateError> {
    let mut connection = pool.acquire().await?;
    let applied = connection.list_applied_migrations(&MIGRATIONS.table_name).await?;
    let is_applied = |version| applied.iter().any(|applied| applied.version == version);
    Ok(MIGRATIONS.iter().all(|migration| is_applied(migration.version)))
}

/// Whether a statement waited too long for a row that another transaction has locked.
pub fn is_locked(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().is_some_and(|code| code == "55P03"))
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
            matches!(code.get(..2), Some("08" | "40" | "53" | "57"))
                || matches!(&*code, "55P03" | "25006" | "25P03")
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
