//! What a paid invoice grants, and how a subscription's state moves. Pure.

use super::{Line, Standing, Subscription, SubscriptionFact, SubscriptionState};
use crate::domain::payments::rules::Contradiction;
use crate::domain::plans::Terms;
use crate::money::Credits;

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
    match &subscription.provider_customer {
        Some(ours) if differs(fact.customer.as_deref(), ours) => Some(Contradiction::Customer),
        _ => None,
    }
}

/// What paid lines grant. A line of a full period grants what the terms say; a part of a period, as on a change of
/// plan, grants that part, and what is given back is taken off. Discounts are not in the lines: a coupon cuts the
/// price, not the credits. A downgrade takes nothing back. None if no line is for a plan of ours.
pub fn granted(lines: &[Line], terms: &[Terms]) -> Option<Credits> {
    let mut sum: Option<i128> = None;
    for line in lines {
        let known = |terms: &&Terms| terms.provider_price.is_some() && terms.provider_price == line.price;
        let Some(terms) = terms.iter().find(known) else { continue };
        let part = match terms.price.minor {
            // A plan that costs nothing is a whole period, whatever the line says.
            0 => i128::from(terms.credits.millionths()),
            // Truncated towards zero: the seller keeps fractions, and gives none back.
            price => i128::from(terms.credits.millionths()) * i128::from(line.amount) / i128::from(price),
        };
        sum = Some(sum.unwrap_or(0).saturating_add(part));
    }
    let sum = sum?.clamp(0, i128::from(i64::MAX));
    i64::try_from(sum).ok().map(Credits::from_millionths)
}

/// Takes over how a subscription stands; says whether anything changed. Words older than what is known change
/// nothing, and what is over stays over.
pub fn stand(subscription: &mut Subscription, fact: &SubscriptionFact, standing: &Standing) -> bool {
    if fact.at < subscription.told_at || subscription.state == SubscriptionState::Canceled {
        return false;
    }
    let before = (subscription.state, subscription.cancel_at_period_end, subscription.current_period_end);
    // The provider may call it active before the first payment has reached us: paid is what the ledger knows.
    let unpaid = subscription.state == SubscriptionState::Incomplete
        && standing.state == SubscriptionState::Active
        && subscription.current_period_end.is_none();
    if !unpaid {
        subscription.state = standing.state;
    }
    subscription.cancel_at_period_end = standing.cancel_at_period_end;
    if !unpaid && standing.current_period_end.is_some() {
        subscription.current_period_end = subscription.current_period_end.max(standing.current_period_end);
    }
    if standing.state == SubscriptionState::Canceled {
        subscription.canceled_at = Some(fact.at);
    }
    subscription.told_at = fact.at;
    before != (subscription.state, subscription.cancel_at_period_end, subscription.current_period_end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::clock::Timestamp;
    use crate::domain::payments::Provider;
    use crate::domain::plans::Interval;
    use crate::domain::subscriptions::News;
    use crate::ids::{PaymentId, SubscriptionId, UserId, WalletId};
    use crate::money::{Currency, Money};
    use proptest::prelude::*;
    use time::Duration;

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
        Line { price: Some(format!("price_{plan}")), amount }
    }

    fn plans() -> [Terms; 2] {
        [terms("pro", 999, 10_000), terms("team", 2_999, 40_000)]
    }

    fn whole(credits: i64) -> Option<Credits> {
        Some(Credits::from_whole(credits).unwrap())
    }

    #[test]
    fn a_period_grants_what_the_plan_says() {
        assert_eq!(granted(&[line("pro", 999)], &plans()), whole(10_000));
        assert_eq!(granted(&[line("pro", 999), line("other", 500)], &plans()), whole(10_000));
        assert_eq!(granted(&[line("pro", 1_998)], &plans()), whole(20_000));
        assert_eq!(granted(&[line("other", 999)], &plans()), None);
        assert_eq!(granted(&[Line { price: None, amount: 999 }], &plans()), None);
    }

    #[test]
    fn an_upgrade_grants_the_difference_and_a_downgrade_takes_nothing_back() {
        let half = granted(&[line("pro", -499), line("team", 1_500)], &plans()).unwrap();
        let exact = (40_000 * 1_500 * 999 - 10_000 * 499 * 2_999) / (2_999 * 999);
        assert_eq!(half.floor_whole(), exact);
        assert_eq!(granted(&[line("team", -1_500), line("pro", 499)], &plans()), whole(0));
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
            canceled_at: None,
        }
    }

    fn told(at: Timestamp, state: SubscriptionState) -> (SubscriptionFact, Standing) {
        let standing = Standing { state, cancel_at_period_end: false, current_period_end: None, price: None };
        let fact = SubscriptionFact {
            provider: Provider::Stripe,
            livemode: false,
            subscription: "sub_1".to_owned(),
            payment_id: None,
            user_id: None,
            customer: None,
            at,
            news: News::Standing(standing.clone()),
        };
        (fact, standing)
    }

    #[test]
    fn old_words_and_words_after_the_end_change_nothing() {
        let mut subscription = subscription();
        let (late, standing) = told(NOW - Duration::seconds(1), SubscriptionState::PastDue);
        assert!(!stand(&mut subscription, &late, &standing));
        let (end, standing) = told(NOW + Duration::days(1), SubscriptionState::Canceled);
        assert!(stand(&mut subscription, &end, &standing));
        let (after, standing) = told(NOW + Duration::days(2), SubscriptionState::Active);
        assert!(!stand(&mut subscription, &after, &standing));
        assert_eq!(subscription.state, SubscriptionState::Canceled);
    }

    proptest! {
        #[test]
        fn no_lines_grant_more_than_what_was_paid_for(amounts in prop::collection::vec(-5_000..5_000_i64, 0..6)) {
            let lines: Vec<Line> = amounts.iter().map(|amount| line("pro", *amount)).collect();
            let paid: i64 = amounts.iter().sum();
            let credits = granted(&lines, &plans()).unwrap_or(Credits::ZERO);
            prop_assert!(!credits.is_negative());
            // Each line loses less than a millionth.
            let worth = i128::from(paid.max(0)) * 10_000_000_000 / 999;
            prop_assert!(i128::from(credits.millionths()) <= worth + 6);
        }
    }
}
