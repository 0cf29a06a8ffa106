//! Opens the provider's page on which a customer manages subscriptions. Nothing is kept: each page is good for a while.

use billing::payments::Provider;
use billing::subscriptions::{OpenPortal, PortalReply};

use crate::context::Context;
use crate::error::{JobError, JobResult, replied};
use crate::providers::ProviderError;

pub(super) async fn handle(context: &Context, job: &OpenPortal) -> JobResult {
    let customer = job.customer.as_str();
    let opened = match job.provider {
        Provider::Stripe => context.ask(|| context.stripe.open_portal(customer, &job.return_url)).await,
        Provider::Creem => {
            let creem = context.creem()?;
            context.ask(|| creem.open_portal(customer)).await
        }
        provider @ (Provider::Revenuecat | Provider::Manual) => {
            return Err(JobError::Dead(format!("{} has no such page", provider.as_str())));
        }
    };
    let reply = match opened {
        Ok(url) => PortalReply::Opened { url },
        Err(ProviderError::NoCustomer | ProviderError::NotFound) => PortalReply::NoCustomer,
        Err(ProviderError::Refused { status, message }) => {
            tracing::warn!(status, "the provider refuses a portal");
            PortalReply::Refused { message }
        }
        // The caller will have gone by the time that it could be tried again.
        Err(error @ ProviderError::Unreadable(_)) => PortalReply::Unavailable { reason: error.to_string() },
        Err(ProviderError::Unavailable(reason)) => PortalReply::Unavailable { reason: reason.to_owned() },
    };
    replied(&reply)
}
