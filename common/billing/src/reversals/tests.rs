//! Tries to break the rules of reversals with any facts in any order.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::rules::{self, Step, rebalance, refund_standing, stop_charging_at_once, stops_charging};
use super::{Account, Extent, Policy, Reversal, ReversalFact, ReversalKind, ReversalState};
use crate::payments::tests::order;
use crate::payments::{Payment, Provider, State};
use crate::provider_events::outcome::Contradiction;
use kernel::money::{Credits, Currency, Money};

const GRANT: i64 = 3_333;

/// A thousand cents for an odd number of credits, some of them a coupon's.
fn payment() -> Payment {
    Payment {
        state: State::Completed,
        provider_payment: Some("pi_1".to_owned()),
        credits: Credits::from_millionths(GRANT - 333),
        bonus: Credits::from_millionths(333),
        amount: Money::new(1_000, Currency::USD),
        ..order()
    }
}

fn part(minor: i64, paid_minor: Option<i64>) -> Extent {
    Extent::Part { money: Money::new(minor, Currency::USD), paid_minor }
}

fn refund(id: &str, minor: i64, status: &str) -> ReversalFact {
    let (standing, step) = refund_standing(status);
    ReversalFact {
        provider: Provider::Stripe,
        livemode: false,
        object_id: id.to_owned(),
        kind: ReversalKind::Refund,
        standing,
        status: status.to_owned(),
        step,
        extent: part(minor, None),
        installation: None,
        payment_id: None,
        provider_payments: vec!["pi_1".to_owned(), "ch_1".to_owned()],
    }
}

fn dispute(id: &str, minor: i64, step: i64, standing: ReversalState) -> ReversalFact {
    ReversalFact { kind: ReversalKind::Dispute, standing, step, ..refund(id, minor, "needs_response") }
}

/// All that is known, as the table keeps it, and the account that follows.
#[derive(Clone, Debug, Default, PartialEq)]
struct Books {
    known: Vec<Reversal>,
    account: Account,
    moved: i64,
}

impl Books {
    fn take(&mut self, payment: &Payment, fact: &ReversalFact, policy: Policy, available: i64) -> State {
        let place = self.known.iter().position(|known| known.object_id == fact.object_id);
        if let Some(next) = rules::advance(place.map(|place| &self.known[place]), fact) {
            match place {
                Some(place) => self.known[place] = next,
                None => self.known.push(next),
            }
        }
        let share = self.share(payment);
        let available = Credits::from_millionths(available);
        match rebalance(&mut self.account, share, Credits::ZERO, policy, available).unwrap() {
            Step::Stay => {}
            Step::Take(amount) => {
                assert!(amount.is_positive());
                self.moved -= amount.millionths();
            }
            Step::Restore(amount) => {
                assert!(amount.is_positive());
                self.moved += amount.millionths();
            }
        }
        rules::state(&rules::gone(payment, &self.known))
    }

    fn share(&self, payment: &Payment) -> Credits {
        let granted = rules::granted(payment).unwrap();
        rules::share(granted, &rules::gone(payment, &self.known))
    }

    fn take_all(payment: &Payment, facts: &[ReversalFact]) -> Self {
        let mut books = Self::default();
        for fact in facts {
            books.take(payment, fact, Policy::Debt, 0);
        }
        books.known.sort_by(|a, b| a.object_id.cmp(&b.object_id));
        books
    }
}

#[test]
fn the_share_follows_the_money_and_full_money_is_the_full_grant() {
    let payment = payment();
    let mut books = Books::default();
    let mut take = |fact: &ReversalFact| {
        let state = books.take(&payment, fact, Policy::Debt, 0);
        (books.account.reversed.millionths(), state)
    };
    // 3333 × 333 / 1000 = 1109.889: the buyer keeps the fraction.
    assert_eq!(take(&refund("re_1", 333, "pending")), (1_109, State::PartiallyRefunded));
    assert_eq!(take(&refund("re_1", 333, "succeeded")), (1_109, State::PartiallyRefunded));
    assert_eq!(take(&refund("re_2", 667, "succeeded")), (GRANT, State::Refunded));
    assert_eq!(take(&refund("re_2", 667, "failed")), (1_109, State::PartiallyRefunded));
    assert_eq!(take(&refund("re_2", 667, "succeeded")), (1_109, State::PartiallyRefunded));
    assert_eq!(take(&dispute("dp_1", 1_000, 0, ReversalState::Announced)), (1_109, State::PartiallyRefunded));
    assert_eq!(take(&dispute("dp_1", 1_000, 2, ReversalState::Taken)), (GRANT, State::Disputed));
    assert_eq!(take(&dispute("dp_1", 1_000, 4, ReversalState::Restored)), (1_109, State::PartiallyRefunded));
    assert_eq!(take(&refund("re_1", 333, "failed")), (0, State::Completed));
    assert_eq!(books.moved, 0);
}

