//! What a paid invoice grants, and how a subscription's state moves. Pure.

use super::{Line, News, Paid, Period, Standing, Subscription, SubscriptionFact, SubscriptionState};
use crate::payments::Payment;
use crate::plans::Terms;
use crate::provider_events::outcome::Contradiction;
use kernel::clock::Timestamp;
use kernel::money::{Credits, Money};
use ledger::grants::Ending;
use time::Duration;

/// How a fact contradicts the subscription that it names.
pub fn contradiction(subscription: &Subscription, fact: &SubscriptionFact) -> Option<Contradiction> {
    let differs = |theirs: Option<&str>, ours: &str| theirs.is_some_and(|theirs| theirs != ours);
    if subscription.livemode != fact.livemode {
        return Some(Contradiction::Livemode);
    }
    if differs(fact.user_id.as_deref(), subscription.user_id.as_str())
        || fact.payment_id.is_some_and(|id| id != subscription.payment_id)
    {
        return Some(Contradiction::Owner);
    }
    if let Some(ours) = &subscription.provider_customer
        && differs(fact.customer.as_deref(), ours)
    {
        return Some(Contradiction::Customer);
    }
    match &fact.news {
        News::Paid(paid) if paid.money.currency != subscription.terms.price.currency => {
            Some(Contradiction::Currency)
        }
        News::Paid(paid) if !is_settled(paid) => Some(Contradiction::Amount),
        News::Paid(_) | News::PaymentFailed | News::Standing(_) => None,
    }
}

/// How long the credits of a period outlast it while its renewal is not decided. The provider makes the invoice at the
/// period's end, collects it about an hour later, and retries a refused card for up to two weeks by default
/// (<https://docs.stripe.com/billing/revenue-recovery/smart-retries>).
pub const RENEWAL_GRACE: Duration = Duration::days(15);

/// When the credits of a period that ends at `end` lapse if nothing decides its renewal before.
pub fn lapses_after(end: Timestamp) -> Timestamp {
    end.saturating_add(RENEWAL_GRACE)
}

/// When what paid periods granted lapses, as far as their renewals are decided: a later one is paid, or the
/// subscription is over. It lapses at the period's end, or at once if that is past.
pub fn endings(periods: &[Period], is_over: bool, now: Timestamp) -> Vec<Ending> {
    let newest = periods.iter().map(|period| period.begins_at).max();
    let is_decided = |period: &&Period| is_over || newest.is_some_and(|newest| newest >= period.ends_at);
    let ending = |period: &Period| Ending { payment: period.payment, at: period.ends_at.max(now) };
    periods.iter().filter(is_decided).map(ending).collect()
}

/// Whether what was due is paid: in money, from the customer's balance, or out of band, when the seller declares an
/// invoice paid of which the provider took nothing.
pub fn is_settled(paid: &Paid) -> bool {
    paid.money.minor == 0 || paid.due.is_none_or(|due| paid.money.minor >= due)
}

/// What the first payment is compared with the order by: what was charged for. The customer's balance may have paid a
/// part of it, and tax may have been added.
pub fn charged(paid: &Paid) -> Money {
    let is_as_due = paid.money.minor == 0 || paid.due.is_none_or(|due| paid.money.minor == due);
    match paid.net {
        Some(net) if is_as_due => Money::new(net, paid.money.currency),
        // More than was due is no payment of this invoice alone.
        Some(_) | None => paid.money,
    }
}

/// The terms of the newest plan that was paid for.
pub fn terms_paid_for<'a>(paid: &Paid, known: &'a [Terms]) -> Option<&'a Terms> {
    let positive = paid.lines.iter().rev().filter(|line| line.amount > 0);
    positive
        .filter_map(|line| line.price.as_ref())
        .find_map(|price| known.iter().find(|terms| terms.provider_price.as_ref() == Some(price)))
}

/// Whether a payment is the one that started the subscription, where the provider does not say so. The first that is
/// heard of is, unless the order was made cheaper by a coupon and this is the full price: then it is of a later
/// period, and arrived before the first.
pub fn is_first(subscription: &Subscription, order: &Payment, paid: &Paid) -> bool {
    let is_of_order = order.provider_payment.as_deref() == Some(paid.payment.as_str());
    let is_full_price = order.discount_minor > 0 && paid.money == subscription.terms.price;
    is_of_order || paid.is_first.unwrap_or(!order.state.is_paid() && !is_full_price)
}

