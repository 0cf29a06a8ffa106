//! Reads that may be some seconds old go to a copy of the database, a standby, so that they cost the primary nothing.
//! Without a copy, and while it does not answer, is far behind or belongs to another installation, they go to the
//! primary like everything else.

use std::future::Future;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool, Postgres};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{servers_for_sessions, within};
use crate::clock::Timestamp;
use crate::config::Connections;

/// How often the copy is asked how old it is.
const EVERY: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a read waits for a connection to it, before it goes to the primary.
const ACQUIRE: Duration = Duration::from_secs(1);

/// Where reads go that may be some seconds old.
#[derive(Clone, Debug)]
pub struct Reads {
    primary: PgPool,
    /// The connections to the copy, while it may be read.
    copy: watch::Receiver<Option<PgPool>>,
}

impl Reads {
    /// Follows the copy that `DATABASE_READ_URL` names, if it does, until `shutdown`.
    ///
    /// # Errors
    /// When an address cannot be read.
    pub fn start(
        connections: &Connections,
        primary: PgPool,
        shutdown: CancellationToken,
    ) -> Result<Self, sqlx::Error> {
        let (sender, copy) = watch::channel(None);
        if let Some(url) = &connections.database_read_url {
            let servers = servers_for_sessions(url, connections)?;
            let (primary, size) = (primary.clone(), connections.database_max_connections);
            tokio::spawn(async move {
                shutdown.run_until_cancelled(follow(&servers, size, &primary, &sender)).await;
                sender.send_replace(None);
            });
        }
        Ok(Self { primary, copy })
    }

    /// A connection to the copy, or to the primary.
    ///
    /// # Errors
    /// When the primary gives none either.
    pub async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        match self.acquire_copy().await {
            Some(connection) => Ok(connection),
            None => self.primary.acquire().await,
        }
    }

    /// A connection to the copy, if it may be read and gives one.
    pub async fn acquire_copy(&self) -> Option<PoolConnection<Postgres>> {
        let copy = self.copy.borrow().clone()?;
        copy.acquire().await.ok()
    }
}

/// Reads from the first server that may be read, as long as it may be.
async fn follow(
    servers: &[PgConnectOptions],
    size: u32,
    primary: &PgPool,
    sender: &watch::Sender<Option<PgPool>>,
) {
    let mut is_told = false;
    loop {
        for server in servers {
            let reason = read_from(server, size, primary, sender).await;
            let pool = sender.send_replace(None);
            if pool.is_some() || !is_told {
                let (host, port) = (server.get_host(), server.get_port());
                tracing::warn!(host, port, %reason, "a copy of the database is not read: reads go elsewhere");
                is_told = true;
            }
            if let Some(pool) = pool {
                // What is under way ends by itself.
                tokio::spawn(async move { pool.close().await });
            }
        }
        sleep(EVERY).await;
    }
}

/// Has reads go to a server, until it may not be read; says why not.
async fn read_from(
    server: &PgConnectOptions,
    size: u32,
    primary: &PgPool,
    sender: &watch::Sender<Option<PgPool>>,
) -> Unfit {
    let connecting = async { Ok(PgConnection::connect_with(server).await?) };
    let mut connection = match in_time(connecting).await {
        Ok(connection) => connection,
        Err(reason) => return reason,
    };
    loop {
        if let Err(reason) = in_time(require_fit(&mut connection, primary)).await {
            return reason;
        }
        if sender.borrow().is_none() {
            let (host, port) = (server.get_host(), server.get_port());
            tracing::info!(host, port, "reads that may be some seconds old go to a copy of the database");
            let pool = PgPoolOptions::new().max_connections(size).acquire_timeout(ACQUIRE);
            sender.send_replace(Some(pool.connect_lazy_with(server.clone())));
        }
        sleep(EVERY).await;
    }
}

/// Why a copy is not read.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("it does not answer: {0}")]
    Away(#[from] sqlx::Error),
    #[error("it is far behind, or no scheduler runs")]
    Behind,
    #[error("it belongs to another installation")]
    Foreign,
}

async fn in_time<T>(asking: impl Future<Output = Result<T, Unfit>>) -> Result<T, Unfit> {
    within(PATIENCE, asking).await.unwrap_or_else(|given_up| Err(Unfit::Away(given_up.into())))
}

/// # Errors
/// When the copy belongs to another installation than the primary, or is far behind it.
async fn require_fit(copy: &mut PgConnection, primary: &PgPool) -> Result<(), Unfit> {
    let since: Option<Timestamp> = sqlx::query_scalar(SINCE).fetch_optional(primary).await?;
    match sqlx::query_as(SINCE_AND_YOUNG).fetch_optional(copy).await? {
        Some((since_in_copy, is_young)) if since == Some(since_in_copy) => {
            if is_young {
                Ok(())
            } else {
                Err(Unfit::Behind)
            }
        }
        _ => Err(Unfit::Foreign),
    }
}

/// Tells one installation from another.
const SINCE: &str = "select chosen_at from installation";

/// The schedulers' leader prolongs its lease every few seconds: the lease shows how old the copy is, whatever way it is
/// made in. While no scheduler runs, no copy is known to be young.
const SINCE_AND_YOUNG: &str = "
    select chosen_at, exists (select from leases where expires_at > now() - interval '5 s') from installation";
