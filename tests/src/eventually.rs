//! Waiting for a state that other processes bring about: the one polling loop, so that a test never sleeps and hopes.
//!
//! What is waited for is a clause in the present, say "the API is ready": the failure message reads on from there.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow};

/// Between two looks, unless a caller needs another pace.
const INTERVAL: Duration = Duration::from_millis(25);

/// What one look found.
pub enum Look<T> {
    /// It is so, and this is what was found.
    Done(T),
    /// It is not so yet. The last of these states is in the failure message.
    NotYet(String),
    /// It never will be, so waiting ends at once.
    Never(Error),
}

impl Look<()> {
    /// Whether the state is the one that is waited for.
    pub fn when(is_so: bool, state: impl Display) -> Self {
        if is_so { Self::Done(()) } else { Self::NotYet(state.to_string()) }
    }

    /// Whether a value is the expected one.
    pub fn equal<Value: Display + PartialEq>(value: Value, expected: Value) -> Self {
        Self::when(value == expected, format_args!("{value} instead of {expected}"))
    }
}

/// An error is a state that may pass. One that ends the waiting is a [`Look::Never`].
impl<T, E: Into<Error>> From<Result<T, E>> for Look<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Done(value),
            Err(error) => Self::NotYet(format!("{:#}", error.into())),
        }
    }
}

/// Looks again and again until `check` is done; returns what it found.
///
/// # Errors
/// When that takes longer than `patience`: what was waited for, for how long, and the last state. When it never will
/// be so.
pub async fn eventually<T, Found: Into<Look<T>>>(
    what: &str,
    patience: Duration,
    check: impl AsyncFnMut() -> Found,
) -> Result<T> {
    eventually_every(INTERVAL, what, patience, check).await
}

/// As [`eventually`], with an interval of its own.
///
/// # Errors
/// As [`eventually`].
pub async fn eventually_every<T, Found: Into<Look<T>>>(
    interval: Duration,
    what: &str,
    patience: Duration,
    mut check: impl AsyncFnMut() -> Found,
) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(outcome) = outcome(check().await.into(), what, started, patience) {
            return outcome;
        }
        tokio::time::sleep(interval).await;
    }
}

/// As [`eventually`], for tests without a runtime.
///
/// # Errors
/// As [`eventually`].
pub fn eventually_blocking<T, Found: Into<Look<T>>>(
    what: &str,
    patience: Duration,
    mut check: impl FnMut() -> Found,
) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(outcome) = outcome(check().into(), what, started, patience) {
            return outcome;
        }
        std::thread::sleep(INTERVAL);
    }
}

/// How the waiting ends, if it does.
fn outcome<T>(look: Look<T>, what: &str, started: Instant, patience: Duration) -> Option<Result<T>> {
    let waited = started.elapsed();
    match look {
        Look::Done(value) => Some(Ok(value)),
        Look::Never(error) => Some(Err(error).with_context(|| format!("never: {what}"))),
        Look::NotYet(_) if waited < patience => None,
        Look::NotYet(state) => {
            Some(Err(anyhow!("not within {:.1} s: {what}; last seen: {state}", waited.as_secs_f64())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_says_what_was_waited_for_how_long_and_the_last_state() {
        let mut looks = 0;
        let check = async || {
            looks += 1;
            Look::equal(looks.min(3), 4)
        };
        let failed = eventually("the fourth look", Duration::from_millis(120), check).await;
        let message = failed.expect_err("it has three looks only").to_string();
        assert!(
            message.starts_with("not within 0.1 s: the fourth look; last seen: 3 instead of 4"),
            "{message}"
        );
    }

    #[tokio::test]
    async fn a_look_that_can_never_succeed_ends_the_waiting_at_once() {
        let check = async || Look::<()>::Never(anyhow!("the worker ended"));
        let failed = eventually("the worker is ready", Duration::from_secs(600), check).await;
        let message = format!("{:#}", failed.expect_err("it never is"));
        assert_eq!(message, "never: the worker is ready: the worker ended");
    }
}
