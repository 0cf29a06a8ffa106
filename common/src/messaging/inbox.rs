//! The API's own queue: answers to the jobs it waits for, and live messages for its open connections. Exclusive to
//! the process and kept nowhere: an answer that is missed is read from the database instead.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, Consumer};
use tokio::sync::{broadcast, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::publisher::{Publisher, encode};
use super::topology::{self, Names, short};
use super::{Live, OPEN_TIMEOUT, RECONNECT_PAUSE, close, connect, within};
use crate::config::Connections;
use crate::jobs::AnyJob;

/// Live messages kept for a slow reader before it loses the oldest.
const LIVE_BACKLOG: usize = 4096;

/// Cheap to clone.
#[derive(Clone)]
pub struct Inbox {
    queue: String,
    publisher: Publisher,
    waiting: Arc<Mutex<HashMap<String, oneshot::Sender<serde_json::Value>>>>,
    live: broadcast::Sender<Arc<Live>>,
}

/// Why there is no answer. The job may be done all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The deadline passed.
    #[error("no worker answered in time")]
    TimedOut,
    /// The broker did not take the job.
    #[error("the broker is not available")]
    Unavailable,
}

impl Inbox {
    /// Starts listening; keeps trying while the broker is away.
    pub fn start(connections: &Connections, publisher: &Publisher, shutdown: CancellationToken) -> Self {
        let inbox = Self {
            queue: format!("{}.api.{}", connections.amqp_prefix, Uuid::now_v7().simple()),
            publisher: publisher.clone(),
            waiting: Arc::default(),
            live: broadcast::channel(LIVE_BACKLOG).0,
        };
        tokio::spawn(inbox.clone().listen(connections.clone(), shutdown));
        inbox
    }

    /// Publishes a job and waits for its answer, up to `deadline` in all.
    ///
    /// # Errors
    /// [`CallError`]; whatever it says, the job may have been taken.
    pub async fn call(&self, job: &AnyJob, deadline: Duration) -> Result<serde_json::Value, CallError> {
        let id = Uuid::now_v7().simple().to_string();
        let (answer, answered) = oneshot::channel();
        self.lock().insert(id.clone(), answer);
        let _forget = Forget { inbox: self, id: &id };
        let mut message = self.publisher.job_message(job.role(), encode(job));
        message.correlation_id = Some(id.clone());
        message.reply_to = Some(self.queue.clone());
        let call = async {
            self.publisher.send(message).await.map_err(|_| CallError::Unavailable)?;
            answered.await.map_err(|_| CallError::TimedOut)
        };
        tokio::time::timeout(deadline, call).await.unwrap_or(Err(CallError::TimedOut))
    }

    /// Live messages from now on.
    pub fn live(&self) -> broadcast::Receiver<Arc<Live>> {
        self.live.subscribe()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<serde_json::Value>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn listen(self, connections: Connections, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            if let Ok((connection, mut deliveries)) = within(OPEN_TIMEOUT, self.open(&connections)).await {
                let mut watch = tokio::time::interval(Duration::from_millis(500));
                loop {
                    tokio::select! {
                        next = deliveries.next() => match next {
                            Some(Ok(delivery)) => self.take(&delivery),
                            Some(Err(_)) | None => break,
                        },
                        _ = watch.tick() => if !connection.status().connected() { break },
                        () = shutdown.cancelled() => break,
                    }
                }
                close(&connection).await;
            }
            tokio::select! {
                () = tokio::time::sleep(RECONNECT_PAUSE) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn open(&self, connections: &Connections) -> Result<(Connection, Consumer), lapin::Error> {
        let connection = connect(connections).await?;
        let names = Names::new(&connections.amqp_prefix);
        topology::declare(&connection.create_channel().await?, &names).await?;
        let channel = connection.create_channel().await?;
        let queue = short(&self.queue);
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        channel.queue_declare(queue.clone(), options, FieldTable::default()).await?;
        let (live, bind) = (short(&names.live()), QueueBindOptions::default());
        channel.queue_bind(queue.clone(), live, short(""), bind, FieldTable::default()).await?;
        let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
        let deliveries = channel.basic_consume(queue, short(""), options, FieldTable::default()).await?;
        Ok((connection, deliveries))
    }

    fn take(&self, delivery: &Delivery) {
        if let Some(id) = delivery.properties.correlation_id() {
            let waiting = self.lock().remove(id.as_str());
            if let (Some(waiting), Ok(answer)) = (waiting, serde_json::from_slice(&delivery.data)) {
                let _gone = waiting.send(answer);
            }
        } else if let Ok(live) = serde_json::from_slice::<Live>(&delivery.data) {
            // Without open connections nobody listens.
            let _nobody = self.live.send(Arc::new(live));
        }
    }
}

/// Forgets a call that is over, also when its caller is dropped.
struct Forget<'a> {
    inbox: &'a Inbox,
    id: &'a str,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.inbox.lock().remove(self.id);
    }
}
