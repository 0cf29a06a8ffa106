//! Moves the time of a whole installation in test mode.
//!
//! How far it is ahead of real time is one row of the database, which every process follows. A process listens for
//! moves, and holds a shared advisory lock that is named by the last move in force in it. So whoever moves the clock
//! sees by the locks when a move is in force everywhere, and a process that dies counts no more. One that lost the
//! connection over which it listens counts no more either: its pools give out no connection until it has heard of the
//! last move.
//!
//! Only the time of day moves: timeouts and the pauses of the broker's delay queues are real.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::time::{Duration, Instant};

use anyhow::ensure;
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{Acquire, PgConnection, PgExecutor, PgPool};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Timestamp};
use crate::config::{Connections, Mode};
use crate::database::{self, Primary, primary};
use crate::deadline;

const CHANNEL: &str = "test_clock";
/// Names the locks of all followers; the second half of a lock's name is the move.
const LOCKS: i32 = 0x7075_7273;
/// A century: further on, dates in the future come to an end.
const OFFSET_MAX: i64 = 36_525 * 86_400;
/// How long a move waits until it is in force everywhere.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last follower waits for the others.
const PATIENCE_OF_LAST: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(3);
/// How long a process that starts waits for the database before it goes by real time.
const CONNECT: Duration = Duration::from_secs(1);
const RECONNECT: Duration = Duration::from_millis(200);
/// How long a follower waits for a message before it asks whether the server still is the primary.
const LISTEN: Duration = Duration::from_secs(1);

/// Where to move the clock.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// By so many seconds.
    Ahead(i64),
    /// To a moment, to the next full second of the offset.
    At(Timestamp),
}

#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("time does not go backwards")]
    Backwards,
    #[error("the clock can be at most a century ahead")]
    TooFar,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// What a move led to.
#[derive(Clone, Copy, Debug)]
pub struct Moved {
    pub offset_seconds: i64,
    /// Whether every process goes by it. A process that hangs, or has lost its connection to the database unnoticed,
    /// does not within [`PATIENCE`].
    pub in_force: bool,
}

