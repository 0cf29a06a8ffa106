//! Publishes the events of payment providers in groups: events that arrive together share a message, and each is
//! acknowledged once the broker has its message on disk.

use billing::provider_events::{ApplyProviderEvents, ProviderEvent};
use futures::future::join_all;
use jobs::EncodedJob;
use kernel::group_commit::{GroupCommit, GroupLimits};
use kernel::traces::TraceParent;
use messaging::{PublishError, Publisher};

/// At most this many events share a message.
const EVENTS_PER_MESSAGE: usize = 32;
/// A message gets no further event once it has this many bytes; far below what brokers accept.
const MESSAGE_BYTES: usize = 256 * 1024;
/// Messages on their way at once.
const CONCURRENCY: usize = 3;

type PublishResult = Result<(), PublishError>;

/// An event, and where in which trace it came, if that is traced.
type Taken = (ProviderEvent, Option<TraceParent>);

pub(crate) struct Intake {
    publisher: Publisher,
    group: GroupCommit<Taken, PublishResult>,
}

/// The broker does not have the event.
#[derive(Debug)]
pub(crate) struct NotPublished;

impl Intake {
    pub(crate) fn start(publisher: Publisher) -> Self {
        let limits = GroupLimits { size: EVENTS_PER_MESSAGE, concurrency: CONCURRENCY, beside: 1 };
        let publishing = publisher.clone();
        let group = GroupCommit::start(limits, move |events: Vec<Taken>| {
            let publisher = publishing.clone();
            async move {
                let published = join_all(into_messages(events).into_iter().map(async |events| {
                    let count = events.len();
                    let (events, causes): (Vec<_>, Vec<_>) = events.into_iter().unzip();
                    let causes: Vec<TraceParent> = causes.into_iter().flatten().collect();
                    let job = EncodedJob::caused_by(&ApplyProviderEvents { events }, &causes);
                    let result = publisher.publish(job).await;
                    std::iter::repeat_n(result, count)
                }));
                published.await.into_iter().flatten().collect()
            }
        });
        Self { publisher, group }
    }

    /// Whether the broker can be reached. Asked before an event waits in a group, so that an outage is answered at
    /// once.
    pub(crate) fn is_open(&self) -> bool {
        self.publisher.is_connected()
    }

    /// Returns once the broker has the event on disk.
    pub(crate) async fn publish(&self, event: ProviderEvent) -> Result<(), NotPublished> {
        match self.group.submit((event, TraceParent::current())).await {
            Ok(result) => result.map_err(|_| NotPublished),
            Err(_) => Err(NotPublished),
        }
    }
}

/// Splits events into messages of moderate size, in their order.
fn into_messages(events: Vec<Taken>) -> Vec<Vec<Taken>> {
    let mut messages: Vec<Vec<Taken>> = Vec::new();
    let mut bytes = MESSAGE_BYTES;
    for taken in events {
        if bytes >= MESSAGE_BYTES {
            messages.push(Vec::new());
            bytes = 0;
        }
        bytes = bytes.saturating_add(taken.0.body.get().len());
        if let Some(message) = messages.last_mut() {
            message.push(taken);
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use billing::payments::Provider;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn large_events_do_not_pile_up_in_one_message() {
        let event = |bytes: usize| {
            let body = RawValue::from_string(format!("\"{}\"", "x".repeat(bytes))).unwrap();
            let received_at = time::macros::datetime!(2026-11-21 08:00:00 UTC);
            (ProviderEvent { provider: Provider::Stripe, received_at, body }, None)
        };
        let sizes = |events: Vec<usize>| -> Vec<usize> {
            into_messages(events.into_iter().map(event).collect()).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(vec![2_000; 32]), [32]);
        assert_eq!(sizes(vec![1_000_000; 3]), [1, 1, 1]);
        assert_eq!(sizes(vec![100_000; 7]), [3, 3, 1]);
        assert!(sizes(Vec::new()).is_empty());
    }
}
