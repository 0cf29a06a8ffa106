//! Money that goes back of credits some of which have lapsed: what lapsed is not taken again.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::rules::{Step, rebalance};
use super::{Account, Policy};
use kernel::money::Credits;

/// A payment's credits: what the buyer has left of them, what has lapsed, and the account of what was taken.
struct Bought {
    left: i64,
    lapsed: i64,
    account: Account,
}

impl Bought {
    fn of(granted: i64) -> Self {
        Self { left: granted, lapsed: 0, account: Account::default() }
    }

    fn spend(&mut self, credits: i64) {
        self.left -= credits;
    }

    fn lapse(&mut self, credits: i64) {
        self.left -= credits;
        self.lapsed += credits;
    }

    /// Money that bought this much is gone now.
    fn gone(&mut self, share: i64) -> i64 {
        let of = Credits::from_millionths;
        let step =
            rebalance(&mut self.account, of(share), of(self.lapsed), Policy::Debt, Credits::ZERO).unwrap();
        let moved = match step {
            Step::Stay => 0,
            Step::Take(amount) => -amount.millionths(),
            Step::Restore(amount) => amount.millionths(),
        };
        self.left += moved;
        moved
    }
}

#[test]
fn a_part_refund_takes_what_it_is_worth_less_what_had_lapsed() {
    let refunded = |spent, lapsed, share| {
        let mut bought = Bought::of(1_000);
        bought.spend(spent);
        bought.lapse(lapsed);
        bought.gone(share)
    };
    assert_eq!(refunded(500, 500, 500), 0);
    assert_eq!(refunded(500, 500, 1_000), -500);
    assert_eq!(refunded(500, 500, 501), -1);
    assert_eq!(refunded(0, 300, 500), -200);
    assert_eq!(refunded(0, 1_000, 1_000), 0);
    assert_eq!(refunded(1_000, 0, 250), -250);
}

#[test]
fn steps_take_what_the_sum_takes() {
    let mut bought = Bought::of(1_000);
    bought.spend(500);
    bought.lapse(500);
    assert_eq!([300, 500, 700, 1_000].map(|share| bought.gone(share)), [0, 0, -200, -300]);
    // The last refunds fail, then the others.
    assert_eq!([700, 500, 0].map(|share| bought.gone(share)), [300, 200, 0]);
    assert_eq!(bought.left, 0);
}

#[test]
fn what_lapses_after_a_refund_gives_nothing_back_and_counts_towards_the_next() {
    let mut bought = Bought::of(1_000);
    assert_eq!(bought.gone(500), -500);
    bought.lapse(500);
    assert_eq!(bought.gone(500), 0);
    assert_eq!(bought.gone(501), 0);
    assert_eq!(bought.gone(1_000), 0);
    assert_eq!(bought.left, 0);
    // The second refund fails: what lapsed would have lapsed anyhow.
    assert_eq!(bought.gone(500), 0);
    assert_eq!(bought.gone(0), 500);
}

#[test]
fn what_was_given_back_and_lapsed_is_not_taken_a_second_time() {
    let mut bought = Bought::of(10_000);
    assert_eq!(bought.gone(10_000), -10_000);
    assert_eq!(bought.gone(0), 10_000);
    bought.lapse(4_000);
    assert_eq!(bought.gone(10_000), -6_000);
    assert_eq!(bought.gone(0), 6_000);
    bought.lapse(6_000);
    assert_eq!(bought.gone(2_500), 0);
    assert_eq!(bought.gone(10_000), 0);
    assert_eq!(bought.left, 0);
}

proptest! {
    #[test]
    fn a_buyer_who_spent_nothing_owes_nothing(story in prop::collection::vec((any::<bool>(), 0..=1_000_i64), 1..20)) {
        let mut bought = Bought::of(1_000);
        let mut share = 0;
        for (lapses, amount) in story {
            if lapses {
                bought.lapse(bought.left * amount / 1_000);
            } else {
                let (before, left) = (share, bought.left);
                share = amount;
                let moved = bought.gone(share);
                prop_assert!(moved <= 0 || share < before, "only money that comes back gives credits back");
                prop_assert!(moved >= 0 || share > before, "only money that goes back takes credits");
                // No more comes and goes than the money is worth.
                prop_assert!(moved.abs() <= (share - before).abs());
                prop_assert!(bought.left >= 0, "{left} {moved}");
                // The buyer is not left with more than the money that was kept bought.
                prop_assert!(bought.left <= 1_000 - share);
            }
            prop_assert_eq!(bought.gone(share), 0, "what is told again changes nothing");
        }
    }

    #[test]
    fn steps_up_and_down_end_where_one_step_does(
        spent in 0..=1_000_i64,
        lapsed in 0..=1_000_i64,
        shares in prop::collection::vec(0..=1_000_i64, 1..10),
    ) {
        let lapsed = lapsed.min(1_000 - spent);
        let start = || {
            let mut bought = Bought::of(1_000);
            bought.spend(spent);
            bought.lapse(lapsed);
            bought
        };
        let (mut steps, mut once) = (start(), start());
        for share in &shares {
            steps.gone(*share);
        }
        once.gone(*shares.last().unwrap());
        prop_assert_eq!(steps.left, once.left);
        prop_assert_eq!(once.left, 1_000 - spent - lapsed - (shares.last().unwrap() - lapsed).max(0));
    }
}
