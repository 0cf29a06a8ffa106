//! What becomes due by the emulated clock: sessions expire, refunds settle, subscriptions renew.

use super::payment_intents::decide;
use super::{charges, disputes, refunds, sessions, subscriptions};
use crate::world::World;

/// Something that happens at a time.
#[derive(Debug, Clone)]
pub(crate) enum Timer {
    SessionExpires(String),
    RefundSettles(String),
    /// The bank decides about a payment that is processing.
    PaymentDecided(String),
    /// The test card of a charge has a sequel, such as a dispute.
    ChargeFollowedUp(String),
    /// Nobody escalated an inquiry in time.
    InquiryEnds(String),
    /// The current period of a subscription is over.
    PeriodEnds(String),
    /// The draft of an invoice is finalized and collected.
    InvoiceFinalizes(String),
    /// The first invoice of a subscription was not paid in time.
    IncompleteExpires(String),
    /// An unpaid invoice of a subscription is tried again.
    InvoiceRetry(String),
}

impl Timer {
    /// The id of what the timer is about.
    fn id(&self) -> &str {
        match self {
            Self::SessionExpires(id)
            | Self::RefundSettles(id)
            | Self::PaymentDecided(id)
            | Self::ChargeFollowedUp(id)
            | Self::InquiryEnds(id)
            | Self::PeriodEnds(id)
            | Self::InvoiceFinalizes(id)
            | Self::IncompleteExpires(id)
            | Self::InvoiceRetry(id) => id,
        }
    }
}

/// Runs everything that is due, on the account that each is of.
pub(crate) fn run_due(world: &mut World) {
    while let Some(timer) = world.stripe.timers.next_due(world.clock.now()) {
        let account = world.stripe.store.account_of(timer.id());
        let before = std::mem::replace(&mut world.stripe.store.account, account);
        run(world, timer);
        world.stripe.store.account = before;
    }
}

fn run(world: &mut World, timer: Timer) {
    match timer {
        Timer::SessionExpires(id) => sessions::expire_when_due(world, &id),
        Timer::ChargeFollowedUp(id) => charges::follow_up(world, &id),
        Timer::RefundSettles(id) => refunds::settle_by_card(world, &id),
        Timer::InquiryEnds(id) => disputes::end_inquiry(world, &id),
        Timer::PaymentDecided(id) => decide::by_method(world, &id),
        Timer::PeriodEnds(id) => subscriptions::end_period(world, &id),
        Timer::InvoiceFinalizes(id) => subscriptions::finalize_invoice(world, &id),
        Timer::IncompleteExpires(id) => subscriptions::expire_incomplete(world, &id),
        Timer::InvoiceRetry(id) => subscriptions::retry_invoice(world, &id),
    }
}
