//! Tells users: pushes to every API instance, which pass it on to the connections that may see the wallet.

use common::jobs::Notify;
use common::messaging::Live;

use super::{DONE, Done, Jobs};

impl Jobs {
    pub(super) async fn notify(&self, job: &Notify) -> Done {
        self.publisher.announce(&Live::Notices { notices: job.notices.clone() }).await?;
        Ok(DONE)
    }
}
