//! Tells users: pushes to every API instance, which pass it on to the connections that may see the wallet.

use common::jobs::Notify;
use common::messaging::Live;

use super::{DONE, Done, Jobs};

impl Jobs {
    pub(super) async fn notify(&self, job: &Notify) -> Done {
        let told = job.notices.iter().map(async |notice| {
            let live = Live::Notice { wallet_id: notice.wallet_id, body: notice.body.clone() };
            self.publisher.announce(&live).await
        });
        for told in futures::future::join_all(told).await {
            told?;
        }
        Ok(DONE)
    }
}
