//! What invoices and reports are worth in life: balances, prorations of nothing, changes of period, clocks.
#![allow(clippy::unwrap_used)]

use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, SubscriptionId, UserId, WalletId};
use kernel::money::{Credits, Currency, Money};
use time::Duration;

use super::rules::*;
use super::{Line, News, Paid, Period, PriceOf, Standing, Subscription, SubscriptionFact, SubscriptionState};
use crate::plans::{Interval, Terms};
use crate::provider::Provider;
use crate::provider_events::outcome::Contradiction;

const NOW: Timestamp = time::macros::datetime!(2026-11-24 08:00 UTC);

fn terms(plan: &str, interval: Interval, price: i64, credits: i64) -> Terms {
    Terms {
        plan_id: plan.to_owned(),
        interval,
        price: Money::new(price, Currency::USD),
        credits: Credits::from_whole(credits).unwrap(),
        rollover: false,
        provider_price: Some(format!("price_{plan}_{}", interval.as_str())),
    }
}

pub(super) fn month() -> Terms {
    terms("pro", Interval::Month, 999, 10_000)
}

fn year() -> Terms {
    terms("pro", Interval::Year, 9_990, 120_000)
}

fn line(terms: &Terms, amount: i64) -> Line {
    Line { price: terms.provider_price.clone(), amount, is_proration: false }
}

fn proration(terms: &Terms, amount: i64) -> Line {
    Line { is_proration: true, ..line(terms, amount) }
}

pub(super) fn subscription(terms: Terms, end: Timestamp) -> Subscription {
    Subscription {
        id: SubscriptionId::new(),
        user_id: UserId::try_from("alice".to_owned()).unwrap(),
        wallet_id: WalletId::new(),
        payment_id: PaymentId::new(),
        provider: Provider::Stripe,
        provider_subscription: "sub_1".to_owned(),
        provider_customer: Some("cus_1".to_owned()),
        livemode: false,
        state: SubscriptionState::Active,
        cancel_at_period_end: false,
        current_period_end: Some(end),
        terms,
        created_at: NOW,
        told_at: NOW,
        revision: 0,
        canceled_at: None,
        told_plan: None,
        carried: Credits::ZERO,
    }
}

fn paid(minor: i64, due: i64, net: i64, lines: Vec<Line>, end: Timestamp) -> Paid {
    Paid {
        payment: "in_2".to_owned(),
        is_first: None,
        money: Money::new(minor, Currency::USD),
        due: Some(due),
        net: Some(net),
        total: None,
        lines,
        price_of: PriceOf::Payment,
        period_start: None,
        period_end: Some(end),
        receipt_url: None,
        invoice: None,
    }
}

fn fact(at: Timestamp, news: News) -> SubscriptionFact {
    SubscriptionFact {
        provider: Provider::Stripe,
        livemode: false,
        subscription: "sub_1".to_owned(),
        installation: None,
        payment_id: None,
        user_id: None,
        customer: None,
        at,
        revision: None,
        news,
    }
}

#[test]
fn a_proration_of_a_free_plan_is_worth_nothing() {
    let free = terms("free", Interval::Month, 0, 1_000);
    let paid_plan = terms("paid", Interval::Month, 3_000, 10_000);
    let plans = [free.clone(), paid_plan.clone()];
    let whole = |credits| Some(Credits::from_whole(credits).unwrap());
    // Up in the middle of the month, and down again: what goes up comes down.
    let up = worth(&[proration(&free, 0), proration(&paid_plan, 1_500)], &plans);
    let down = worth(&[proration(&paid_plan, -1_500), proration(&free, 0)], &plans);
    assert_eq!((up, down), (whole(5_000), whole(-5_000)));
    // A period of the free plan itself is worth its credits.
    assert_eq!(worth(&[line(&free, 0)], &plans), whole(1_000));
}

#[test]
fn what_was_due_may_come_from_the_balance_or_out_of_band() {
    let end = NOW + Duration::days(30);
    let lines = vec![line(&month(), 999)];
    for (minor, due) in [(999, 999), (499, 499), (0, 0), (0, 999), (1_199, 1_199)] {
        let paid = paid(minor, due, 999, lines.clone(), end);
        assert!(is_settled(&paid), "{minor} of {due}");
        assert_eq!(charged(&paid), Money::new(999, Currency::USD));
        let fact = fact(NOW, News::Paid(paid));
        assert_eq!(contradiction(&subscription(month(), end), &fact), None);
    }
    assert_eq!(charged(&paid(1_000, 999, 999, lines.clone(), end)), Money::new(1_000, Currency::USD));
    for minor in [1, 998] {
        let other = fact(NOW, News::Paid(paid(minor, 999, 999, lines.clone(), end)));
        assert_eq!(contradiction(&subscription(month(), end), &other), Some(Contradiction::Amount));
    }
}

