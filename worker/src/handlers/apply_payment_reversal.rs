//! Applies what a provider said about a refund or dispute when it was asked.

use billing::provider_events::Content;
use billing::reversals::ApplyPaymentReversal;

use crate::steps::batch::Contribution;

pub(super) fn contribution(job: &ApplyPaymentReversal) -> Contribution {
    Contribution::fact(Content::Reversal(job.fact.clone()))
}
