//! Notifies users: pushes to every API instance, which passes it on to the connections that may see the wallet.
//! Notifies the host application: records what each of its webhook endpoints is to get.

use kernel::ids::MessageId;
use notices::{Live, Notice, SendNotices};
use outgoing_webhooks::{Message, operations};

use crate::context::Context;
use crate::error::{DONE, JobError, JobResult};
use crate::steps::webhook_jobs;

pub(super) async fn handle(context: &Context, job: &SendNotices) -> JobResult {
    // A recorded message is kept, and recorded once; a pushed one reaches only the connections that are open.
    record_messages(context, &job.notices).await?;
    context.publisher.announce(&Live::Notices { notices: job.notices.clone() }).await?;
    DONE
}

async fn record_messages(context: &Context, notices: &[Notice]) -> Result<(), JobError> {
    let now = context.clock.now();
    let messages: Vec<Message<'_>> = notices
        .iter()
        .map(|notice| Message {
            // Without a stamp, a job that is delivered twice makes two messages.
            id: notice.stamp.map_or_else(MessageId::new, |stamp| stamp.message_id),
            happened_at: notice.stamp.map_or(now, |stamp| stamp.happened_at),
            wallet_id: notice.wallet_id,
            body: &notice.body,
            sequence: notice.sequence,
        })
        .collect();
    let mut transaction = context.pool.begin().await?;
    let deliveries = operations::record_messages(&mut transaction, now, &messages).await?;
    let unsent = deliveries.into_iter().map(|id| (id, 0));
    let written = webhook_jobs::write_to_outbox(&mut transaction, now, unsent).await?;
    transaction.commit().await?;
    context.publish_soon(written);
    Ok(())
}
