//! What becomes due by the emulated clock: sessions expire, refunds settle, subscriptions renew.

use super::{charges, refunds, sessions, subscriptions};
use crate::world::World;

/// Something that happens at a time.
#[derive(Debug, Clone)]
pub(crate) enum Timer {
    SessionExpires(String),
    RefundSettles(String),
    /// The test card of a charge has a sequel, such as a dispute.
    ChargeFollowedUp(String),
    /// The current period of a subscription is over.
    PeriodEnds(String),
    /// An unpaid invoice of a subscription is tried again.
    InvoiceRetry(String),
}

/// Runs everything that is due. A clock moved far ahead renews a subscription once for each period.
pub(crate) fn run_due(world: &mut World) {
    while let Some(timer) = world.stripe.timers.next_due(world.clock.now()) {
        match timer {
            Timer::SessionExpires(id) => sessions::expire_when_due(world, &id),
            Timer::ChargeFollowedUp(id) => charges::follow_up(world, &id),
            Timer::RefundSettles(id) => refunds::settle_by_card(world, &id),
            Timer::PeriodEnds(id) => subscriptions::end_period(world, &id),
            Timer::InvoiceRetry(id) => subscriptions::retry_invoice(world, &id),
        }
    }
}