#[test]
fn a_merchant_of_record_counts_with_tax_and_a_total_is_no_second_refund() {
    let payment = payment();
    let single = ReversalFact { extent: part(605, Some(1_210)), ..refund("ref_1", 0, "succeeded") };
    let total = |minor| ReversalFact {
        object_id: "pi_1".to_owned(),
        kind: ReversalKind::Total,
        step: minor,
        extent: part(minor, Some(1_210)),
        ..refund("", 0, "succeeded")
    };
    let half = Books::take_all(&payment, &[single.clone(), total(605)]);
    assert_eq!(half.account.reversed.millionths(), GRANT / 2);
    assert_eq!(half, Books::take_all(&payment, &[total(605), single.clone(), total(605), total(100)]));
    let all = Books::take_all(&payment, &[total(1_210), single]);
    assert_eq!(all.account.reversed.millionths(), GRANT);
}

#[test]
fn what_was_paid_in_all_is_learned_whenever_it_is_told_and_stays_known() {
    let told = refund("re_1", 600, "succeeded");
    let answered = |status| ReversalFact { extent: part(600, Some(1_200)), ..refund("re_1", 600, status) };
    let facts = [told.clone(), answered("pending"), answered("succeeded"), refund("re_1", 600, "failed")];
    let half = Credits::from_millionths(GRANT / 2);
    for order in [[0, 1], [1, 0], [0, 2], [2, 0]] {
        let facts = order.map(|place: usize| facts[place].clone());
        assert_eq!(Books::take_all(&payment(), &facts).account.reversed, half, "{order:?}");
    }
    let known = rules::advance(None, &answered("succeeded")).unwrap();
    assert_eq!(rules::advance(Some(&known), &told), None);
    let failed = rules::advance(Some(&known), &facts[3]).unwrap();
    assert_eq!((failed.standing, failed.extent), (ReversalState::Restored, part(600, Some(1_200))));
}

#[test]
fn a_whole_reversal_needs_no_sum() {
    let free = Payment { amount: Money::new(0, Currency::USD), ..payment() };
    for payment in [payment(), free] {
        let whole = ReversalFact { extent: Extent::All, ..refund("tx_1", 0, "succeeded") };
        let mut books = Books::default();
        assert_eq!(books.take(&payment, &whole, Policy::Debt, 0), State::Refunded);
        assert_eq!(books.account.reversed.millionths(), GRANT);
    }
}

#[test]
fn money_of_another_payment_takes_nothing() {
    let other =
        ReversalFact { provider_payments: vec!["pi_2".to_owned()], ..refund("re_1", 1_000, "succeeded") };
    assert_eq!(Books::take_all(&payment(), &[other]).account, Account::default());
}

#[test]
fn a_fact_that_is_not_the_payments_is_a_contradiction() {
    let good = refund("re_1", 1_000, "succeeded");
    let contradiction = |fact: ReversalFact| rules::contradiction(&payment(), &fact);
    assert_eq!(contradiction(good.clone()), None);
    let creem = ReversalFact { provider: Provider::Creem, ..good.clone() };
    assert_eq!(contradiction(creem), Some(Contradiction::Provider));
    assert_eq!(contradiction(ReversalFact { livemode: true, ..good.clone() }), Some(Contradiction::Livemode));
    let yen = Money::new(1_000, "jpy".parse().unwrap());
    let in_yen = Extent::Part { money: yen, paid_minor: None };
    assert_eq!(contradiction(ReversalFact { extent: in_yen, ..good.clone() }), Some(Contradiction::Currency));
    assert_eq!(contradiction(ReversalFact { extent: part(-1, None), ..good }), Some(Contradiction::Amount));
}

/// The events of several refunds and disputes, each in its own order, interleaved.
fn stories() -> impl Strategy<Value = Vec<ReversalFact>> {
    let refunds = (
        0..4_u8,
        0..1_200_i64,
        prop::sample::subsequence(vec!["requires_action", "pending", "succeeded", "failed"], 1..=4),
    );
    let refunds = prop::collection::vec(refunds, 0..4).prop_map(|all| {
        all.into_iter()
            .flat_map(|(id, minor, story)| {
                story.into_iter().map(move |status| refund(&format!("re_{id}"), minor, status))
            })
            .collect::<Vec<_>>()
    });
    let disputes = prop::collection::vec((0..3_u8, 0..1_200_i64, 1..6_i64), 0..3).prop_map(|all| {
        all.into_iter()
            .flat_map(|(id, minor, length)| {
                (0..length).map(move |step| {
                    let standing = match step {
                        0 => ReversalState::Announced,
                        1 | 4 => ReversalState::Taken,
                        _ => ReversalState::Restored,
                    };
                    dispute(&format!("dp_{id}"), minor, step, standing)
                })
            })
            .collect::<Vec<_>>()
    });
    (refunds, disputes).prop_map(|(refunds, disputes)| {
        let mut facts = [refunds, disputes].concat();
        // One object says one thing at one step.
        let mut seen = std::collections::HashSet::new();
        facts.retain(|fact| seen.insert((fact.object_id.clone(), fact.step)));
        facts
    })
}

