//! The rules of reconciliation, on chosen and on random books.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;
use uuid::Uuid;

use super::rules::{compare, merged, name_periods, unheard};
use super::{Difference, ProviderPayment, RecordedPayment};
use crate::payments::{Provider, State};
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;
use kernel::money::{Credits, Money};

const NOW: Timestamp = datetime!(2026-11-25 12:00 UTC);

fn usd(minor: i64) -> Money {
    Money::new(minor, "usd".parse().unwrap())
}

fn order(number: u128, state: State) -> RecordedPayment {
    let credits = Credits::from_whole(25).unwrap();
    RecordedPayment {
        id: PaymentId(Uuid::from_u128(number)),
        provider: Provider::Stripe,
        state,
        money: usd(2_500),
        session: Some(format!("cs_{number}")),
        payment: state.is_paid().then(|| format!("pi_{number}")),
        credits,
        credited: state.is_paid().then_some(credits),
        refunded_minor: 0,
        withdrawn_minor: 0,
    }
}

/// The payment of an order as its page tells it.
fn page(number: u128) -> ProviderPayment {
    ProviderPayment {
        provider: Provider::Stripe,
        id: format!("cs_{number}"),
        session: Some(format!("cs_{number}")),
        payment: Some(format!("pi_{number}")),
        order: Some(PaymentId(Uuid::from_u128(number))),
        installation: Some("ours".to_owned()),
        is_renewal: false,
        subscription: None,
        is_paid: true,
        money: Some(usd(2_500)),
        gone_back_minor: 0,
        charge: None,
        at: NOW - Duration::hours(1),
    }
}

/// The same as the payment itself tells it.
fn intent(number: u128) -> ProviderPayment {
    ProviderPayment { id: format!("pi_{number}"), session: None, ..page(number) }
}

fn found(theirs: Vec<ProviderPayment>, ours: &[RecordedPayment]) -> Vec<Difference> {
    let comparison = compare(&merged(theirs), ours, NOW - Duration::minutes(15));
    comparison.findings.into_iter().map(|finding| finding.difference).collect()
}

#[test]
fn books_that_agree_have_no_findings() {
    let comparison = compare(&merged(vec![page(1), intent(1)]), &[order(1, State::Completed)], NOW);
    assert_eq!((comparison.findings.len(), comparison.agreeing), (0, 1));
}

#[test]
fn an_unknown_order_is_ours_only_with_our_mark() {
    assert_eq!(found(vec![page(9)], &[]), [Difference::UnknownOrder]);
    assert_eq!(found(vec![ProviderPayment { installation: None, ..page(9) }], &[]), []);
    let mut of_another = page(9);
    of_another.forget_another("another");
    assert_eq!(found(vec![of_another], &[]), []);
    // Orders of before there was a mark.
    let known = [order(1, State::Pending)];
    assert_eq!(
        found(vec![ProviderPayment { installation: None, ..page(1) }], &known),
        [Difference::PaidNotCredited]
    );
}

#[test]
fn each_difference_is_found() {
    let completed = order(1, State::Completed);
    for state in [State::Created, State::Pending, State::Failed, State::Expired] {
        assert_eq!(found(vec![page(1)], &[order(1, state)]), [Difference::PaidNotCredited]);
    }
    assert_eq!(found(vec![], std::slice::from_ref(&completed)), [Difference::CreditedNotPaid]);
    let unpaid = ProviderPayment { is_paid: false, ..page(1) };
    assert_eq!(found(vec![unpaid], std::slice::from_ref(&completed)), [Difference::CreditedNotPaid]);
    let tampered = ProviderPayment { money: Some(usd(100)), ..page(1) };
    assert_eq!(found(vec![tampered.clone()], &[order(1, State::Pending)]), [Difference::AmountDiffers]);
    assert_eq!(found(vec![tampered], std::slice::from_ref(&completed)), [Difference::AmountDiffers]);
    let other = ProviderPayment { payment: Some("pi_other".to_owned()), ..page(1) };
    let both = found(vec![intent(1), other], std::slice::from_ref(&completed));
    assert_eq!(both, [Difference::PaidTwice]);
    let refunded = |minor| {
        vec![
            page(1),
            ProviderPayment { gone_back_minor: minor, charge: Some("ch_1".to_owned()), ..intent(1) },
        ]
    };
    assert_eq!(found(refunded(100), std::slice::from_ref(&completed)), [Difference::RefundNotKnown]);
    let partly = [RecordedPayment { refunded_minor: 100, ..order(1, State::PartiallyRefunded) }];
    assert_eq!(found(refunded(100), &partly), []);
    let comparison = compare(&merged(refunded(2_500)), &partly, NOW);
    assert_eq!(comparison.findings[0].repair.as_deref(), Some("ch_1"));
    // A dispute that is known hides no refund that is not.
    let disputed = RecordedPayment { withdrawn_minor: 1_000, ..order(1, State::Disputed) };
    assert_eq!(found(refunded(100), std::slice::from_ref(&disputed)), [Difference::RefundNotKnown]);
    let both = [RecordedPayment { refunded_minor: 100, ..disputed }];
    assert_eq!(found(refunded(100), &both), []);
    // Our record has heard of a refund that is on its way.
    let wholly = [RecordedPayment { refunded_minor: 2_500, ..order(1, State::Refunded) }];
    assert_eq!(found(refunded(100), &wholly), []);
    assert_eq!(found(vec![page(2)], &[]), [Difference::UnknownOrder]);
    let uncredited = RecordedPayment { credited: None, ..completed };
    assert_eq!(found(vec![page(1)], &[uncredited]), [Difference::LedgerDiffers]);
}

