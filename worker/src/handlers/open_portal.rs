//! Opens the provider's page on which a customer manages subscriptions. Nothing is kept: each page is good for a while.

use crate::providers::ProviderError;
use billing::payments::Provider;
use billing::subscriptions::{OpenPortal, PortalReply};
use messaging::consumer::Outcome;

use super::{Done, JobError, Jobs};

impl Jobs {
    pub(super) async fn open_portal(&self, job: &OpenPortal) -> Done {
        let customer = job.customer.as_str();
        let opened = match job.provider {
            Provider::Stripe => self.ask(|| self.stripe.open_portal(customer, &job.return_url)).await,
            Provider::Creem => {
                let creem = self.creem()?;
                self.ask(|| creem.open_portal(customer)).await
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
            // Whoever waited for it has gone by the time that it could be tried again.
            Err(ProviderError::Unavailable(reason)) => PortalReply::Unavailable { reason: reason.to_owned() },
        };
        Ok(Outcome::Done(serde_json::to_value(&reply).ok()))
    }
}
