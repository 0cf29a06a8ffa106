//! Elects one scheduler among several: the one that holds the lease leads.

use std::time::Duration;

use kernel::lease::{self, Holder, Lease};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// The name of the lease.
pub const NAME: &str = "scheduler";
/// How often a replica asks whether it may lead, and the leader prolongs its lease.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long the database may take to answer. It is asked several times before a lease ends.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// That this process leads. Cheap to clone.
#[derive(Clone)]
pub struct Leadership {
    lease: watch::Receiver<Lease>,
    ended: CancellationToken,
}

impl Leadership {
    /// The lease as it was last prolonged.
    pub fn lease(&self) -> Lease {
        *self.lease.borrow()
    }

    /// Cancelled when this process leads no longer.
    pub fn ended(&self) -> &CancellationToken {
        &self.ended
    }
}

/// Runs `work` while this process leads, until `shutdown`.
pub async fn lead_until<Work>(pool: &PgPool, shutdown: &CancellationToken, work: Work)
where
    Work: AsyncFn(Leadership),
{
    let holder = Holder::random();
    while !shutdown.is_cancelled() {
        match timeout(PATIENCE, lease::acquire(pool, NAME, holder)).await {
            Ok(Ok(Some(lease))) => lead(pool, lease, shutdown, &work).await,
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the database is away; asking again"),
            Err(_) => tracing::debug!("the database does not answer; asking again"),
        }
        shutdown.run_until_cancelled(sleep(HEARTBEAT)).await;
    }
}

async fn lead<Work>(pool: &PgPool, lease: Lease, shutdown: &CancellationToken, work: &Work)
where
    Work: AsyncFn(Leadership),
{
    tracing::info!(term = lease.term, "this scheduler leads");
    let (prolonged, lease) = watch::channel(lease);
    let leadership = Leadership { lease, ended: shutdown.child_token() };
    tokio::join!(work(leadership.clone()), keep(pool, &prolonged, &leadership.ended));
    let lease = leadership.lease();
    if lease.is_valid() && !matches!(timeout(PATIENCE, lease::give_back(pool, &lease)).await, Ok(Ok(()))) {
        tracing::debug!("the lease was not given back: it ends by itself");
    }
}

/// Prolongs the lease; ends the leadership before the lease ends.
async fn keep(pool: &PgPool, prolonged: &watch::Sender<Lease>, ended: &CancellationToken) {
    loop {
        let lease = *prolonged.borrow();
        let keeping = async {
            sleep(HEARTBEAT).await;
            timeout(PATIENCE, lease::renew(pool, &lease)).await
        };
        let kept = tokio::select! {
            () = ended.cancelled() => return,
            () = sleep_until(lease.until().into()) => None,
            kept = keeping => Some(kept),
        };
        match kept {
            Some(Ok(Ok(Some(lease)))) => drop(prolonged.send_replace(lease)),
            Some(Ok(Err(_)) | Err(_)) if lease.is_valid() => {}
            Some(_) | None => {
                tracing::warn!(term = lease.term, "this scheduler no longer leads: its lease is over");
                return ended.cancel();
            }
        }
    }
}