#[test]
fn what_is_only_seconds_old_is_in_flight() {
    let fresh = ProviderPayment { at: NOW - Duration::minutes(5), ..page(1) };
    let comparison = compare(&[fresh], &[order(1, State::Pending)], NOW - Duration::minutes(15));
    assert_eq!((comparison.findings.len(), comparison.in_flight), (0, 1));
    // The page is old; the payment on it is new.
    let paid_now = ProviderPayment { at: NOW, ..intent(1) };
    let told = merged(vec![page(1), paid_now]);
    assert_eq!(compare(&told, &[order(1, State::Pending)], NOW - Duration::minutes(15)).in_flight, 1);
}

#[test]
fn a_renewal_is_not_the_order_that_it_names() {
    let first = order(1, State::Completed);
    let renewal = ProviderPayment {
        id: "in_2".to_owned(),
        payment: Some("in_2".to_owned()),
        session: None,
        is_renewal: true,
        ..page(1)
    };
    let told = vec![page(1), renewal.clone()];
    assert_eq!(found(told.clone(), std::slice::from_ref(&first)), [Difference::PaidNotCredited]);
    let second =
        RecordedPayment { session: None, payment: Some("in_2".to_owned()), ..order(2, State::Completed) };
    assert_eq!(found(told, &[first, second]), []);
    assert_eq!(found(vec![renewal], &[]), [Difference::UnknownOrder]);
}

#[test]
fn the_first_payment_of_a_subscription_is_its_orders() {
    let of = |id: &str, hours| ProviderPayment {
        payment: Some(id.to_owned()),
        subscription: Some("sub_1".to_owned()),
        session: None,
        order: None,
        is_renewal: true,
        at: NOW - Duration::hours(hours),
        ..page(1)
    };
    let mut told =
        vec![of("tran_2", 1), ProviderPayment { subscription: None, ..of("tran_x", 9) }, of("tran_1", 2)];
    name_periods(&mut told, "sub_1", PaymentId(Uuid::from_u128(1)));
    let named: Vec<(bool, bool)> = told.iter().map(|one| (one.order.is_some(), one.is_renewal)).collect();
    assert_eq!(named, [(true, true), (false, true), (true, false)]);
    let both = [Difference::PaidNotCredited, Difference::PaidNotCredited];
    assert_eq!(found(told, &[order(1, State::Pending)]), both);
}

#[test]
fn the_payments_of_others_are_counted_and_left_alone() {
    let foreign = ProviderPayment { order: None, ..page(9) };
    let comparison = compare(&[foreign], &[], NOW);
    assert_eq!((comparison.findings.len(), comparison.foreign), (0, 1));
    // The same id at another provider is another payment.
    let elsewhere = ProviderPayment { provider: Provider::Creem, order: None, ..page(1) };
    assert_eq!(compare(&[elsewhere], &[order(1, State::Pending)], NOW).foreign, 1);
}

fn states() -> impl Strategy<Value = Option<State>> {
    let all = [State::Pending, State::Expired, State::Completed, State::PartiallyRefunded, State::Refunded];
    prop::option::of(prop::sample::select(all.to_vec()))
}

proptest! {
    /// However the two sides differ: nothing is missed, nothing is made up, and the order of the list is no matter.
    #[test]
    fn exactly_what_differs_is_found(
        books in prop::collection::vec((states(), any::<bool>(), any::<bool>(), any::<bool>()), 0..24),
        rotation in 0_usize..50,
    ) {
        let (mut ours, mut theirs, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (state, is_told, is_told_twice, is_tampered)) in (1_u128..).zip(&books) {
            ours.extend(state.map(|state| order(number, state)));
            let money = if *is_tampered { usd(1) } else { usd(2_500) };
            if *is_told {
                theirs.push(ProviderPayment { money: Some(money), ..page(number) });
            }
            if *is_told && *is_told_twice {
                theirs.push(ProviderPayment { money: Some(money), ..intent(number) });
            }
            expected.extend(match (state, is_told) {
                (None, true) => Some((number, Difference::UnknownOrder)),
                (Some(_), true) if *is_tampered => Some((number, Difference::AmountDiffers)),
                (Some(state), true) if !state.is_paid() => Some((number, Difference::PaidNotCredited)),
                (Some(state), false) if state.is_paid() => Some((number, Difference::CreditedNotPaid)),
                _ => None,
            });
        }
        let unheard_of = unheard(&theirs, &ours).len();
        let missing = expected.iter().filter(|(_, difference)| *difference == Difference::CreditedNotPaid);
        prop_assert_eq!(unheard_of, missing.count());
        let shift = rotation.checked_rem(theirs.len()).unwrap_or(0);
        theirs.rotate_left(shift);
        let comparison = compare(&merged(theirs), &ours, NOW - Duration::minutes(15));
        let mut found: Vec<(u128, Difference)> = comparison
            .findings
            .iter()
            .map(|finding| (finding.order.unwrap().0.as_u128(), finding.difference))
            .collect();
        found.sort_by_key(|(number, _)| *number);
        prop_assert_eq!(found, expected);
        // What is to be repaired is exactly what is paid as ordered and not credited.
        let repaired = comparison.findings.iter().filter(|finding| finding.repair.is_some()).count();
        prop_assert_eq!(repaired, comparison.paid_not_credited());
        prop_assert_eq!(comparison.foreign, 0);
    }
}