/// The provider's price that stands for the terms, where lines that were paid for tell it: the price may have been
/// made for the order, or be another one by now. The first payment is for the terms by definition; of a later one,
/// arrived before it, a line is that costs as much.
pub fn price_of_terms(terms: &Terms, lines: &[Line], is_first: bool) -> Option<String> {
    let is_known = |line: &&Line| line.price.is_some() && line.price == terms.provider_price;
    if lines.iter().find(is_known).is_some() || (!is_first && terms.provider_price.is_some()) {
        return None;
    }
    let line = lines.iter().find(|line| is_first || line.amount == terms.price.minor)?;
    line.price.clone()
}

/// What paid lines are worth in credits. A line of a full period is worth what the terms say; a part of a period, as
/// on a change of plan, that part, and what is given back is taken off. Discounts are not in the lines: a coupon cuts
/// the price, not the credits. None if no line is for a known plan.
pub fn worth(lines: &[Line], terms: &[Terms]) -> Option<Credits> {
    let mut sum: Option<i128> = None;
    for line in lines {
        let known = |terms: &&Terms| terms.provider_price.is_some() && terms.provider_price == line.price;
        let Some(terms) = terms.iter().find(known) else { continue };
        let part = match terms.price.minor {
            // A proration of nothing is worth nothing; a whole period of a free plan is worth its credits.
            0 if line.is_proration => 0,
            0 => i128::from(terms.credits.millionths()),
            // Truncated towards zero: the seller keeps fractions, and gives none back.
            price => i128::from(terms.credits.millionths()) * i128::from(line.amount) / i128::from(price),
        };
        sum = Some(sum.unwrap_or(0).saturating_add(part));
    }
    let sum = sum?.clamp(-i128::from(i64::MAX), i128::from(i64::MAX));
    i64::try_from(sum).ok().map(Credits::from_millionths)
}

/// The subscription after a payment; says whether anything changed. From the newest payment on it is on the plan of
/// the last line that was paid for; the first one is for the plan that it began with.
pub fn record_payment(
    subscription: &mut Subscription,
    at: Timestamp,
    paid: &Paid,
    is_first: bool,
    known: &[Terms],
) -> bool {
    let before = (subscription.state, subscription.current_period_end, subscription.terms.plan_id.clone());
    // A change to a shorter period ends sooner than what was paid before.
    let latest = terms_paid_for(paid, known);
    let changes_plan = latest.is_some_and(|terms| terms.plan_key() != subscription.terms.plan_key());
    let is_newest =
        at >= subscription.told_at && (paid.period_end >= subscription.current_period_end || changes_plan);
    if let Some(terms) = latest
        && is_newest
        && !is_first
    {
        subscription.terms = terms.clone();
    }
    subscription.current_period_end = if is_newest && changes_plan && !is_first {
        paid.period_end.or(subscription.current_period_end)
    } else {
        subscription.current_period_end.max(paid.period_end)
    };
    let is_begun = subscription.state == SubscriptionState::Incomplete;
    if subscription.state != SubscriptionState::Canceled && (is_newest || is_begun) {
        subscription.state = SubscriptionState::Active;
        subscription.told_at = subscription.told_at.max(at);
    }
    before != (subscription.state, subscription.current_period_end, subscription.terms.plan_id.clone())
}

/// How far this installation's clock may be from a provider's.
const CLOCKS_DIFFER: Duration = Duration::minutes(5);

/// Whether an answer is newer than all that is known: nothing has changed since it was asked for.
pub fn is_newest(subscription: &Subscription, fact: &SubscriptionFact) -> bool {
    fact.revision == Some(subscription.revision)
}

