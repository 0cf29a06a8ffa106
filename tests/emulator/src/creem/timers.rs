//! What becomes due by the emulated clock: subscriptions renew, refused payments are tried again, slow refunds
//! settle.

use super::{refunds, renewal};
use crate::world::World;

/// Something that happens at a time.
#[derive(Debug, Clone)]
pub(crate) enum Timer {
    /// The current period of a subscription is over.
    PeriodEnds(String),
    /// The refused payment of a subscription is tried again.
    Retry(String),
    RefundSettles(String),
}

/// Runs everything that is due. A clock moved far ahead renews a subscription once for each period.
pub(crate) fn run_due(world: &mut World) {
    while let Some(timer) = world.creem.timers.next_due(world.clock.now()) {
        match timer {
            Timer::PeriodEnds(id) => renewal::end_period(world, &id),
            Timer::Retry(id) => renewal::try_again(world, &id),
            Timer::RefundSettles(id) => refunds::settle(world, &id),
        }
    }
}
