//! What this process is: the database shows it with each connection, so that those who run the installation see which
//! processes there are.

use std::sync::OnceLock;

use sqlx::PgConnection;

use crate::clock::Timestamp;

/// What the names of all processes begin with.
const PREFIX: &str = "purser";

static NAME: OnceLock<String> = OnceLock::new();

/// Says once which service this process is.
pub(crate) fn set_service(service: &str) {
    NAME.get_or_init(|| format!("{PREFIX} {service} {}", env!("CARGO_PKG_VERSION")));
}

/// The name under which this process connects.
pub(crate) fn name() -> &'static str {
    NAME.get().map_or(PREFIX, String::as_str)
}

/// A process that is connected to the database.
#[derive(Clone, Debug)]
pub struct Process {
    /// `api`, `worker`, `scheduler`; empty of one that does not say.
    pub service: String,
    pub version: String,
    /// The address that it connects from; none through a socket of the machine.
    pub address: Option<String>,
    pub connections: i64,
    /// When the oldest of its connections was opened.
    pub connected_since: Timestamp,
}

/// The processes that are connected now. Several of one service at one address count as one.
///
/// # Errors
/// Database errors only.
pub async fn running(connection: &mut PgConnection) -> Result<Vec<Process>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select application_name as "name!", host(client_addr) as address, min(backend_start) as "since!: Timestamp",
                  count(*) as "connections!"
           from pg_stat_activity
           where datname = current_database() and (application_name = $1 or application_name like $1 || ' %')
           group by application_name, client_addr order by application_name, client_addr"#,
        PREFIX
    )
    .fetch_all(connection)
    .await?;
    let processes = rows.into_iter().map(|row| {
        let mut words = row.name.split(' ').skip(1);
        Process {
            service: words.next().unwrap_or_default().to_owned(),
            version: words.next().unwrap_or_default().to_owned(),
            address: row.address,
            connections: row.connections,
            connected_since: row.since,
        }
    });
    Ok(processes.collect())
}

/// A migration that was applied.
#[derive(Clone, Debug)]
pub struct Applied {
    pub version: i64,
    pub name: String,
    pub applied_at: Timestamp,
}

/// The newest migrations, at most `limit`.
///
/// # Errors
/// Database errors only.
pub async fn migrations(connection: &mut PgConnection, limit: i64) -> Result<Vec<Applied>, sqlx::Error> {
    sqlx::query_as!(
        Applied,
        r#"select version, description as name, installed_on as "applied_at: Timestamp" from _sqlx_migrations
           where success order by version desc limit $1"#,
        limit
    )
    .fetch_all(connection)
    .await
}
