//! How much of a payment can be given back. Pure.
//!
//! Invariant: what has gone back and what is on its way are never more than what was paid.

use super::{RefundRefusal, RefundRequest, RefundState};
use crate::payments::{Payment, Provider};
use crate::reversals::rules::gone;
use crate::reversals::{Reversal, ReversalState};
use kernel::money::Money;

/// How much is to be given back if this is asked for, in the smallest unit of the payment's currency.
///
/// # Errors
/// [`RefundRefusal`].
pub fn amount(
    payment: &Payment,
    reversals: &[Reversal],
    requests: &[RefundRequest],
    wanted: Option<i64>,
) -> Result<i64, RefundRefusal> {
    match payment.provider {
        Provider::Stripe | Provider::Creem => {}
        Provider::Revenuecat => return Err(RefundRefusal::AtTheStore),
        Provider::Manual => return Err(RefundRefusal::NoMoney),
    }
    if !payment.state.is_paid() {
        return Err(RefundRefusal::Unpaid);
    }
    let left = left(payment, reversals, requests);
    if left <= 0 || payment.provider_payment.is_none() {
        return Err(RefundRefusal::NothingLeft);
    }
    let minor = wanted.unwrap_or(left);
    let money = Money::new(left, payment.due().currency);
    if minor > left {
        return Err(RefundRefusal::MoreThanLeft(money));
    }
    if payment.provider == Provider::Creem && minor != left {
        return Err(RefundRefusal::OnlyWhole(money));
    }
    Ok(minor)
}

/// What was paid, less what has gone back without a request, less what was requested: a request counts from the moment
/// it is made, and not twice once the provider tells of its refund. One that is refused does not count, nor one whose
/// money came back to the seller.
fn left(payment: &Payment, reversals: &[Reversal], requests: &[RefundRequest]) -> i64 {
    let requested = |reversal: &Reversal| {
        requests.iter().any(|request| request.provider_refund.as_ref() == Some(&reversal.object_id))
    };
    let (own, others): (Vec<Reversal>, Vec<Reversal>) = reversals.iter().cloned().partition(requested);
    let came_back = |request: &&RefundRequest| {
        let told = own.iter().find(|own| request.provider_refund.as_ref() == Some(&own.object_id));
        told.is_some_and(|reversal| reversal.standing == ReversalState::Restored)
    };
    let counts = |request: &&RefundRequest| match request.state {
        RefundState::Requested | RefundState::Done | RefundState::Unclear => true,
        RefundState::Refused => false,
    };
    let counted = requests.iter().filter(counts).filter(|request| !came_back(request));
    let promised = counted.map(|request| request.amount_minor).fold(0, i64::saturating_add);
    gone(payment, &others).left_minor().saturating_sub(promised)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::payments::State;
    use crate::payments::tests::order;
    use crate::reversals::{Extent, ReversalKind};
    use kernel::ids::RefundRequestId;
    use kernel::money::Currency;
    use proptest::prelude::*;

    fn paid() -> Payment {
        Payment { state: State::Completed, provider_payment: Some("pi_1".to_owned()), ..order() }
    }

    fn request(payment: &Payment, minor: i64, state: RefundState, refund: Option<&str>) -> RefundRequest {
        RefundRequest {
            id: RefundRequestId::new(),
            payment_id: payment.id,
            amount_minor: minor,
            reason: "asked".to_owned(),
            state,
            refusal: None,
            provider_refund: refund.map(str::to_owned),
            asked_at: None,
            created_at: payment.created_at,
        }
    }

    fn told(id: &str, minor: i64, standing: ReversalState) -> Reversal {
        Reversal {
            object_id: id.to_owned(),
            kind: ReversalKind::Refund,
            standing,
            status: "succeeded".to_owned(),
            step: 2,
            extent: Extent::Part { money: Money::new(minor, Currency::USD), paid_minor: None },
            provider_payments: vec!["pi_1".to_owned()],
        }
    }

    #[test]
    fn a_request_counts_once_however_far_it_is() {
        let payment = paid();
        let (taken, done) = (ReversalState::Taken, RefundState::Done);
        let all =
            |reversals: &[Reversal], requests: &[RefundRequest]| amount(&payment, reversals, requests, None);
        assert_eq!(all(&[], &[]), Ok(2_500));
        let open = request(&payment, 1_000, RefundState::Requested, None);
        assert_eq!(all(&[], std::slice::from_ref(&open)), Ok(1_500));
        let made = request(&payment, 1_000, done, Some("re_1"));
        assert_eq!(all(&[], std::slice::from_ref(&made)), Ok(1_500));
        assert_eq!(all(&[told("re_1", 1_000, taken)], std::slice::from_ref(&made)), Ok(1_500));
        // Another one, made at the provider by hand.
        let both = [told("re_1", 1_000, taken), told("re_2", 700, taken)];
        assert_eq!(all(&both, std::slice::from_ref(&made)), Ok(800));
        assert_eq!(all(&[told("re_1", 1_000, ReversalState::Restored)], &[made]), Ok(2_500));
        let refused = request(&payment, 2_500, RefundState::Refused, None);
        assert_eq!(all(&[], &[refused]), Ok(2_500));
        let unclear = request(&payment, 2_500, RefundState::Unclear, None);
        assert_eq!(all(&[], &[unclear]), Err(RefundRefusal::NothingLeft));
    }

    #[test]
    fn what_cannot_be_given_back_is_told() {
        let try_it = |payment: &Payment, wanted| amount(payment, &[], &[], wanted);
        let left = Money::new(2_500, Currency::USD);
        assert_eq!(try_it(&order(), None), Err(RefundRefusal::Unpaid));
        assert_eq!(try_it(&paid(), Some(2_501)), Err(RefundRefusal::MoreThanLeft(left)));
        let of = |provider| Payment { provider, ..paid() };
        assert_eq!(try_it(&of(Provider::Revenuecat), None), Err(RefundRefusal::AtTheStore));
        assert_eq!(try_it(&of(Provider::Manual), None), Err(RefundRefusal::NoMoney));
        assert_eq!(try_it(&of(Provider::Creem), Some(1)), Err(RefundRefusal::OnlyWhole(left)));
        assert_eq!(try_it(&of(Provider::Creem), Some(2_500)), Ok(2_500));
        // With tax, as it was charged.
        let mut taxed = paid();
        taxed.progress.charged_minor = Some(3_000);
        assert_eq!(try_it(&taxed, None), Ok(3_000));
    }

    proptest! {
        /// However refunds are asked for, made, told of and refused, never more goes back than was paid.
        #[test]
        fn never_more_is_promised_than_was_paid(
            steps in prop::collection::vec((prop::option::of(1_i64..3_000), any::<bool>(), any::<bool>()), 1..12)
        ) {
            let payment = paid();
            let (mut requests, mut reversals) = (Vec::new(), Vec::new());
            for (number, (wanted, is_made, is_told)) in steps.into_iter().enumerate() {
                let Ok(minor) = amount(&payment, &reversals, &requests, wanted) else { continue };
                prop_assert!(minor > 0);
                let id = format!("re_{number}");
                let state = if is_made { RefundState::Done } else { RefundState::Requested };
                requests.push(request(&payment, minor, state, is_made.then_some(id.as_str())));
                if is_made && is_told {
                    reversals.push(told(&id, minor, ReversalState::Taken));
                }
            }
            let promised: i64 = requests.iter().map(|request| request.amount_minor).sum();
            prop_assert!(promised <= 2_500);
        }
    }
}
