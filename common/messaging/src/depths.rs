//! How much waits in each queue, as the broker counts it.

use kernel::config::Connections;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use crate::connection;
use crate::topology::{Names, short};

/// A queue, and what is in it.
#[derive(Clone, Debug)]
pub struct Depth {
    pub queue: String,
    pub messages: u32,
    pub consumers: u32,
}

/// The broker is away, or does not know a queue.
#[derive(Debug, thiserror::Error)]
#[error("the queues cannot be counted: {0}")]
pub struct Uncounted(#[from] lapin::Error);

/// Asks the broker about every queue, over a connection for this alone.
///
/// # Errors
/// [`Uncounted`].
pub async fn depths(connections: &Connections) -> Result<Vec<Depth>, Uncounted> {
    let (connection, channel) = connection::open(connections).await?;
    let mut depths = Vec::new();
    for queue in Names::new(&connections.amqp_prefix).all_queues() {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = channel.queue_declare(short(&queue), options, FieldTable::default()).await?;
        depths.push(Depth { queue, messages: found.message_count(), consumers: found.consumer_count() });
    }
    connection.close(200, short("counted")).await?;
    Ok(depths)
}
