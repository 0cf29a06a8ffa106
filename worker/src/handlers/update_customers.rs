//! Has receipts go to a user's address as it is now: the provider's customers that were made for the user get it, or
//! lose the one that is gone.

use billing::payments::{Provider, UpdateCustomers, store};
use identity::operations::user;

use crate::context::Context;
use crate::error::{DONE, JobError, JobResult};

pub(super) async fn handle(context: &Context, job: &UpdateCustomers) -> JobResult {
    let customers = {
        let mut connection = context.pool.acquire().await?;
        store::customers(&mut connection, Provider::Stripe, &job.wallets).await?
    };
    let mut wanted = email(context, job).await?;
    loop {
        for customer in &customers {
            context.ask(|| context.stripe.update_email(customer, &job.user_id, wanted.as_deref())).await?;
        }
        // Another change may have come, and its job may have been faster.
        let newest = email(context, job).await?;
        if newest == wanted {
            return DONE;
        }
        wanted = newest;
    }
}

async fn email(context: &Context, job: &UpdateCustomers) -> Result<Option<String>, JobError> {
    let found = user(&mut *context.pool.acquire().await?, &job.user_id).await?;
    Ok(found.and_then(|user| user.email))
}
