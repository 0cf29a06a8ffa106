//! Applies what a provider said about a subscription when it was asked.

use billing::provider_events::Content;
use billing::subscriptions::ApplySubscriptionFact;

use crate::steps::batch::Contribution;

pub(super) fn contribution(job: &ApplySubscriptionFact) -> Contribution {
    Contribution::fact(Content::Subscription(job.fact.clone()))
}
