//! Sends the notices of debits to the live connections of all API instances. They are not stored: while the broker is
//! away they are lost, and a listener sees the gap in the sequence of the wallet.

use kernel::metrics::{NONE, catalogue};
use messaging::Publisher;
use notices::{Live, Notice};
use tokio::sync::mpsc;

/// How many groups of notices may wait to be sent. When the queue is full, a further group is dropped.
const QUEUE: usize = 1_024;
/// How many notices share a message: one costs more than what is in it.
const AT_ONCE: usize = 512;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Announcer {
    queue: mpsc::Sender<Vec<Notice>>,
}

impl Announcer {
    /// Sends until the announcer and all its clones are dropped. One message is on its way at a time, and the notices
    /// that come meanwhile share the next: so they arrive in the order in which they were given.
    pub(crate) fn start(publisher: Publisher) -> Self {
        let (queue, mut waiting) = mpsc::channel::<Vec<Notice>>(QUEUE);
        tokio::spawn(async move {
            while let Some(mut notices) = waiting.recv().await {
                while notices.len() < AT_ONCE
                    && let Ok(more) = waiting.try_recv()
                {
                    notices.extend(more);
                }
                let count = notices.len();
                if let Err(error) = publisher.announce(&Live::Notices { notices }).await {
                    lost(count, &error.to_string());
                }
            }
        });
        Self { queue }
    }

    /// Queues notices and returns at once. Drops them if too many wait.
    pub(crate) fn announce(&self, notices: Vec<Notice>) {
        let count = notices.len();
        if count > 0 && self.queue.try_send(notices).is_err() {
            lost(count, "too many wait");
        }
    }
}

fn lost(count: usize, reason: &str) {
    catalogue::LIVE_NOTICES_LOST.add(NONE, count);
    tracing::debug!(count, reason, "dropped notices of debits for live connections");
}
