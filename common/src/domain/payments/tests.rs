//! Tries to break the rules of payments with any sequence of facts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;

use super::rules::{Contradiction, Decision, decide};
use super::{Dialect, Fact, Kind, Mode, Payment, Provider, Stage, State};
use crate::clock::Timestamp;
use crate::ids::{PaymentId, UserId, WalletId};
use crate::money::{Credits, Currency, Money};

const NOW: Timestamp = datetime!(2026-11-21 08:00 UTC);

fn order() -> Payment {
    Payment {
        id: PaymentId::new(),
        number: 1,
        user_id: UserId::try_from("alice".to_owned()).unwrap(),
        wallet_id: WalletId::new(),
        organization_id: None,
        dialect: Dialect::Samsar,
        kind: Kind::OneTime,
        provider: Provider::Stripe,
        mode: Mode::Payment,
        livemode: false,
        state: State::Pending,
        credits: Credits::from_whole(2500).unwrap(),
        amount: Money::new(2500, Currency::USD),
        summary: "Purchase 2500 credits".to_owned(),
        return_urls: None,
        attempt: 1,
        provider_customer: Some("cus_1".to_owned()),
        provider_session: Some("cs_1".to_owned()),
        provider_payment: None,
        checkout_url: Some("https://checkout.example/cs_1".to_owned()),
        session_status: Some("open".to_owned()),
        payment_status: Some("unpaid".to_owned()),
        payment_intent_status: None,
        receipt_url: None,
        failure: None,
        created_at: NOW,
        expires_at: NOW + Duration::hours(24),
        page_expires_at: Some(NOW + Duration::hours(24)),
        completed_at: None,
        plan: None,
        credits_expire_at: None,
        discount_minor: 0,
        bonus: Credits::ZERO,
    }
}

fn fact(payment: &Payment, stage: Stage) -> Fact {
    Fact {
        provider: Provider::Stripe,
        livemode: false,
        stage,
        payment_id: Some(payment.id),
        user_id: Some("alice".to_owned()),
        session: Some("cs_1".to_owned()),
        provider_payment: (stage == Stage::Paid).then(|| "pi_1".to_owned()),
        customer: Some("cus_1".to_owned()),
        mode: Some(Mode::Payment),
        money: Some(Money::new(2500, Currency::USD)),
        session_status: None,
        payment_status: None,
        payment_intent_status: None,
        receipt_url: None,
        failure: None,
    }
}

fn stage() -> impl Strategy<Value = Stage> {
    prop_oneof![
        Just(Stage::Open),
        Just(Stage::Paid),
        Just(Stage::Failed),
        Just(Stage::Expired),
        Just(Stage::Details)
    ]
}

proptest! {
    #[test]
    fn whatever_comes_in_any_order_credits_once_and_only_if_paid(stages in proptest::collection::vec(stage(), 0..12)) {
        let mut payment = order();
        let mut credited = 0;
        for stage in &stages {
            let fact = fact(&payment, *stage);
            if decide(&mut payment, &fact, NOW) == Decision::Credit {
                credited += 1;
            }
        }
        let paid = stages.contains(&Stage::Paid);
        prop_assert_eq!(credited, i32::from(paid));
        prop_assert_eq!(payment.state == State::Completed, paid);
        prop_assert_eq!(payment.completed_at.is_some(), paid);
    }
}

#[test]
fn each_contradiction_is_quarantined_and_changes_nothing() {
    type Change = fn(&mut Fact);
    let cases: [(Change, Contradiction); 10] = [
        (|fact| fact.money = Some(Money::new(2499, Currency::USD)), Contradiction::Amount),
        (|fact| fact.money = None, Contradiction::Amount),
        (|fact| fact.money = Some(Money::new(2500, "eur".parse().unwrap())), Contradiction::Currency),
        (|fact| fact.user_id = Some("mallory".to_owned()), Contradiction::Owner),
        (|fact| fact.payment_id = Some(PaymentId::new()), Contradiction::Owner),
        (|fact| fact.mode = Some(Mode::Setup), Contradiction::Mode),
        (|fact| fact.livemode = true, Contradiction::Livemode),
        (|fact| fact.provider = Provider::Creem, Contradiction::Provider),
        (|fact| fact.session = Some("cs_2".to_owned()), Contradiction::Session),
        (|fact| fact.customer = Some("cus_2".to_owned()), Contradiction::Customer),
    ];
    for (change, expected) in cases {
        let mut payment = order();
        let mut fact = fact(&payment, Stage::Paid);
        change(&mut fact);
        assert_eq!(decide(&mut payment, &fact, NOW), Decision::Quarantine(expected));
        assert_eq!((payment.state, payment.provider_payment), (State::Pending, None));
    }
}

#[test]
fn a_second_payment_of_a_paid_order_is_quarantined() {
    let mut payment = order();
    let mut paid = fact(&payment, Stage::Paid);
    assert_eq!(decide(&mut payment, &paid, NOW), Decision::Credit);
    assert_eq!(decide(&mut payment, &paid, NOW), Decision::Nothing);
    paid.provider_payment = Some("pi_2".to_owned());
    assert_eq!(decide(&mut payment, &paid, NOW), Decision::Quarantine(Contradiction::PaidTwice));
    paid.session = Some("cs_2".to_owned());
    assert_eq!(decide(&mut payment, &paid, NOW), Decision::Quarantine(Contradiction::PaidTwice));
}

#[test]
fn money_that_comes_after_the_order_expired_is_credited() {
    let mut payment = order();
    let expired = fact(&payment, Stage::Expired);
    assert_eq!(decide(&mut payment, &expired, NOW), Decision::Ended(State::Expired));
    let paid = fact(&payment, Stage::Paid);
    assert_eq!(decide(&mut payment, &paid, NOW), Decision::Credit);
}