/// Moves the clock of all processes, and returns when they go by it. `moved_by` names the request: sent again it moves
/// nothing.
///
/// # Errors
/// A move that is refused, and database errors.
pub async fn advance(pool: &PgPool, target: Target, moved_by: Option<&str>) -> Result<Moved, MoveError> {
    let mut transaction = pool.begin().await?;
    let row =
        sqlx::query!("select offset_seconds, moves, moved_by from test_clock where only_row for update")
            .fetch_one(&mut *transaction)
            .await?;
    let is_repeated = moved_by.is_some() && moved_by == row.moved_by.as_deref();
    let offset = if is_repeated {
        row.offset_seconds
    } else {
        next_offset(row.offset_seconds, Clock::system().now(), target)?
    };
    let moves = row.moves.saturating_add(i32::from(offset != row.offset_seconds));
    if !is_repeated {
        sqlx::query!(
            "update test_clock set offset_seconds = $1, moves = $2, moved_by = $3 where only_row",
            offset,
            moves,
            moved_by
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!("select pg_notify($1, '')", CHANNEL).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    let mut connection = pool.acquire().await?;
    let in_force = deadline::uncounted(others_follow(&mut connection, moves, PATIENCE)).await?;
    Ok(Moved { offset_seconds: offset, in_force })
}

/// Waits until every follower but this connection's own has applied a move; says whether they have in time.
async fn others_follow(
    connection: &mut PgConnection,
    moves: i32,
    patience: Duration,
) -> Result<bool, sqlx::Error> {
    let began = Instant::now();
    loop {
        let behind = sqlx::query_scalar!(
            r#"select count(*) as "count!" from pg_locks
               where locktype = 'advisory' and classid::bigint = $1 and objsubid = 2 and objid::bigint < $2
                     and pid <> pg_backend_pid()
                     and database = (select oid from pg_database where datname = current_database())"#,
            i64::from(LOCKS),
            i64::from(moves)
        )
        .fetch_one(&mut *connection)
        .await?;
        if behind == 0 || began.elapsed() >= patience {
            return Ok(behind == 0);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn next_offset(offset: i64, real_now: Timestamp, target: Target) -> Result<i64, MoveError> {
    let next = match target {
        Target::Ahead(seconds) => offset.checked_add(seconds).ok_or(MoveError::TooFar)?,
        Target::At(moment) => {
            let ahead = moment - real_now;
            let part = i64::from(ahead.subsec_nanoseconds() > 0);
            ahead.whole_seconds().saturating_add(part)
        }
    };
    match next {
        next if next < offset => Err(MoveError::Backwards),
        next if next > OFFSET_MAX => Err(MoveError::TooFar),
        next => Ok(next),
    }
}

/// How far the installation is ahead of real time, in seconds.
///
/// # Errors
/// Database errors only.
pub async fn offset(executor: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!("select offset_seconds from test_clock where only_row").fetch_one(executor).await
}

/// Has the clock of a process go by the installation's. Returns when it does, or, with the database away, after a
/// moment: it follows as soon as the database is back. While it does not, the pools of `primary` give
/// out no connection.
///
/// # Errors
/// In live mode, when the clock of the database was ever moved: its books are not real ones.
pub async fn start(
    clock: &Clock,
    primary: &Primary,
    connections: &Connections,
    mode: Mode,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let direct = database::direct_primary(connections)?;
    if mode == Mode::Live {
        // With the database away nothing can be said; then nothing can be done either.
        let ahead = match tokio::time::timeout(CONNECT, direct.connect()).await {
            Ok(Ok(mut connection)) => offset(&mut connection).await.unwrap_or(0),
            Ok(Err(_)) | Err(_) => 0,
        };
        ensure!(
            ahead == 0,
            "PURSER_MODE is live, but the test clock of this database was moved: its books are not real. \
             Use a database of its own for real money"
        );
        return Ok(());
    }
    let clock = clock.clone();
    let apply = move |seconds| -> Ready<()> {
        clock.set_offset(seconds);
        ready(())
    };
    let follower = Follower::new(direct, Order::Any, apply);
    primary.wait_for_time(follower.follows.subscribe());
    follower.start(shutdown).await;
    Ok(())
}

/// When a follower applies a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Any,
    /// After all others, of which at most one may be.
    Last,
}

/// Has `apply` called with the offset, now and after each move, until `shutdown`. As [`start`], it returns after the
/// first call.
///
/// It has one connection, apart from those that the process works with: to the server itself, as a pooler passes on
/// neither messages nor locks.
pub async fn follow<Applied>(
    primary: Primary,
    order: Order,
    apply: impl FnMut(i64) -> Applied + Send + 'static,
    shutdown: CancellationToken,
) where
    Applied: Future<Output = ()> + Send,
{
    Follower::new(primary, order, apply).start(shutdown).await;
}

struct Follower<Apply> {
    primary: Primary,
    order: Order,
    apply: Apply,
    /// Whether it hears of moves.
    follows: watch::Sender<bool>,
}

impl<Apply, Applied> Follower<Apply>
where
    Apply: FnMut(i64) -> Applied + Send + 'static,
    Applied: Future<Output = ()> + Send,
{
    fn new(primary: Primary, order: Order, apply: Apply) -> Self {
        Self { primary, order, apply, follows: watch::Sender::new(false) }
    }

    async fn start(self, shutdown: CancellationToken) {
        let mut first = self.follows.subscribe();
        tokio::spawn(async move { shutdown.run_until_cancelled(self.run()).await });
        let _started = tokio::time::timeout(CONNECT, first.wait_for(|follows| *follows)).await;
    }

    async fn run(mut self) {
        loop {
            let Err(error) = self.listen().await;
            self.follows.send_replace(false);
            tracing::debug!(%error, "the test clock is not followed: the database is away");
            tokio::time::sleep(RECONNECT).await;
        }
    }

    async fn listen(&mut self) -> Result<Infallible, sqlx::Error> {
        let pool = pool(&self.primary).await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        // It says at once that its connection was lost.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        let mut in_force = None;
        loop {
            self.catch_up(&mut listener, &mut in_force).await?;
            self.follows.send_replace(true);
            match tokio::time::timeout(LISTEN, listener.try_recv()).await {
                Ok(Ok(Some(_))) => {}
                // The connection was lost, its lock with it, and moves may have been missed.
                Ok(Ok(None)) => {
                    self.follows.send_replace(false);
                    in_force = None;
                }
                Ok(Err(error)) => return Err(error),
                // A server that hangs, or is the primary no longer, sends nothing either.
                Err(_) if !primary::is_primary(listener.acquire().await?).await => {
                    return Err(sqlx::Error::PoolTimedOut);
                }
                Err(_) => {}
            }
        }
    }

    /// Applies the last move, and says so by a lock.
    async fn catch_up(
        &mut self,
        listener: &mut PgListener,
        in_force: &mut Option<i32>,
    ) -> Result<(), sqlx::Error> {
        loop {
            let last = sqlx::query!("select offset_seconds, moves from test_clock where only_row")
                .fetch_one(&mut *listener)
                .await;
            let row = match last {
                // Without its schema it has not moved.
                Err(error) if is_without_schema(&error) => return Ok(()),
                last => last?,
            };
            if *in_force == Some(row.moves) {
                return Ok(());
            }
            if self.order == Order::Last {
                others_follow(listener.acquire().await?, row.moves, PATIENCE_OF_LAST).await?;
            }
            (self.apply)(row.offset_seconds).await;
            sqlx::query!("select pg_advisory_lock_shared($1, $2)", LOCKS, row.moves)
                .execute(&mut *listener)
                .await?;
            if let Some(before) = in_force.replace(row.moves) {
                sqlx::query_scalar!("select pg_advisory_unlock_shared($1, $2)", LOCKS, before)
                    .fetch_one(&mut *listener)
                    .await?;
            }
        }
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>: undefined_table
fn is_without_schema(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "42P01")
}

/// Of the follower's one connection, to the server that is the primary now.
async fn pool(primary: &Primary) -> Result<PgPool, sqlx::Error> {
    let server = primary.found().await?;
    let options = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECT);
    Ok(options.idle_timeout(None).max_lifetime(None).connect_lazy_with(server))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_forward_and_not_too_far() {
        let now = Timestamp::UNIX_EPOCH;
        let of = |offset, target| next_offset(offset, now, target).ok();
        assert_eq!(of(60, Target::Ahead(0)), Some(60));
        assert_eq!(of(60, Target::Ahead(3_600)), Some(3_660));
        assert_eq!(of(60, Target::Ahead(-1)), None);
        assert_eq!(of(60, Target::Ahead(i64::MAX)), None);
        assert_eq!(of(0, Target::Ahead(OFFSET_MAX + 1)), None);
        let after = |milliseconds| Target::At(now + time::Duration::milliseconds(milliseconds));
        // Never before the moment that was asked for.
        assert_eq!((of(60, after(60_000)), of(60, after(60_001))), (Some(60), Some(61)));
        assert_eq!((of(60, after(59_000)), of(0, after(-1))), (None, Some(0)));
    }
}
