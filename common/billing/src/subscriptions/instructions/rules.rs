//! Which instruction follows from what an operator asks for. Pure.

use super::{ChangeRefusal, End, Ending, EndingState};
use crate::payments::Provider;
use crate::plans::{Interval, Plan, Terms};
use crate::subscriptions::{Subscription, SubscriptionState};
use kernel::clock::Timestamp;
use kernel::ids::SubscriptionInstructionId;

/// What is to be done about a wish to end a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is so already.
    Nothing,
    /// This is under way, or begins now.
    Do(Ending),
}

/// Joins a wish with what was asked for before. What is under way is not weakened: an end at once stays one, and a
/// refund stays one. What was given back stays given back, once for a subscription.
pub fn end(
    subscription: &Subscription,
    known: Option<Ending>,
    wish: End,
    id: SubscriptionInstructionId,
    now: Timestamp,
) -> Decision {
    // What the provider has ended is over for good, whether or not its event has come.
    let ended = known.as_ref().filter(|known| known.state == EndingState::Done).map(|known| known.end);
    let is_over = subscription.state == SubscriptionState::Canceled || matches!(ended, Some(End::Now { .. }));
    let is_given_back = ended == Some(End::Now { refund: true });
    let is_so = match wish {
        End::AtPeriodEnd => is_over || subscription.cancel_at_period_end,
        End::Now { refund } => is_over && (!refund || is_given_back),
    };
    let open = known.as_ref().filter(|known| is_open(known.state));
    if let Some(open) = open {
        let end = stronger(open.end, wish);
        if end == open.end {
            return Decision::Do(open.clone());
        }
    }
    if is_so {
        return Decision::Nothing;
    }
    let end = open.map_or(wish, |open| stronger(open.end, wish));
    let (refund_of, refund_asked_at) =
        known.map(|known| (known.refund_of, known.refund_asked_at)).unwrap_or_default();
    let state = EndingState::Asked;
    Decision::Do(Ending {
        instruction_id: id,
        end,
        state,
        refund_of,
        refund_asked_at,
        refusal: None,
        asked_at: now,
    })
}

/// Whether a job is still to do something about it.
pub fn is_open(state: EndingState) -> bool {
    match state {
        EndingState::Asked | EndingState::Ended => true,
        EndingState::Done | EndingState::Refused | EndingState::Unclear => false,
    }
}

fn stronger(one: End, other: End) -> End {
    match (one, other) {
        (End::AtPeriodEnd, End::AtPeriodEnd) => End::AtPeriodEnd,
        (End::Now { refund }, End::AtPeriodEnd) | (End::AtPeriodEnd, End::Now { refund }) => {
            End::Now { refund }
        }
        (End::Now { refund: one }, End::Now { refund: other }) => End::Now { refund: one || other },
    }
}

