//! Deadlines for work on a server that may never answer. A limit of the server's own, such as a statement timeout,
//! ends what the server works on, but not the waiting for one that is frozen or cut off, or for a commit that no
//! standby confirms. So the client gives up by itself: the work is dropped, and its connection with it. What came of
//! the work is then unknown, and doing it again must be harmless.
//!
//! What the work waits for elsewhere, with a limit of its own, does not count: see [`uncounted`].

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

tokio::task_local! {
    static WORK: Arc<Work>;
}

/// Work with a deadline.
#[derive(Debug)]
struct Work {
    elsewhere: watch::Sender<Elsewhere>,
    /// The work that this is a part of.
    whole: Option<Arc<Work>>,
}

/// What does not count.
#[derive(Clone, Copy, Debug)]
struct Elsewhere {
    waited: Duration,
    /// Waits that are not over; several may go on at once.
    waits: u32,
    /// When the first of them began.
    since: Instant,
}

impl Elsewhere {
    fn begin(&mut self) {
        if self.waits == 0 {
            self.since = Instant::now();
        }
        self.waits = self.waits.saturating_add(1);
    }

    fn end(&mut self) {
        self.waits = self.waits.saturating_sub(1);
        if self.waits == 0 {
            self.waited = self.waited.saturating_add(self.since.elapsed());
        }
    }
}

/// The work was given up; it may have been done all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server did not answer in time; whether it did the work is unknown")]
pub struct GivenUp;

impl From<GivenUp> for sqlx::Error {
    fn from(error: GivenUp) -> Self {
        Self::Io(io::Error::new(io::ErrorKind::TimedOut, error))
    }
}

/// Does work, and drops it when it has taken `limit`.
///
/// # Errors
/// [`GivenUp`].
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, GivenUp> {
    let whole = WORK.try_with(Arc::clone).ok();
    bounded(limit, whole, work).await
}

/// As [`within`], in a task of its own, which goes on when its caller is dropped. It remains a part of the caller's
/// work.
pub fn spawn<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<Result<T, GivenUp>> {
    let whole = WORK.try_with(Arc::clone).ok();
    tokio::spawn(bounded(limit, whole, work))
}

async fn bounded<T>(
    limit: Duration,
    whole: Option<Arc<Work>>,
    work: impl Future<Output = T>,
) -> Result<T, GivenUp> {
    let started = Instant::now();
    let (elsewhere, mut changed) =
        watch::channel(Elsewhere { waited: Duration::ZERO, waits: 0, since: started });
    let mut work = pin!(WORK.scope(Arc::new(Work { elsewhere, whole }), work));
    loop {
        let Elsewhere { waited, waits, .. } = *changed.borrow_and_update();
        let out_of_time = async {
            match waits {
                0 => sleep_until(started + limit + waited).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            Ok(()) = changed.changed() => {}
            () = out_of_time => return Err(GivenUp),
        }
    }
}

/// Waits for something that is no server's answer, or has a limit of its own: a worker, a provider, time to pass. It
/// does not count.
pub async fn uncounted<T>(wait: impl Future<Output = T>) -> T {
    let _waiting = WORK.try_with(|work| Waiting::begin(Arc::clone(work))).ok();
    wait.await
}

/// Nothing counts until it is dropped.
struct Waiting(Arc<Work>);

impl Waiting {
    fn begin(work: Arc<Work>) -> Self {
        work.change(Elsewhere::begin);
        Self(work)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.change(Elsewhere::end);
    }
}

impl Work {
    fn change(&self, change: fn(&mut Elsewhere)) {
        self.elsewhere.send_modify(change);
        if let Some(whole) = &self.whole {
            whole.change(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn work_is_given_up_when_its_time_is_over() {
        assert_eq!(within(LIMIT, pending::<()>()).await, Err(GivenUp));
        assert_eq!(within(LIMIT, async { 1 }).await, Ok(1));
    }

    #[tokio::test]
    async fn what_is_waited_for_elsewhere_does_not_count() {
        assert_eq!(within(LIMIT, uncounted(sleep(LONG))).await, Ok(()));
        let twice_at_once = async { futures::join!(uncounted(sleep(LONG)), uncounted(sleep(LONG * 2))) };
        assert_eq!(within(LIMIT, twice_at_once).await, Ok(((), ())));
        let hangs_later = async {
            uncounted(sleep(LONG)).await;
            pending::<()>().await;
        };
        assert_eq!(within(LIMIT, hangs_later).await, Err(GivenUp));
    }

    #[tokio::test]
    async fn a_part_in_a_task_of_its_own_waits_for_the_whole() {
        let part = async { spawn(LIMIT, uncounted(sleep(LONG))).await.ok() };
        assert_eq!(within(LIMIT, part).await, Ok(Some(Ok(()))));
        let hangs = async { spawn(LONG, pending::<()>()).await.ok() };
        assert_eq!(within(LIMIT, hangs).await, Err(GivenUp));
    }
}
