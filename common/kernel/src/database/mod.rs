//! The connection pool, the migrations, and what a database error means.

pub(crate) mod primary;
mod reads;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::migrate::{Migrate, MigrateError};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use tokio::time::timeout;

pub use primary::Primary;
pub use reads::Reads;

use crate::config::{Connections, Secret, addresses};
use crate::deadline::within;
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

/// How long a process waits for a connection, one of its own or a new one: less than for an answer, so that what was
/// not begun is known not to be done.
const ACQUIRE: Duration = Duration::from_secs(4);

/// A connection that was idle for longer is asked whether it is one still, before it is used again.
const TRUSTED: Duration = Duration::from_secs(1);

/// The check of a new connection.
pub(crate) type Check =
    Box<dyn for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, Result<(), sqlx::Error>> + Send + Sync>;

/// The servers that `DATABASE_URL` names.
///
/// # Errors
/// When an address cannot be read.
pub fn primary(connections: &Connections) -> Result<Arc<Primary>, sqlx::Error> {
    Ok(Arc::new(Primary::among(servers_for_sessions(&connections.database_url, connections)?)))
}

/// The servers that an address names. Each connection to one of them gets [`session_settings`], unless a pooler is
/// between.
fn servers_for_sessions(
    url: &Secret,
    connections: &Connections,
) -> Result<Vec<PgConnectOptions>, sqlx::Error> {
    let is_direct = connections.database_direct_url.is_none();
    let settings = session_settings(connections);
    // A pooler takes no settings with a connection: they are the role's then, see [`give_settings_to_role`].
    let with_settings = |server: PgConnectOptions| {
        if is_direct { server.options(settings.clone()) } else { server.extra_float_digits(None) }
    };
    Ok(servers(url)?.into_iter().map(with_settings).collect())
}

/// As [`primary`], found before it is used: for a command, which does not follow it.
///
/// # Errors
/// When an address cannot be read, or no server is a primary that answers.
pub async fn found_primary(connections: &Connections) -> Result<Arc<Primary>, sqlx::Error> {
    let primary = primary(connections)?;
    primary.choose().await?;
    Ok(primary)
}

/// The servers themselves, where `DATABASE_URL` leads to a pooler in front of them.
///
/// # Errors
/// When an address cannot be read.
pub fn direct_primary(connections: &Connections) -> Result<Primary, sqlx::Error> {
    let url = connections.database_direct_url.as_ref().unwrap_or(&connections.database_url);
    Ok(Primary::among(servers(url)?))
}

fn servers(url: &Secret) -> Result<Vec<PgConnectOptions>, sqlx::Error> {
    let addresses = addresses::of_database(url.expose());
    // A name in the address is the operator's choice.
    let named = |server: PgConnectOptions| match server.get_application_name() {
        Some(_) => server,
        None => server.application_name(process::name()),
    };
    addresses.iter().map(|address| address.parse().map(named)).collect()
}

fn session_settings(connections: &Connections) -> Vec<(&'static str, String)> {
    let fixed = PLANNING.into_iter().chain(KEEPALIVE).chain([IDLE_IN_TRANSACTION]);
    let limits = [
        ("lock_timeout", connections.database_lock_timeout),
        ("statement_timeout", connections.database_statement_timeout),
    ];
    let limits = limits.map(|(name, limit)| (name, format!("{}ms", limit.as_millis())));
    fixed.map(|(name, value)| (name, value.to_owned())).chain(limits).collect()
}

/// A pool that connects when first used, so that a process can start, and webhooks be accepted, while the
/// database is down. [`Primary::follow`] leads it to another server after a failover.
///
/// # Errors
/// When the address cannot be read.
pub fn pool(connections: &Connections) -> Result<PgPool, sqlx::Error> {
    pool_of(&primary(connections)?, connections)
}

/// As [`pool`], for one of several pools that follow the same primary.
///
/// # Errors
/// When there is no address.
pub fn pool_of(primary: &Arc<Primary>, connections: &Connections) -> Result<PgPool, sqlx::Error> {
    checked_pool_of(primary, connections, None)
}

/// As [`pool_of`], of connections that have passed `check`.
///
/// # Errors
/// When there is no address.
pub(crate) fn checked_pool_of(
    primary: &Arc<Primary>,
    connections: &Connections,
    check: Option<Check>,
) -> Result<PgPool, sqlx::Error> {
    let server = primary.options().ok_or(sqlx::Error::PoolClosed)?;
    let (patience, check) = (connections.database_deadline, Arc::new(check));
    let [before, after, connected] = [(); 3].map(|()| Arc::clone(primary));
    let options = PgPoolOptions::new()
        .max_connections(connections.database_max_connections)
        .acquire_timeout(ACQUIRE)
        // What was in use a moment ago needs no question: that would cost each transaction a round trip.
        .test_before_acquire(false)
        .before_acquire(move |connection, state| {
            let (is_outdated, primary) = (before.is_outdated(state.age), Arc::clone(&before));
            Box::pin(async move {
                primary.time_is_known().await;
                let is_trusted = state.idle_for < TRUSTED;
                Ok(!is_outdated && (is_trusted || answers(connection, patience).await))
            })
        })
        // One whose work was given up may never answer: it would keep its place in the pool.
        .after_release(move |connection, state| {
            let is_outdated = after.is_outdated(state.age);
            Box::pin(async move { Ok(!is_outdated && answers(connection, patience).await) })
        })
        .after_connect(move |connection, _| {
            let (check, primary) = (Arc::clone(&check), Arc::clone(&connected));
            Box::pin(async move {
                primary.time_is_known().await;
                primary::require_primary(connection).await?;
                match &*check {
                    Some(check) => check(connection).await,
                    None => Ok(()),
                }
            })
        });
    Ok(options.connect_lazy_with(server))
}

async fn answers(connection: &mut PgConnection, patience: Duration) -> bool {
    matches!(timeout(patience, connection.ping()).await, Ok(Ok(())))
}

/// Brings the schema up to date. Safe when several processes do it at once: they queue on a lock.
///
/// # Errors
/// When the database cannot be reached, or holds other migrations than this build.
pub async fn migrate(connection: &mut PgConnection) -> Result<(), MigrateError> {
    // An index of a large table takes its time, and a role may have limits.
    connection.execute("set statement_timeout = 0; set lock_timeout = 0").await?;
    MIGRATIONS.run(connection).await
}

/// Gives the settings of connections to their role in this database, for where a pooler takes none with a connection.
/// Connections that are open already keep theirs.
///
/// # Errors
/// Database errors only.
pub async fn give_settings_to_role(
    connection: &mut PgConnection,
    connections: &Connections,
) -> Result<(), sqlx::Error> {
    let (role, database): (String, String) =
        sqlx::query_as("select quote_ident(current_user), quote_ident(current_database())")
            .fetch_one(&mut *connection)
            .await?;
    for (name, value) in session_settings(connections) {
        let statement = format!("alter role {role} in database {database} set {name} = '{value}'");
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    Ok(())
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

/// Commits something that changes nothing: succeeds where a write would, and takes as long.
///
/// # Errors
/// When the server does not answer, or cannot write.
pub async fn probe_commit(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_logical_emit_message(true, 'purser', 'ready')").execute(pool).await.map(drop)
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
