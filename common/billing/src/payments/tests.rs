//! Tries to break the rules of payments with any sequence of facts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;

use super::rules::{Decision, decide, reopen};
use super::{Dialect, Fact, Kind, Labels, Mode, Payment, Progress, Provider, Stage, State};
use crate::provider_events::outcome::Contradiction;
use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, UserId, WalletId};
use kernel::money::{Credits, Currency, Money};

const NOW: Timestamp = datetime!(2026-11-21 08:00 UTC);

pub(crate) fn order() -> Payment {
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
        progress: Progress {
            session_status: Some("open".to_owned()),
            payment_status: Some("unpaid".to_owned()),
            ..Progress::default()
        },
        created_at: NOW,
        expires_at: NOW + Duration::hours(24),
        page_expires_at: Some(NOW + Duration::hours(24)),
        completed_at: None,
        plan: None,
        credits_expire_at: None,
        expires_after_days: None,
        discount_minor: 0,
        bonus: Credits::ZERO,
        bonus_expires_after_days: None,
        labels: Labels::default(),
        has_reversals: false,
        accepted: None,
    }
}

fn fact(payment: &Payment, stage: Stage) -> Fact {
    Fact {
        provider: Provider::Stripe,
        livemode: false,
        stage,
        installation: None,
        payment_id: Some(payment.id),
        user_id: Some("alice".to_owned()),
        session: Some("cs_1".to_owned()),
        provider_payment: (stage == Stage::Paid).then(|| "pi_1".to_owned()),
        customer: Some("cus_1".to_owned()),
        mode: Some(Mode::Payment),
        money: Some(Money::new(2500, Currency::USD)),
        discount_minor: None,
        progress: Progress::default(),
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

/// The provider's payment says what it would have cost with tax; its page is not named.
#[test]
fn a_payment_with_tax_that_fails_is_no_contradiction() {
    let mut payment = order();
    let with_tax = Some(Money::new(3_000, Currency::USD));
    for stage in [Stage::Failed, Stage::Expired] {
        let failed = Fact { session: None, money: with_tax, ..fact(&payment, stage) };
        let decision = decide(&mut payment, &failed, NOW);
        assert!(!matches!(decision, Decision::Quarantine(_)), "{stage:?}: {decision:?}");
    }
    // A page says exactly what its order costs.
    let mut payment = order();
    let failed = Fact { money: with_tax, ..fact(&payment, Stage::Failed) };
    assert!(matches!(decide(&mut payment, &failed, NOW), Decision::Quarantine(_)));
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

fn package() -> Payment {
    Payment { dialect: Dialect::Wasdi, ..order() }
}

/// What a page of number `page` says; each page has its own payment, and anyone can be the customer.
fn of_page(payment: &Payment, page: u8, stage: Stage) -> Fact {
    // A receipt is about a payment and does not name the page.
    let is_receipt = stage == Stage::Details;
    let of_order = fact(payment, stage);
    Fact {
        session: (!is_receipt).then(|| format!("cs_{page}")),
        provider_payment: (is_receipt || stage == Stage::Paid).then(|| format!("pi_{page}")),
        money: of_order.money.filter(|_| !is_receipt),
        customer: Some(format!("cus_{page}")),
        user_id: None,
        ..of_order
    }
}

#[test]
fn the_end_of_a_foreign_page_says_nothing_of_an_order() {
    for mut payment in [order(), package(), Payment { provider_session: None, ..package() }] {
        let before = payment.provider_session.clone();
        let foreign = of_page(&payment, 2, Stage::Expired);
        assert_eq!(decide(&mut payment, &foreign, NOW), Decision::Nothing);
        assert_eq!((payment.state, payment.attempt, payment.provider_session), (State::Pending, 1, before));
    }
}

#[test]
fn a_package_outlives_its_pages() {
    for stage in [Stage::Expired, Stage::Failed] {
        let mut payment = package();
        let over = fact(&payment, stage);
        assert_eq!(decide(&mut payment, &over, NOW), Decision::Noted);
        assert_eq!((payment.state, payment.attempt), (State::Created, 2));
        assert_eq!((&payment.provider_session, &payment.checkout_url), (&None, &None));
        // Told again it is the word of a page that is gone.
        assert_eq!(decide(&mut payment, &over, NOW), Decision::Nothing);
        assert_eq!(payment.attempt, 2);
        // The next page is open when the money of the first arrives after all.
        payment.provider_session = Some("cs_2".to_owned());
        payment.state = State::Pending;
        let late = of_page(&payment, 1, Stage::Paid);
        assert_eq!(decide(&mut payment, &late, NOW), Decision::Credit);
        assert_eq!(payment.provider_session.as_deref(), Some("cs_1"));
        let second = of_page(&payment, 2, Stage::Paid);
        assert_eq!(decide(&mut payment, &second, NOW), Decision::Quarantine(Contradiction::PaidTwice));
    }
    let mut ordinary = order();
    let over = fact(&ordinary, Stage::Expired);
    assert_eq!(decide(&mut ordinary, &over, NOW), Decision::Ended(State::Expired));
}

#[test]
fn a_payment_that_told_of_itself_before_its_page_did_is_no_second_one() {
    let mut payment = Payment { provider_session: Some("cs_2".to_owned()), attempt: 2, ..package() };
    let intent = Fact { session: None, mode: None, ..of_page(&payment, 1, Stage::Paid) };
    assert_eq!(decide(&mut payment, &intent, NOW), Decision::Credit);
    let page = of_page(&payment, 1, Stage::Paid);
    assert_eq!(decide(&mut payment, &page, NOW), Decision::Noted);
    assert_eq!(decide(&mut payment, &page, NOW), Decision::Nothing);
}

#[test]
fn the_first_page_that_is_heard_of_becomes_that_of_an_order_without_one() {
    let mut payment =
        Payment { provider_session: None, state: State::Created, page_expires_at: None, ..package() };
    let first = of_page(&payment, 1, Stage::Open);
    assert_eq!(decide(&mut payment, &first, NOW), Decision::Noted);
    assert_eq!((payment.state, payment.provider_session.as_deref()), (State::Pending, Some("cs_1")));
    let other = of_page(&payment, 2, Stage::Open);
    assert_eq!(decide(&mut payment, &other, NOW), Decision::Nothing);
    assert_eq!(payment.provider_session.as_deref(), Some("cs_1"));
}

#[test]
fn a_receipt_of_another_payment_is_not_taken() {
    let mut payment = package();
    let paid = of_page(&payment, 1, Stage::Paid);
    assert_eq!(decide(&mut payment, &paid, NOW), Decision::Credit);
    let mut receipt = of_page(&payment, 1, Stage::Details);
    receipt.progress.receipt_url = Some("https://receipt.example".to_owned());
    receipt.provider_payment = Some("pi_2".to_owned());
    assert_eq!(decide(&mut payment, &receipt, NOW), Decision::Nothing);
    receipt.provider_payment = Some("pi_1".to_owned());
    assert_eq!(decide(&mut payment, &receipt, NOW), Decision::Noted);
}

#[test]
fn only_a_page_that_cannot_be_paid_on_is_let_go_of() {
    let later = NOW + Duration::hours(24);
    let reopened = |payment: &Payment, now: Timestamp| reopen(&mut payment.clone(), now);
    let open = package();
    assert!(!reopened(&open, NOW) && reopened(&open, later));
    assert!(!reopened(&order(), later), "an ordinary order has one page");
    let completed = Payment {
        progress: Progress { session_status: Some("complete".to_owned()), ..Progress::default() },
        ..package()
    };
    assert!(!reopened(&completed, later), "its money is on the way");
    let without = Payment { provider_session: None, page_expires_at: None, ..package() };
    assert!(!reopened(&without, later));
    let paid = Payment { state: State::Completed, ..package() };
    assert!(!reopened(&paid, later));
    let refused =
        Payment { state: State::Failed, provider_session: None, page_expires_at: None, ..package() };
    assert!(reopened(&refused, NOW));
}

proptest! {
    /// Pages come and go, and their words come in any order, more than once, from pages of all kinds.
    #[test]
    fn a_package_is_credited_once_by_whichever_page_is_paid_first(
        words in proptest::collection::vec((stage(), 1_u8..4, proptest::bool::ANY), 0..24)
    ) {
        let mut payment = package();
        let mut credited = Vec::new();
        for (stage, page, opens) in &words {
            let fact = of_page(&payment, *page, *stage);
            match decide(&mut payment, &fact, NOW) {
                Decision::Credit => credited.push(*page),
                Decision::Quarantine(contradiction) => {
                    // Only a payment by another page, after the first.
                    prop_assert_eq!((contradiction, fact.stage), (Contradiction::PaidTwice, Stage::Paid));
                    prop_assert!(credited.iter().all(|paid| paid != page));
                }
                Decision::Ended(_) => prop_assert!(false, "a package does not end by its pages"),
                Decision::Noted | Decision::Nothing => {}
            }
            if *opens && payment.provider_session.is_none() && payment.state.is_open() {
                payment.provider_session = Some(format!("cs_{}", payment.attempt.min(3)));
                payment.state = State::Pending;
            }
        }
        let first = words.iter().find(|(stage, ..)| *stage == Stage::Paid).map(|(_, page, _)| *page);
        prop_assert_eq!(credited, first.into_iter().collect::<Vec<u8>>());
        prop_assert_eq!(payment.state.is_paid(), first.is_some());
    }
}
