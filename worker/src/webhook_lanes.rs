//! A slow webhook endpoint delays its own messages, not those to other endpoints: only a few messages at a time are on
//! their way to one endpoint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::ids::WebhookEndpointId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Messages that one process has on their way to one endpoint.
const AT_ONCE: usize = 8;
/// How long a message waits for its turn before it is put off.
const PATIENCE: Duration = Duration::from_secs(1);

/// The messages on their way to each endpoint.
#[derive(Default)]
pub(crate) struct WebhookLanes {
    lanes: Mutex<HashMap<WebhookEndpointId, Arc<Semaphore>>>,
}

impl WebhookLanes {
    /// A place among the messages to an endpoint; none if it does not become free in time.
    pub async fn place(&self, endpoint: WebhookEndpointId) -> Option<OwnedSemaphorePermit> {
        let lane = {
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(lanes.entry(endpoint).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))))
        };
        tokio::time::timeout(PATIENCE, lane.acquire_owned()).await.ok()?.ok()
    }
}
