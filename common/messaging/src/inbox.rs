//! The queue of one API process: replies to the jobs that it waits for, and live messages for its open connections.
//! Exclusive to the process and not durable: if a reply is missed, the API reads the result from the database.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use jobs::EncodedJob;
use kernel::config::Connections;
use kernel::deadline::uncounted;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, Consumer};
use notices::Live;
use serde::de::DeserializeOwned;
use tokio::sync::{broadcast, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::connection::{self, Node, Session, supervise};
use crate::publisher::Publisher;
use crate::topology::{Names, short};

/// How many live messages a slow reader may fall behind before it loses the oldest.
const LIVE_BACKLOG: usize = 4096;

/// Cheap to clone.
#[derive(Clone)]
pub struct Inbox {
    queue: String,
    publisher: Publisher,
    waiting: Arc<Mutex<HashMap<String, oneshot::Sender<serde_json::Value>>>>,
    live: broadcast::Sender<Arc<Live>>,
}

/// Why there is no answer. The job may run all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("no worker answered in time")]
    TimedOut,
    /// The broker did not confirm the job.
    #[error("the broker is not available")]
    Unavailable,
    /// Another version sent the answer.
    #[error("the answer cannot be read")]
    Unreadable,
}

impl Inbox {
    /// Starts listening; reconnects while the broker is down.
    pub fn start(connections: &Connections, publisher: &Publisher, shutdown: CancellationToken) -> Self {
        let inbox = Self {
            queue: format!("{}.api.{}", connections.amqp_prefix, Uuid::now_v7().simple()),
            publisher: publisher.clone(),
            waiting: Arc::default(),
            live: broadcast::channel(LIVE_BACKLOG).0,
        };
        let listening = Listening { inbox: inbox.clone(), connections: connections.clone() };
        tokio::spawn(supervise(listening, shutdown));
        inbox
    }

    /// Publishes a job and waits for its answer, up to `deadline` in all.
    ///
    /// # Errors
    /// [`CallError`]; in every case a worker may have received the job.
    pub async fn call<Answer: DeserializeOwned>(
        &self,
        job: impl Into<EncodedJob>,
        deadline: Duration,
    ) -> Result<Answer, CallError> {
        let job = job.into();
        let id = Uuid::now_v7().simple().to_string();
        let (answer, answered) = oneshot::channel();
        self.lock().insert(id.clone(), answer);
        let _forget = Forget { inbox: self, id: &id };
        let mut message = self.publisher.job_message(job.role, job.body.into_bytes());
        message.correlation_id = Some(id.clone());
        message.reply_to = Some(self.queue.clone());
        let call = async {
            self.publisher.send(message).await.map_err(|_| CallError::Unavailable)?;
            answered.await.map_err(|_| CallError::TimedOut)
        };
        let called = uncounted(tokio::time::timeout(deadline, call)).await;
        let answer = called.unwrap_or(Err(CallError::TimedOut))?;
        serde_json::from_value(answer).map_err(|_| CallError::Unreadable)
    }

    /// Subscribes to live messages.
    pub fn live(&self) -> broadcast::Receiver<Arc<Live>> {
        self.live.subscribe()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<serde_json::Value>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self, delivery: &Delivery) {
        if let Some(id) = delivery.properties.correlation_id() {
            let waiting = self.lock().remove(id.as_str());
            if let (Some(waiting), Ok(answer)) = (waiting, serde_json::from_slice(&delivery.data)) {
                let _gone = waiting.send(answer);
            }
        } else if let Ok(live) = serde_json::from_slice::<Live>(&delivery.data) {
            // Fails when no connection is open.
            let _no_listener = self.live.send(Arc::new(live));
        }
    }
}

struct Listening {
    inbox: Inbox,
    connections: Connections,
}

impl Session for Listening {
    type State = Consumer;

    fn name(&self) -> String {
        "inbox".to_owned()
    }

    async fn open(&mut self, node: Node) -> Result<(Connection, Consumer), lapin::Error> {
        let (connection, channel) = connection::open(&self.connections, node).await?;
        let queue = short(&self.inbox.queue);
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        channel.queue_declare(queue.clone(), options, FieldTable::default()).await?;
        let live = short(&Names::new(&self.connections.amqp_prefix).live());
        let bind = QueueBindOptions::default();
        channel.queue_bind(queue.clone(), live, short(""), bind, FieldTable::default()).await?;
        let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
        let deliveries = channel.basic_consume(queue, short(""), options, FieldTable::default()).await?;
        Ok((connection, deliveries))
    }

    async fn serve(
        &mut self,
        connection: &Connection,
        mut deliveries: Consumer,
        shutdown: &CancellationToken,
    ) {
        let mut lost = pin!(connection::lost(connection));
        loop {
            tokio::select! {
                next = deliveries.next() => match next {
                    Some(Ok(delivery)) => self.inbox.receive(&delivery),
                    Some(Err(_)) | None => return,
                },
                () = &mut lost => return,
                () = shutdown.cancelled() => return,
            }
        }
    }
}

/// Removes a finished call, also when its caller is dropped.
struct Forget<'a> {
    inbox: &'a Inbox,
    id: &'a str,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.inbox.lock().remove(self.id);
    }
}
