//! The mode of an installation, test or live, is one fact in its database. Processes that disagree would mint credits:
//! one would give away what another sells. The first process that starts fixes the mode; a process of the other mode
//! does not start, and no connection of its pool is ever used.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, PgConnection, PgPool};

use crate::config::{Connections, Mode};
use crate::database::{self, Primary, broken_constraint};
use crate::deadline;

/// How long the database, which may be away, may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum ModeError {
    #[error(
        "PURSER_MODE is {own}, but the database belongs to an installation in {known} mode: set PURSER_MODE={known} \
         for every process, or give this one another DATABASE_URL. While nothing was ordered yet, `worker mode {own}` \
         changes the installation's mode",
        own = .own.as_str(),
        known = .known.as_str()
    )]
    Differs { own: Mode, known: Mode },
    #[error("the database has orders already, so its mode stays: use another database")]
    Final,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The pool of a process that sells: it gives out no connection while the installation is in the other mode.
///
/// # Errors
/// When there is no address.
pub fn pool(primary: &Arc<Primary>, connections: &Connections, own: Mode) -> Result<PgPool, sqlx::Error> {
    let check: database::Check = Box::new(move |connection| {
        Box::pin(async move { require(connection, own).await.map_err(sqlx::Error::from) })
    });
    database::checked_pool_of(primary, connections, Some(check))
}

impl From<ModeError> for sqlx::Error {
    fn from(error: ModeError) -> Self {
        match error {
            ModeError::Database(error) => error,
            ModeError::Differs { .. } | ModeError::Final => Self::Configuration(Box::new(error)),
        }
    }
}

/// Compares the process's mode with the installation's, and fixes that if it is open.
///
/// # Errors
/// [`ModeError`].
pub async fn require(connection: &mut PgConnection, own: Mode) -> Result<(), ModeError> {
    let known = match mode(connection).await? {
        Some(known) => known,
        None => choose(connection, own).await?,
    };
    if known == own { Ok(()) } else { Err(ModeError::Differs { own, known }) }
}

/// The installation's mode; none until a process has started.
///
/// # Errors
/// Database errors only.
pub async fn mode(connection: &mut PgConnection) -> Result<Option<Mode>, sqlx::Error> {
    let stored = sqlx::query_scalar::<_, String>("select mode from installation where id");
    stored.fetch_optional(connection).await?.as_deref().map(parsed).transpose()
}

/// Fixes the mode, unless another process was faster; says which it is.
async fn choose(connection: &mut PgConnection, own: Mode) -> Result<Mode, sqlx::Error> {
    let stored = sqlx::query_scalar::<_, String>(
        "insert into installation (mode, chosen_at) values ($1, now())
         on conflict (id) do update set mode = installation.mode returning mode",
    );
    parsed(&stored.bind(own.as_str()).fetch_one(connection).await?)
}

/// Changes the mode of an installation in which nothing was ordered yet.
///
/// # Errors
/// [`ModeError::Final`] when it has orders.
pub async fn change(connection: &mut PgConnection, mode: Mode) -> Result<(), ModeError> {
    let change = sqlx::query(
        "insert into installation (mode, chosen_at) values ($1, now())
         on conflict (id) do update set mode = excluded.mode, chosen_at = excluded.chosen_at",
    );
    match change.bind(mode.as_str()).execute(connection).await {
        Ok(_) => Ok(()),
        Err(error) if broken_constraint(&error) == Some("installation_mode_final") => Err(ModeError::Final),
        Err(error) => Err(error.into()),
    }
}

fn parsed(text: &str) -> Result<Mode, sqlx::Error> {
    text.parse().map_err(|error: &'static str| sqlx::Error::Decode(error.into()))
}

/// The check of a process at its start. A database that is away is no disagreement: webhooks are accepted meanwhile,
/// and [`disagreement`] looks again.
///
/// # Errors
/// [`ModeError::Differs`].
pub async fn check_at_start(connections: &Connections, own: Mode) -> Result<(), ModeError> {
    match ask(connections, own).await {
        Err(error @ ModeError::Differs { .. }) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Ends when the installation turns out to be of the other mode, and never otherwise.
pub async fn disagreement(connections: &Connections, pool: &PgPool, own: Mode) -> ModeError {
    let mut is_agreed = false;
    loop {
        let asked = if is_agreed { ask_pool(pool, own).await } else { ask(connections, own).await };
        match asked {
            Err(error @ ModeError::Differs { .. }) => return error,
            Ok(()) => is_agreed = true,
            // The database is away, or has no schema yet.
            Err(_) => is_agreed = false,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Over a connection of its own: the pool gives out none while the modes differ.
async fn ask(connections: &Connections, own: Mode) -> Result<(), ModeError> {
    let asking = async {
        let mut connection = database::primary(connections)?.connect().await?;
        let asked = require(&mut connection, own).await;
        connection.close().await?;
        asked
    };
    deadline::within(PATIENCE, asking).await.map_err(sqlx::Error::from)?
}

async fn ask_pool(pool: &PgPool, own: Mode) -> Result<(), ModeError> {
    let asking = async { require(&mut *pool.acquire().await?, own).await };
    deadline::within(PATIENCE, asking).await.map_err(sqlx::Error::from)?
}
