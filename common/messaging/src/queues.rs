//! How many messages wait in the queues, for those who watch.

use jobs::Role;
use kernel::config::Connections;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection};

use crate::connection::{self, Node};
use crate::topology::{DELAYS_SECONDS, Names, short};

/// A queue as it was found.
#[derive(Clone, Debug)]
pub struct QueueState {
    /// Without the prefix: a role, `delay.2s`, `unrouted`.
    pub name: String,
    /// Those that wait; those that a worker has taken and not acknowledged do not count.
    pub messages: u32,
    pub consumers: u32,
    /// Whether workers take from it; messages leave the others by themselves.
    pub has_workers: bool,
}

/// Looks at the queues over a connection that it keeps.
pub struct QueueWatch {
    connections: Connections,
    node: Node,
    open: Option<(Connection, Channel)>,
}

/// The broker did not tell.
#[derive(Debug, thiserror::Error)]
#[error("the broker does not say how many messages wait")]
pub struct Unreachable;

impl QueueWatch {
    pub fn new(connections: Connections) -> Self {
        Self { connections, node: Node::default(), open: None }
    }

    /// Looks at each queue.
    ///
    /// # Errors
    /// When the broker does not answer; the next look connects again, to the next of its nodes. So it does after a look
    /// that was given up.
    pub async fn look(&mut self) -> Result<Vec<QueueState>, Unreachable> {
        let (node, open) = (self.node, self.open.take());
        self.node = node.next();
        let (open, states) = self.try_look(node, open).await.map_err(|error| {
            tracing::debug!(%error, "cannot look at the queues");
            Unreachable
        })?;
        (self.node, self.open) = (node, Some(open));
        Ok(states)
    }

    async fn try_look(
        &self,
        node: Node,
        open: Option<(Connection, Channel)>,
    ) -> Result<((Connection, Channel), Vec<QueueState>), lapin::Error> {
        let open = match open {
            Some(open) => open,
            None => connection::open(&self.connections, node).await?,
        };
        let channel = &open.1;
        let names = Names::new(&self.connections.amqp_prefix);
        let roles = Role::ALL.iter().map(|role| (names.queue(*role), true));
        let delays = DELAYS_SECONDS.iter().map(|seconds| (names.delay(*seconds), false));
        let mut states = Vec::new();
        for (name, has_workers) in roles.chain(delays).chain([(names.unrouted(), false)]) {
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let queue = channel.queue_declare(short(&name), options, FieldTable::default()).await?;
            states.push(QueueState {
                name: names.without_prefix(&name).to_owned(),
                messages: queue.message_count(),
                consumers: queue.consumer_count(),
                has_workers,
            });
        }
        Ok((open, states))
    }
}
