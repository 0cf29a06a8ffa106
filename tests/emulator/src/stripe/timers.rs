//! What becomes due by the emulated clock: sessions expire, refunds settle, subscriptions renew.

use std::collections::BTreeMap;

use super::{charges, refunds, sessions, subscriptions};
use crate::clock::Clock;
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

/// Timers by when they are due; those of one second in the order they were set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeMap<(i64, u64), Timer>,
    set: u64,
}

impl Timers {
    /// Sets a timer for a time in Unix seconds.
    pub(crate) fn at(&mut self, time: i64, timer: Timer) {
        self.set += 1;
        self.due.insert((time, self.set), timer);
    }

    pub(crate) fn after(&mut self, clock: &Clock, seconds: i64, timer: Timer) {
        self.at(clock.now() + seconds, timer);
    }

    fn next_due(&mut self, now: i64) -> Option<Timer> {
        let first = self.due.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
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
