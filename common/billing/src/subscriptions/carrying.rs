//! What a change of plan gave back in money, and later payments make up for. Pure.
//!
//! A downgrade takes nothing out of the wallet: it gives back money, and what later payments grant is less, until both
//! are even. Otherwise going up and down again would make credits.
//!
//! Invariants: granted + given back + still carried = what all payments are worth · in whatever order payments are
//! heard of, each ends with what it would have granted in the order of their periods.

use kernel::money::{AmountError, Credits};

/// What becomes of a payment's worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// What it grants.
    pub granted: Credits,
    /// What is carried on to the next one: never positive.
    pub carried: Credits,
    /// What each payment of a later period gets back of what it made up for, in their order.
    pub given_back: Vec<Credits>,
}

/// Makes up for what is `carried` with a payment that is worth so much. Payments of later periods that were heard of
/// before have made up for `later`, the earliest period first: this one does it in their stead.
///
/// # Errors
/// When an amount does not fit, which none of a stored payment does.
pub(super) fn settle(worth: Credits, carried: Credits, later: &[Credits]) -> Result<Settled, AmountError> {
    let mut rest = worth.checked_add(carried)?;
    for made_up in later {
        rest = rest.checked_sub(*made_up)?;
    }
    let granted = rest.max(Credits::ZERO);
    let mut owed = rest.min(Credits::ZERO).checked_neg()?;
    let mut given_back = Vec::with_capacity(later.len());
    for made_up in later {
        let kept = owed.min(*made_up);
        owed = owed.checked_sub(kept)?;
        given_back.push(made_up.checked_sub(kept)?);
    }
    Ok(Settled { granted, carried: owed.checked_neg()?, given_back })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn credits(millionths: i64) -> Credits {
        Credits::from_millionths(millionths)
    }

    #[test]
    fn a_downgrade_is_made_up_for_by_the_next_payments() {
        let back = settle(credits(-15), Credits::ZERO, &[]).unwrap();
        assert_eq!((back.granted, back.carried), (Credits::ZERO, credits(-15)));
        let next = settle(credits(10), back.carried, &[]).unwrap();
        assert_eq!((next.granted, next.carried), (Credits::ZERO, credits(-5)));
        let after = settle(credits(10), next.carried, &[]).unwrap();
        assert_eq!((after.granted, after.carried), (credits(5), Credits::ZERO));
    }

    #[test]
    fn a_late_payment_makes_up_for_what_those_after_it_did() {
        let all = settle(credits(60), Credits::ZERO, &[credits(10)]).unwrap();
        assert_eq!(
            (all.granted, all.carried, all.given_back),
            (credits(50), Credits::ZERO, vec![credits(10)])
        );
        // It is worth less than they made up for: the last gets back first.
        let part = settle(credits(7), Credits::ZERO, &[credits(10), credits(5)]).unwrap();
        assert_eq!((part.granted, part.carried), (Credits::ZERO, Credits::ZERO));
        assert_eq!(part.given_back, [credits(2), credits(5)]);
        // What is still carried comes first.
        let first = settle(credits(7), credits(-4), &[credits(10)]).unwrap();
        assert_eq!((first.granted, first.carried), (Credits::ZERO, Credits::ZERO));
        assert_eq!(first.given_back, [credits(3)]);
    }

    proptest! {
        /// However payments and what is given back follow one another, all that was granted is the most that any
        /// beginning of them was worth, and nothing is ever taken back.
        #[test]
        fn going_up_and_down_makes_no_credits(worths in prop::collection::vec(-5_000..5_000_i64, 0..20)) {
            let (mut carried, mut total, mut sum, mut most) = (Credits::ZERO, 0_i64, 0_i64, 0_i64);
            for worth in worths {
                let settled = settle(credits(worth), carried, &[]).unwrap();
                prop_assert!(!settled.granted.is_negative() && !settled.carried.is_positive());
                carried = settled.carried;
                total += settled.granted.millionths();
                sum += worth;
                most = most.max(sum);
                prop_assert_eq!(total, most);
                prop_assert_eq!(total + carried.millionths(), sum);
            }
        }

        #[test]
        fn the_order_in_which_payments_are_heard_of_does_not_matter(
            carried in -100_000..=0_i64,
            order in prop::collection::vec(0..20_000_i64, 0..8)
                .prop_map(|worths| worths.into_iter().enumerate().collect::<Vec<_>>()).prop_shuffle(),
        ) {
            // What each period has granted and made up for.
            let mut periods: Vec<Option<(i64, Credits)>> = vec![None; order.len()];
            let mut owed = credits(carried);
            for (place, worth) in &order {
                let after = place + 1;
                let later: Vec<usize> = (after..order.len()).filter(|later| periods[*later].is_some()).collect();
                let made_up: Vec<Credits> = later.iter().map(|later| periods[*later].unwrap().1).collect();
                let settled = settle(credits(*worth), owed, &made_up).unwrap();
                for (later, back) in later.into_iter().zip(settled.given_back) {
                    let (granted, made_up) = periods[later].unwrap();
                    periods[later] = Some((granted + back.millionths(), made_up.checked_sub(back).unwrap()));
                }
                let made_up = credits(*worth).checked_sub(settled.granted).unwrap();
                periods[*place] = Some((settled.granted.millionths(), made_up));
                owed = settled.carried;
            }
            let mut in_order = order;
            in_order.sort_unstable();
            let mut carried = credits(carried);
            for (place, worth) in in_order {
                let settled = settle(credits(worth), carried, &[]).unwrap();
                carried = settled.carried;
                prop_assert_eq!(periods[place].unwrap().0, settled.granted.millionths());
            }
            prop_assert_eq!(owed, carried);
        }
    }
}
