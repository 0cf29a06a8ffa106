//! Applies events that providers sent. Their signatures have been verified.

use billing::payments::Provider;
use billing::provider_events::{ApplyProviderEvents, Incoming, ProviderEvent};
use kernel::database;

use crate::config::Verify;
use crate::context::Context;
use crate::providers::{creem, revenuecat, stripe};
use crate::steps::batch::Contribution;

pub(super) fn contribution(context: &Context, job: &ApplyProviderEvents) -> Contribution {
    let mut contribution = Contribution::default();
    for event in &job.events {
        match read(context, event) {
            Ok(incoming) => contribution.incoming.push(incoming),
            Err(reason) => contribution.unreadable.push((event.clone(), reason)),
        }
    }
    contribution
}

/// What an event says, or why it cannot be read.
fn read(context: &Context, event: &ProviderEvent) -> Result<Incoming, String> {
    let (body, at) = (event.body.get(), event.received_at);
    let is_trusted = match context.verify {
        Verify::Auto => true,
        Verify::Always => false,
    };
    if event.provider != Provider::Revenuecat && database::has_nul(body.as_bytes()) {
        return Err("an event with the character U+0000, which cannot be stored".to_owned());
    }
    match event.provider {
        Provider::Stripe => stripe::event::read(body, at, is_trusted).map_err(|error| error.to_string()),
        Provider::Creem => creem::event::read(body, at, is_trusted).map_err(|error| error.to_string()),
        // RevenueCat gives out no key to ask it with: its event proves itself.
        Provider::Revenuecat => revenuecat::event::read(body, at, &context.revenuecat_environments)
            .map_err(|error| error.to_string()),
        Provider::Manual => Err("an event of the provider `manual`, which sends none".to_owned()),
    }
}
