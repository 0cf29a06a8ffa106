//! Those who use Purser, one file each. An actor does one thing from beginning to end, and writes into the journal
//! the answers; an error is an answer that it should not have got.

mod allmine;
mod billing;
mod buyer;
mod consume;
mod coupons;
mod holds;
mod reads;
pub mod recharge;
mod refunds;
pub mod revenuecat;
mod samsar;
mod subscriptions;
mod taxes;
mod timeproof;
mod wasdi;

use std::ops::Range;

use rand::rngs::StdRng;

use crate::load::{Acting, Load, User};

pub struct Actor {
    pub name: &'static str,
    /// How many do this at the same time.
    pub clients: usize,
    /// Milliseconds between one time and the next.
    pub pause: Range<u64>,
    /// Does it once.
    pub act: for<'a> fn(&'a Load, &'a User, &'a mut StdRng) -> Acting<'a>,
}

/// All of them. To add one: a file, and a line here.
pub const ALL: &[Actor] = &[
    Actor { name: "samsar", clients: 2, pause: 200..1_500, act: |l, u, r| Box::pin(samsar::act(l, u, r)) },
    Actor {
        name: "timeproof",
        clients: 2,
        pause: 200..1_500,
        act: |l, u, r| Box::pin(timeproof::act(l, u, r)),
    },
    Actor { name: "billing", clients: 3, pause: 200..1_500, act: |l, u, r| Box::pin(billing::act(l, u, r)) },
    Actor { name: "coupons", clients: 2, pause: 500..2_500, act: |l, u, r| Box::pin(coupons::act(l, u, r)) },
    Actor {
        name: "subscriptions",
        clients: 2,
        pause: 200..1_500,
        act: |l, _, r| Box::pin(subscriptions::act(l, r)),
    },
    Actor { name: "taxes", clients: 1, pause: 2_000..6_000, act: |l, _, r| Box::pin(taxes::act(l, r)) },
    Actor { name: "wasdi", clients: 2, pause: 200..1_500, act: |l, u, r| Box::pin(wasdi::act(l, u, r)) },
    Actor { name: "allmine", clients: 1, pause: 500..2_000, act: |l, u, _| Box::pin(allmine::act(l, u)) },
    Actor { name: "consume", clients: 6, pause: 20..200, act: |l, u, r| Box::pin(consume::act(l, u, r)) },
    Actor { name: "holds", clients: 3, pause: 50..500, act: |l, u, r| Box::pin(holds::act(l, u, r)) },
    Actor {
        name: "recharge",
        clients: 2,
        pause: 200..2_000,
        act: |l, u, r| Box::pin(recharge::act(l, u, r)),
    },
    Actor { name: "refunds", clients: 3, pause: 300..1_500, act: |l, _, r| Box::pin(refunds::act(l, r)) },
    Actor {
        name: "revenuecat",
        clients: 2,
        pause: 200..2_000,
        act: |l, u, r| Box::pin(revenuecat::act(l, u, r)),
    },
    Actor { name: "reads", clients: 2, pause: 50..500, act: |l, u, r| Box::pin(reads::act(l, u, r)) },
];
