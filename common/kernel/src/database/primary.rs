//! The primary among the servers of a database: the one that can write. Each connection of the pools is to it, and
//! after a failover the pools go on with its successor.
//!
//! A connection of its own asks once a second whether the primary still is one, and answers. It notices what a pool
//! cannot: a server that was demoted and goes on answering reads, and one that is frozen or cut off.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::deadline::within;

/// A server, and a connection to it.
type Found = Result<(usize, PgConnection), sqlx::Error>;

/// How often the primary is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long to wait while there is none.
const PAUSE: Duration = Duration::from_millis(500);

/// The servers of a database, and since when which of them is the primary.
#[derive(Debug)]
pub struct Primary {
    servers: Vec<PgConnectOptions>,
    current: Mutex<Current>,
    /// Whether the process knows the installation's time, if it is to wait for that.
    knows_time: OnceLock<watch::Receiver<bool>>,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    server: usize,
    /// Connections that are older are to a server that is, or was, no primary.
    since: Instant,
}

impl Primary {
    /// The first is taken for the primary until [`Primary::follow`] has found it. There is at least one.
    pub(super) fn among(servers: Vec<PgConnectOptions>) -> Self {
        let current = Mutex::new(Current { server: 0, since: Instant::now() });
        Self { servers, current, knows_time: OnceLock::new() }
    }

    /// Has the pools give out connections only while the process knows the time.
    pub(crate) fn wait_for_time(&self, knows_time: watch::Receiver<bool>) {
        let _is_set_once = self.knows_time.set(knows_time);
    }

    /// Waits until the process knows the time.
    pub(super) async fn time_is_known(&self) {
        if let Some(knows_time) = self.knows_time.get() {
            let mut knows_time = knows_time.clone();
            // The sender is gone at the end of the process.
            let _is_known = knows_time.wait_for(|knows_time| *knows_time).await;
        }
    }

    pub(crate) fn options(&self) -> Option<PgConnectOptions> {
        self.servers.get(self.current().server).or(self.servers.first()).cloned()
    }

    /// Whether a connection of this age was opened before the primary changed.
    pub(super) fn is_outdated(&self, age: Duration) -> bool {
        age >= self.current().since.elapsed()
    }

    /// Connects to the primary.
    ///
    /// # Errors
    /// When no server is a primary that answers.
    pub async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        Ok(self.find().await?.1)
    }

    /// Finds the primary for pools that are made from now on.
    pub(super) async fn choose(&self) -> Result<(), sqlx::Error> {
        self.found().await.map(drop)
    }

    /// Finds the primary.
    pub(crate) async fn found(&self) -> Result<PgConnectOptions, sqlx::Error> {
        let (server, connection) = self.find().await?;
        self.change(server);
        connection.close().await?;
        self.options().ok_or(sqlx::Error::PoolClosed)
    }

    /// Keeps these pools connected to the primary until `shutdown`.
    pub async fn follow(&self, pools: &[PgPool], shutdown: CancellationToken) {
        shutdown.run_until_cancelled(self.follow_always(pools)).await;
    }

    async fn follow_always(&self, pools: &[PgPool]) {
        loop {
            let Ok((server, mut connection)) = self.find().await else {
                sleep(PAUSE).await;
                continue;
            };
            if let Some(options) = self.servers.get(server)
                && server != self.current().server
            {
                tracing::warn!(
                    host = options.get_host(),
                    port = options.get_port(),
                    "another server is the primary"
                );
                pools.iter().for_each(|pool| pool.set_connect_options(options.clone()));
                self.change(server);
            }
            while is_primary(&mut connection).await {
                sleep(EVERY).await;
            }
            tracing::warn!("the primary does not answer, or is one no longer; its connections are given up");
            self.change(server);
        }
    }

    /// All are asked at once: one that is frozen does not hold up the others.
    async fn find(&self) -> Found {
        let mut asked: FuturesUnordered<_> = self
            .servers
            .iter()
            .enumerate()
            .map(|(server, options)| async move {
                let connecting = async {
                    let mut connection = PgConnection::connect_with(options).await?;
                    require_primary(&mut connection).await?;
                    Ok((server, connection))
                };
                within(PATIENCE, connecting).await.unwrap_or_else(|given_up| Found::Err(given_up.into()))
            })
            .collect();
        let mut failure = sqlx::Error::PoolTimedOut;
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(found) => return Ok(found),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn current(&self) -> Current {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, server: usize) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Current { server, since: Instant::now() };
    }
}

/// Whether the server answers in time that it can write.
pub(crate) async fn is_primary(connection: &mut PgConnection) -> bool {
    matches!(timeout(PATIENCE, require_primary(connection)).await, Ok(Ok(())))
}

/// # Errors
/// When the server is a standby, which cannot write, or does not answer.
pub(super) async fn require_primary(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let is_standby: bool = sqlx::query_scalar("select pg_is_in_recovery()").fetch_one(connection).await?;
    if is_standby { Err(sqlx::Error::Configuration(Box::new(Standby))) } else { Ok(()) }
}

#[derive(Debug, thiserror::Error)]
#[error("the server is a standby, which cannot write")]
struct Standby;
