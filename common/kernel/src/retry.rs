//! Short retries inside one delivery, with growing, jittered waits. Long waits belong to the delay queues.
//! The only user of the crate `backoff`.

use std::future::Future;
use std::time::Duration;

use backoff::ExponentialBackoff;

/// Tries `attempt` until it succeeds, fails for good, or `patience` is used up; then the last error is returned.
/// `is_transient` says whether an error may pass.
///
/// # Errors
/// The first permanent error, or the last transient one.
pub async fn with_patience<T, E, Attempt, Answer>(
    patience: Duration,
    is_transient: impl Fn(&E) -> bool,
    mut attempt: Attempt,
) -> Result<T, E>
where
    Attempt: FnMut() -> Answer,
    Answer: Future<Output = Result<T, E>>,
{
    let policy = ExponentialBackoff {
        initial_interval: Duration::from_millis(50),
        max_interval: Duration::from_secs(2),
        max_elapsed_time: Some(patience),
        ..ExponentialBackoff::default()
    };
    backoff::future::retry(policy, || {
        let answer = attempt();
        async {
            answer.await.map_err(|error| {
                if is_transient(&error) {
                    backoff::Error::transient(error)
                } else {
                    backoff::Error::permanent(error)
                }
            })
        }
    })
    .await
}
