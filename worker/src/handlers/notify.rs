//! Tells users: pushes to every API instance, which pass it on to the connections that may see the wallet. Tells the
//! host application: records what each of its webhook endpoints is to get.

use kernel::ids::MessageId;
use notices::Live;
use notices::{Notice, SendNotices};
use outgoing_webhooks::{Message, operations as webhooks};

use super::{DONE, Done, Jobs};

impl Jobs {
    pub(super) async fn notify(&self, job: &SendNotices) -> Done {
        // What is recorded is kept, and recorded once; what is pushed is for whoever is there.
        self.record_messages(&job.notices).await?;
        self.publisher.announce(&Live::Notices { notices: job.notices.clone() }).await?;
        Ok(DONE)
    }

    async fn record_messages(&self, notices: &[Notice]) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        let messages: Vec<Message<'_>> = notices
            .iter()
            .map(|notice| Message {
                // Without one, a job that is delivered twice is another message.
                id: notice.stamp.map_or_else(MessageId::new, |stamp| stamp.message_id),
                happened_at: notice.stamp.map_or(now, |stamp| stamp.happened_at),
                wallet_id: notice.wallet_id,
                body: &notice.body,
            })
            .collect();
        let mut transaction = self.pool.begin().await?;
        let deliveries = webhooks::record_messages(&mut transaction, now, &messages).await?;
        let written = self.send_soon(&mut transaction, deliveries.iter().map(|id| (*id, 0))).await?;
        transaction.commit().await?;
        self.publish_soon(written);
        Ok(())
    }
}