/// Whether words contradict others of about the same time, so that only the provider knows which came last. Providers
/// tell whole seconds, events arrive in any order, and an answer has the time of this installation's clock and may
/// have been read before a change whose event was faster. The question is then put again, and its answer counts unless
/// something has changed meanwhile. Before the first payment the state says nothing: the payment settles it.
pub fn is_unclear(subscription: &Subscription, fact: &SubscriptionFact, standing: &Standing) -> bool {
    let has_begun = |state| state != SubscriptionState::Incomplete;
    let differs_in_state =
        subscription.state != standing.state && has_begun(subscription.state) && has_begun(standing.state);
    let differs_in_end = subscription.cancel_at_period_end != standing.cancel_at_period_end;
    (fact.at - subscription.told_at).abs() <= CLOCKS_DIFFER
        && !is_newest(subscription, fact)
        && subscription.state != SubscriptionState::Canceled
        && (differs_in_state || differs_in_end)
}

/// Takes over how a subscription stands; says whether anything changed. An older report changes nothing, except that
/// the end of a subscription is final: it counts whenever it was reported, because an answer carries the time of this
/// installation's clock and an event that of the provider's.
pub fn stand(subscription: &mut Subscription, at: Timestamp, standing: &Standing) -> bool {
    let is_end = standing.state == SubscriptionState::Canceled;
    if subscription.state == SubscriptionState::Canceled || (at < subscription.told_at && !is_end) {
        return false;
    }
    let before = (subscription.state, subscription.cancel_at_period_end, subscription.current_period_end);
    // The provider may call it active before the first payment has reached us: paid is what the ledger knows.
    let unpaid = subscription.state == SubscriptionState::Incomplete
        && standing.state == SubscriptionState::Active
        && subscription.current_period_end.is_none();
    // Times are whole seconds: of one second, the beginning comes before all else, and a failure after what failed.
    let is_before = standing.state == SubscriptionState::Incomplete
        || (at == subscription.told_at
            && subscription.state == SubscriptionState::PastDue
            && standing.state == SubscriptionState::Active);
    if !unpaid && !is_before {
        subscription.state = standing.state;
    }
    subscription.cancel_at_period_end = standing.cancel_at_period_end;
    if !unpaid && standing.current_period_end.is_some() {
        subscription.current_period_end = subscription.current_period_end.max(standing.current_period_end);
    }
    if standing.state == SubscriptionState::Canceled {
        subscription.canceled_at = Some(at);
    }
    subscription.told_at = subscription.told_at.max(at);
    before != (subscription.state, subscription.cancel_at_period_end, subscription.current_period_end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::payments::Provider;
    use crate::plans::Interval;
    use crate::subscriptions::{News, PriceOf};
    use kernel::clock::Timestamp;
    use kernel::ids::{PaymentId, SubscriptionId, UserId, WalletId};
    use kernel::money::Currency;
    use proptest::prelude::*;

    const NOW: Timestamp = time::macros::datetime!(2026-11-24 08:00 UTC);

    fn terms(plan: &str, price: i64, credits: i64) -> Terms {
        Terms {
            plan_id: plan.to_owned(),
            interval: Interval::Month,
            price: Money::new(price, Currency::USD),
            credits: Credits::from_whole(credits).unwrap(),
            rollover: false,
            provider_price: Some(format!("price_{plan}")),
        }
    }

    fn line(plan: &str, amount: i64) -> Line {
        Line { price: Some(format!("price_{plan}")), amount, is_proration: false }
    }

    fn plans() -> [Terms; 2] {
        [terms("pro", 999, 10_000), terms("team", 2_999, 40_000)]
    }

    fn whole(credits: i64) -> Option<Credits> {
        Some(Credits::from_whole(credits).unwrap())
    }

    #[test]
    fn a_period_grants_what_the_plan_says() {
        assert_eq!(worth(&[line("pro", 999)], &plans()), whole(10_000));
        assert_eq!(worth(&[line("pro", 999), line("other", 500)], &plans()), whole(10_000));
        assert_eq!(worth(&[line("pro", 1_998)], &plans()), whole(20_000));
        assert_eq!(worth(&[line("other", 999)], &plans()), None);
        assert_eq!(worth(&[Line { price: None, amount: 999, is_proration: false }], &plans()), None);
    }

    #[test]
    fn an_upgrade_is_worth_the_difference_and_a_downgrade_less_than_nothing() {
        let half = worth(&[line("pro", -499), line("team", 1_500)], &plans()).unwrap();
        let exact = (40_000 * 1_500 * 999 - 10_000 * 499 * 2_999) / (2_999 * 999);
        assert_eq!(half.floor_whole(), exact);
        let back = worth(&[line("team", -1_500), line("pro", 499)], &plans()).unwrap();
        assert!(back.is_negative());
    }

    #[test]
    fn the_price_of_the_terms_is_learned_from_what_was_paid_for_them() {
        let made = Terms { provider_price: None, ..terms("pro", 999, 10_000) };
        let price = |terms: &Terms, lines: &[Line], is_first| price_of_terms(terms, lines, is_first);
        assert_eq!(price(&made, &[line("made", 999)], true).as_deref(), Some("price_made"));
        // The event of a later period may arrive first: it costs as much.
        assert_eq!(
            price(&made, &[line("setup", 500), line("made", 999)], false).as_deref(),
            Some("price_made")
        );
        assert_eq!(price(&made, &[line("team", 2_999)], false), None);
        // By now another price stands for the plan: the one that was paid is the subscription's.
        let moved = terms("pro", 999, 10_000);
        assert_eq!(price(&moved, &[line("old", 999)], true).as_deref(), Some("price_old"));
        assert_eq!(price(&moved, &[line("old", 999)], false), None);
        assert_eq!(price(&moved, &[line("pro", 999)], true), None);
    }

    fn subscription() -> Subscription {
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
            current_period_end: Some(NOW + Duration::days(30)),
            terms: terms("pro", 999, 10_000),
            created_at: NOW,
            told_at: NOW,
            revision: 3,
            canceled_at: None,
            told_plan: None,
            carried: Credits::ZERO,
        }
    }

    fn paid(plan: &str, amount: i64) -> Paid {
        Paid {
            payment: "in_2".to_owned(),
            is_first: None,
            money: Money::new(amount, Currency::USD),
            due: None,
            net: None,
            total: None,
            lines: vec![line(plan, amount)],
            price_of: PriceOf::Payment,
            period_start: Some(NOW),
            period_end: Some(NOW + Duration::days(30)),
            receipt_url: None,
            invoice: None,
        }
    }

    #[test]
    fn what_was_paid_earlier_does_not_bring_the_plan_back_that_it_was_paid_for() {
        let mut subscription = subscription();
        let upgrade = NOW + Duration::seconds(9);
        assert!(record_payment(&mut subscription, upgrade, &paid("team", 1_500), false, &plans()));
        assert_eq!(subscription.terms.plan_id, "team");
        for is_first in [true, false] {
            assert!(!record_payment(&mut subscription, NOW, &paid("pro", 999), is_first, &plans()));
            assert_eq!(subscription.terms.plan_id, "team");
        }
        // Nor does it undo that a later payment failed.
        subscription.state = SubscriptionState::PastDue;
        assert!(!record_payment(&mut subscription, NOW, &paid("pro", 999), true, &plans()));
        assert!(record_payment(&mut subscription, upgrade, &paid("team", 1_500), false, &plans()));
        assert_eq!(subscription.state, SubscriptionState::Active);
    }

    #[test]
    fn of_one_second_the_beginning_comes_first_and_a_failure_last() {
        let mut subscription = subscription();
        let (begun, standing) = told(NOW, SubscriptionState::Incomplete);
        assert!(!stand(&mut subscription, begun.at, &standing));
        let (failed, standing) = told(NOW, SubscriptionState::PastDue);
        assert!(stand(&mut subscription, failed.at, &standing));
        let (renewed, standing) = told(NOW, SubscriptionState::Active);
        assert!(!stand(&mut subscription, renewed.at, &standing));
        assert_eq!(subscription.state, SubscriptionState::PastDue);
        let (recovered, standing) = told(NOW + Duration::seconds(1), SubscriptionState::Active);
        assert!(stand(&mut subscription, recovered.at, &standing));
    }

    #[test]
    fn words_of_about_one_time_that_contradict_each_other_are_asked_about() {
        use SubscriptionState::{Active, Canceled, Incomplete, PastDue};
        let unclear = |known: SubscriptionState, told_state: SubscriptionState, ends: bool| {
            let (fact, standing) = told(NOW, told_state);
            let standing = Standing { cancel_at_period_end: ends, ..standing };
            is_unclear(&Subscription { state: known, ..subscription() }, &fact, &standing)
        };
        assert!(unclear(Active, PastDue, false) && unclear(PastDue, Active, false));
        assert!(unclear(Active, Active, true));
        assert!(!unclear(Active, Active, false));
        // The first payment settles the state, but not whether it ends; and what is over is over.
        assert!(!unclear(Incomplete, Active, false) && !unclear(Active, Incomplete, false));
        assert!(unclear(Incomplete, Active, true));
        assert!(!unclear(Canceled, Active, false));
        // A clock that is ahead or behind is no reason to pass over what changed, or to believe what was before.
        let known = subscription();
        for (seconds, is_near) in [(-600, false), (-90, true), (0, true), (90, true), (600, false)] {
            let (fact, standing) = told(NOW + Duration::seconds(seconds), PastDue);
            assert_eq!(is_unclear(&known, &fact, &standing), is_near, "{seconds}");
            // Nothing has changed since the question: the answer counts, whatever its time.
            let answer = SubscriptionFact { revision: Some(known.revision), ..fact.clone() };
            assert!(!is_unclear(&known, &answer, &standing) && is_newest(&known, &answer));
            let stale = SubscriptionFact { revision: Some(known.revision - 1), ..fact };
            assert_eq!(is_unclear(&known, &stale, &standing), is_near);
        }
    }

    #[test]
    fn less_money_or_another_kind_of_it_contradicts() {
        let subscription = subscription();
        let contradiction = |paid: Paid| {
            let (fact, _) = told(NOW, SubscriptionState::Active);
            contradiction(&subscription, &SubscriptionFact { news: News::Paid(paid), ..fact })
        };
        let due = |due| Paid { due: Some(due), ..paid("pro", 999) };
        assert_eq!(contradiction(due(999)), None);
        // With tax.
        assert_eq!(contradiction(due(900)), None);
        assert_eq!(contradiction(due(1_000)), Some(Contradiction::Amount));
        let euros = Paid { money: Money::new(999, "eur".parse().unwrap()), ..paid("pro", 999) };
        assert_eq!(contradiction(euros), Some(Contradiction::Currency));
    }

    fn told(at: Timestamp, state: SubscriptionState) -> (SubscriptionFact, Standing) {
        let standing = Standing { state, cancel_at_period_end: false, current_period_end: None, price: None };
        let fact = SubscriptionFact {
            provider: Provider::Stripe,
            livemode: false,
            subscription: "sub_1".to_owned(),
            installation: None,
            payment_id: None,
            user_id: None,
            customer: None,
            at,
            revision: None,
            news: News::Standing(standing.clone()),
        };
        (fact, standing)
    }

    #[test]
    fn old_words_and_words_after_the_end_change_nothing() {
        let mut subscription = subscription();
        let (late, standing) = told(NOW - Duration::seconds(1), SubscriptionState::PastDue);
        assert!(!stand(&mut subscription, late.at, &standing));
        let (end, standing) = told(NOW + Duration::days(1), SubscriptionState::Canceled);
        assert!(stand(&mut subscription, end.at, &standing));
        let (after, standing) = told(NOW + Duration::days(2), SubscriptionState::Active);
        assert!(!stand(&mut subscription, after.at, &standing));
        assert_eq!(subscription.state, SubscriptionState::Canceled);
    }

    proptest! {
        #[test]
        fn no_lines_grant_more_than_what_was_paid_for(amounts in prop::collection::vec(-5_000..5_000_i64, 0..6)) {
            let lines: Vec<Line> = amounts.iter().map(|amount| line("pro", *amount)).collect();
            let paid: i64 = amounts.iter().sum();
            let credits = worth(&lines, &plans()).unwrap_or(Credits::ZERO);
            // Each line loses less than a millionth.
            let exact = i128::from(paid) * 10_000_000_000 / 999;
            prop_assert!((i128::from(credits.millionths()) - exact).abs() <= 6);
        }
    }
}