#[test]
fn tax_does_not_make_up_for_a_lower_price() {
    let end = NOW + Duration::days(30);
    let paid = paid(999, 999, 832, vec![line(&month(), 832)], end);
    assert_eq!(charged(&paid), Money::new(832, Currency::USD));
}

#[test]
fn a_change_to_a_shorter_period_ends_sooner() {
    let year_end = NOW + Duration::days(365);
    let mut subscription = subscription(year(), year_end);
    let (at, month_end) = (NOW + Duration::days(9), NOW + Duration::days(39));
    let lines = vec![proration(&year(), -9_700), line(&month(), 999)];
    assert!(record_payment(
        &mut subscription,
        at,
        &paid(0, 0, 0, lines, month_end),
        false,
        &[year(), month()]
    ));
    assert_eq!(subscription.terms.interval, Interval::Month);
    assert_eq!(subscription.current_period_end, Some(month_end));
    // The first invoice of the year, delivered again, brings nothing back.
    let late = paid(9_990, 9_990, 9_990, vec![line(&year(), 9_990)], year_end);
    record_payment(&mut subscription, NOW, &late, true, &[year(), month()]);
    assert_eq!(subscription.terms.interval, Interval::Month);
}

#[test]
fn the_end_of_a_subscription_counts_whatever_the_clocks_say() {
    let end = NOW + Duration::days(30);
    let standing =
        |state| Standing { state, cancel_at_period_end: false, current_period_end: Some(end), price: None };
    let mut subscription = subscription(month(), end);
    // An answer that was read at 08:00:20 by this clock…
    let later = NOW + Duration::seconds(20);
    stand(&mut subscription, later, &standing(SubscriptionState::Active));
    assert_eq!(subscription.told_at, later);
    // …and an end that the provider dates 08:00:00.
    let canceled = standing(SubscriptionState::Canceled);
    assert!(stand(&mut subscription, NOW, &canceled));
    assert_eq!(subscription.state, SubscriptionState::Canceled);
    assert_eq!(subscription.told_at, later);
    let active = standing(SubscriptionState::Active);
    assert!(!stand(&mut subscription, later, &active));
}

#[test]
fn credits_outlast_their_period_until_its_renewal_is_decided_but_not_for_ever() {
    let end = NOW + Duration::days(30);
    assert!(lapses_after(end) > end + Duration::hours(1));
    assert!(lapses_after(end) < end + Duration::days(28));
}

#[test]
fn a_period_is_decided_by_a_later_one_or_by_the_end_of_all() {
    let day = |days| NOW + Duration::days(days);
    let period = |payment, begins, ends| Period {
        payment: PaymentId(uuid::Uuid::from_u128(payment)),
        begins_at: day(begins),
        ends_at: day(ends),
        made_up: Credits::ZERO,
        given_back: Credits::ZERO,
    };
    let ended = |periods: &[Period], is_over, now| -> Vec<(u128, Timestamp)> {
        let endings = endings(periods, is_over, day(now));
        endings.iter().map(|ending| (ending.payment.0.as_u128(), ending.at)).collect()
    };
    let first = period(1, 0, 30);
    assert_eq!(ended(&[first], false, 31), []);
    // Renewed, late; told in either order.
    assert_eq!(ended(&[first, period(2, 30, 60)], false, 32), [(1, day(32))]);
    assert_eq!(ended(&[period(2, 30, 60), first], false, 32), [(1, day(32))]);
    // A part of the same period, after a change of plan, decides nothing, and nor does a year that begins within it.
    assert_eq!(ended(&[first, period(2, 10, 30)], false, 11), []);
    assert_eq!(ended(&[first, period(2, 10, 375)], false, 11), []);
    // Over: what was paid for lasts until its own end, and what is past ends at once.
    assert_eq!(ended(&[first, period(2, 30, 60)], true, 40), [(1, day(40)), (2, day(60))]);
}
