//! Applies what a provider said about a payment when it was asked.

use billing::payments::ApplyPaymentFact;
use billing::provider_events::{Content, PaymentNews};
use serde_json::json;

use crate::steps::batch::Contribution;

pub(super) fn contribution(job: &ApplyPaymentFact) -> Contribution {
    // A caller that waits learns that it is applied, whatever it led to.
    let reply = Some(json!({ "applied": true }));
    Contribution { reply, ..Contribution::fact(Content::Payment(PaymentNews::Fact(job.fact.clone()))) }
}
