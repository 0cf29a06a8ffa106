//! Asks the provider about an object whose event does not prove what it says. The answer goes to the role *apply*, as
//! every fact does.

use billing::payments::Provider;
use billing::provider_events::VerifyObject;

use crate::context::Context;
use crate::error::{DONE, JobError, JobResult};
use crate::steps::{creem_objects, facts, stripe_objects};

pub(super) async fn handle(context: &Context, job: &VerifyObject) -> JobResult {
    let stated = match job.provider {
        Provider::Stripe => stripe_objects::facts(context, &job.object_id, job.revision).await?,
        Provider::Creem => creem_objects::facts(context, &job.object_id, job.revision).await?,
        provider @ (Provider::Revenuecat | Provider::Manual) => {
            return Err(JobError::Dead(format!("{} cannot be asked", provider.as_str())));
        }
    };
    facts::publish(context, stated).await?;
    DONE
}