/// The same facts in two orders, some of them twice.
fn orders() -> impl Strategy<Value = (Vec<ReversalFact>, Vec<ReversalFact>)> {
    stories().prop_flat_map(|facts| {
        let length = facts.len();
        let twice = prop::collection::vec(0..length.max(1), 0..8).prop_map({
            let facts = facts.clone();
            move |again| {
                let again = again.into_iter().filter_map(|index| facts.get(index).cloned());
                facts.iter().cloned().chain(again).collect::<Vec<_>>()
            }
        });
        (Just(facts), twice.prop_shuffle())
    })
}

proptest! {
    #[test]
    fn any_order_and_repetition_ends_the_same((told, shuffled) in orders()) {
        let payment = payment();
        let first = Books::take_all(&payment, &told);
        let second = Books::take_all(&payment, &shuffled);
        prop_assert_eq!(&first, &second);
        prop_assert_eq!(first.account.reversed, first.share(&payment));
        prop_assert_eq!(first.moved, -first.account.reversed.millionths());
    }

    #[test]
    fn never_more_than_the_grant_is_taken_and_every_credit_is_accounted_for(
        told in stories(),
        available in prop::collection::vec(-100..4_000_i64, 40),
        clamps in any::<bool>(),
    ) {
        let payment = payment();
        let policy = if clamps { Policy::Clamp } else { Policy::Debt };
        let mut books = Books::default();
        for (fact, available) in told.iter().zip(available) {
            let before = books.moved;
            books.take(&payment, fact, policy, available);
            let Account { reversed, shortfall, .. } = books.account;
            prop_assert!((0..=GRANT).contains(&reversed.millionths()));
            prop_assert!(!shortfall.is_negative());
            prop_assert_eq!(reversed.checked_add(shortfall).unwrap(), books.share(&payment));
            prop_assert_eq!(books.moved, -reversed.millionths());
            if clamps {
                prop_assert!(before - books.moved <= available.max(0));
            } else {
                prop_assert!(!shortfall.is_positive());
            }
        }
    }
}

fn known(kind: ReversalKind, standing: ReversalState, cents: i64) -> Reversal {
    Reversal {
        object_id: "x".to_owned(),
        kind,
        standing,
        status: "x".to_owned(),
        step: 0,
        extent: Extent::Part { money: Money::new(cents, Currency::USD), paid_minor: None },
        provider_payments: Vec::new(),
    }
}

#[test]
fn whatever_takes_money_back_stops_charging_and_old_news_do_not() {
    use crate::auto_recharge::PauseReason::{Disputed, MoneyTakenBack};
    use ReversalKind::{Dispute, Refund, Total, Warning};
    use ReversalState::{Announced, Restored, Taken};
    let stops = |before: Option<(ReversalKind, ReversalState, i64)>, kind, standing, cents| {
        let before = before.map(|(kind, standing, cents)| known(kind, standing, cents));
        stops_charging(before.as_ref(), &known(kind, standing, cents))
    };
    for kind in [Refund, Total] {
        assert_eq!(stops(None, kind, Taken, 1), Some(MoneyTakenBack));
        assert_eq!(stops(Some((kind, Taken, 1)), kind, Taken, 1), None);
        assert_eq!(stops(Some((kind, Taken, 1)), kind, Taken, 2), Some(MoneyTakenBack));
        assert_eq!(stops(Some((kind, Restored, 1)), kind, Taken, 1), Some(MoneyTakenBack));
        assert_eq!(stops(None, kind, Announced, 1), None);
    }
    assert_eq!(stops(None, Dispute, Announced, 1), Some(Disputed));
    assert_eq!(stops(Some((Dispute, Announced, 1)), Dispute, Announced, 1), None);
    assert_eq!(stops(Some((Dispute, Announced, 1)), Dispute, Taken, 1), Some(Disputed));
    assert_eq!(stops(Some((Dispute, Taken, 1)), Dispute, Taken, 1), None);
    assert_eq!(stops(None, Warning, Announced, 0), Some(Disputed));
    for kind in [Refund, Total, Dispute] {
        assert_eq!(stops(Some((kind, Taken, 1)), kind, Restored, 1), None);
    }
    // Of several that arrived before their payment, the gravest.
    let both = [known(Dispute, Announced, 1), known(Refund, Taken, 1)];
    assert_eq!(stop_charging_at_once(&both), Some(Disputed));
    assert_eq!(stop_charging_at_once(&[known(Refund, Restored, 1)]), None);
}
