//! Lanes: what one caller or one slow endpoint has on its way does not delay what others have, because each has only so
//! much on its way at a time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// When there are more lanes, the empty ones are given up.
const REMEMBERED: usize = 1_000;
/// So many may wait in one lane: less than half of what a worker does of a role at a time.
const WAITING: usize = 56;

/// The lanes of a process, by whose they are.
pub(crate) struct Lanes<Key> {
    all: Mutex<HashMap<Key, Arc<Lane>>>,
}

struct Lane {
    places: Arc<Semaphore>,
    /// A job that waits keeps another of its role from being done.
    waiting: Semaphore,
}

impl<Key> Default for Lanes<Key> {
    fn default() -> Self {
        Self { all: Mutex::default() }
    }
}

impl<Key: Clone + Eq + Hash> Lanes<Key> {
    /// A place in a lane that has room for `at_once`; none if it does not become free in time.
    pub async fn place(&self, key: &Key, at_once: usize, patience: Duration) -> Option<OwnedSemaphorePermit> {
        let lane = {
            let mut lanes = self.all.lock().unwrap_or_else(PoisonError::into_inner);
            if lanes.len() > REMEMBERED {
                // A place that is held or awaited holds the lane.
                lanes.retain(|_, lane| Arc::strong_count(lane) > 1 || Arc::strong_count(&lane.places) > 1);
            }
            let new = || Lane { places: Arc::new(Semaphore::new(at_once)), waiting: Semaphore::new(WAITING) };
            Arc::clone(lanes.entry(key.clone()).or_insert_with(|| Arc::new(new())))
        };
        if let Ok(place) = Arc::clone(&lane.places).try_acquire_owned() {
            return Some(place);
        }
        let _waiting = lane.waiting.try_acquire().ok()?;
        tokio::time::timeout(patience, Arc::clone(&lane.places).acquire_owned()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_lane_leaves_the_others_free() {
        let lanes = Lanes::default();
        let place = |key: &'static &'static str| lanes.place(key, 2, Duration::ZERO);
        let (first, second) = (place(&"a").await, place(&"a").await);
        assert!(first.is_some() && second.is_some() && place(&"a").await.is_none());
        assert!(place(&"b").await.is_some());
        drop(first);
        assert!(place(&"a").await.is_some());
    }
}