/// The terms that a subscription moves to, and the price or product at its provider that stands for them: by that a
/// payment is known, and credited, so a plan without one is not moved to.
///
/// # Errors
/// [`ChangeRefusal`].
pub fn change(
    subscription: &Subscription,
    plan: &Plan,
    interval: Interval,
) -> Result<(Terms, String), ChangeRefusal> {
    if subscription.state != SubscriptionState::Active {
        return Err(ChangeRefusal::NotActive);
    }
    if subscription.cancel_at_period_end {
        return Err(ChangeRefusal::Ends);
    }
    if !plan.is_active {
        return Err(ChangeRefusal::NotSold);
    }
    let terms = match subscription.provider {
        Provider::Stripe | Provider::Creem => plan.terms_at(subscription.provider, interval),
        Provider::Revenuecat | Provider::Manual => None,
    };
    let terms = terms.ok_or(ChangeRefusal::NotSold)?;
    if terms.price.currency != subscription.terms.price.currency {
        return Err(ChangeRefusal::OtherCurrency);
    }
    let price = terms.provider_price.clone().ok_or(ChangeRefusal::NotAtProvider)?;
    Ok((terms, price))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::subscriptions::tests;
    use proptest::prelude::*;

    const NOW: Timestamp = time::macros::datetime!(2026-11-24 08:00 UTC);
    const REFUND: End = End::Now { refund: true };
    const LATER: Timestamp = time::macros::datetime!(2026-11-24 09:00 UTC);

    fn subscription() -> Subscription {
        tests::subscription(tests::month(), LATER)
    }

    fn known(end: End, state: EndingState) -> Ending {
        Ending {
            instruction_id: SubscriptionInstructionId::new(),
            end,
            state,
            refund_of: Some("in_1".to_owned()),
            refund_asked_at: Some(NOW),
            refusal: None,
            asked_at: NOW,
        }
    }

    fn decide(subscription: &Subscription, known: Option<Ending>, wish: End) -> Decision {
        end(subscription, known, wish, SubscriptionInstructionId::new(), LATER)
    }

    fn ends() -> impl Strategy<Value = End> {
        prop_oneof![Just(End::AtPeriodEnd), any::<bool>().prop_map(|refund| End::Now { refund })]
    }

    fn states() -> impl Strategy<Value = EndingState> {
        prop::sample::select(vec![
            EndingState::Asked,
            EndingState::Ended,
            EndingState::Done,
            EndingState::Refused,
            EndingState::Unclear,
        ])
    }

    #[test]
    fn what_is_so_already_is_not_asked_for() {
        let over = Subscription { state: SubscriptionState::Canceled, ..subscription() };
        let ends = Subscription { cancel_at_period_end: true, ..subscription() };
        assert_eq!(decide(&over, None, End::AtPeriodEnd), Decision::Nothing);
        assert_eq!(decide(&over, None, End::Now { refund: false }), Decision::Nothing);
        assert_eq!(decide(&ends, None, End::AtPeriodEnd), Decision::Nothing);
        assert!(matches!(decide(&ends, None, End::Now { refund: false }), Decision::Do(_)));
        // The money of one that is over can still be given back.
        assert!(matches!(decide(&over, None, End::Now { refund: true }), Decision::Do(_)));
    }

    #[test]
    fn a_lasting_subscription_that_was_to_end_can_be_ended_again() {
        let before = known(End::AtPeriodEnd, EndingState::Done);
        let Decision::Do(again) = decide(&subscription(), Some(before.clone()), End::AtPeriodEnd) else {
            panic!("nothing is done")
        };
        assert_ne!(again.instruction_id, before.instruction_id);
    }

    proptest! {
        /// Whatever is asked for after a refund, none is asked for again, and none of another payment.
        #[test]
        fn money_is_given_back_once(wish in ends(), state in states(), end in ends(), is_over in any::<bool>()) {
            let state_of = if is_over { SubscriptionState::Canceled } else { SubscriptionState::Active };
            let subscription = Subscription { state: state_of, ..subscription() };
            let before = known(end, state);
            if let Decision::Do(ending) = decide(&subscription, Some(before.clone()), wish) {
                let is_given_back = before.state == EndingState::Done && before.end == REFUND;
                prop_assert!(!is_given_back);
                prop_assert_eq!(ending.refund_of, before.refund_of);
                prop_assert_eq!(ending.refund_asked_at, before.refund_asked_at);
            }
        }

        /// A later, weaker wish takes nothing from what is under way.
        #[test]
        fn what_is_under_way_is_not_weakened(wish in ends(), end in ends()) {
            let before = known(end, EndingState::Asked);
            let Decision::Do(ending) = decide(&subscription(), Some(before), wish) else { panic!("nothing is done") };
            let asked = [end, wish];
            let ends_later = asked == [End::AtPeriodEnd; 2];
            prop_assert_eq!(ending.end == REFUND, asked.contains(&REFUND));
            prop_assert_eq!(ending.end == End::AtPeriodEnd, ends_later);
        }
    }
}
