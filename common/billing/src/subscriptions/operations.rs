//! Applying what providers say about subscriptions: each paid period becomes a payment, which is credited as every
//! payment is.

use sqlx::PgConnection;

use super::period_payments::{payment_fact, payment_of_period};
use super::periods;
use super::price_paid::{Named, first_price, price_paid};
use super::rules::{self, stand};
use super::{Line, News, Paid, PriceOf, Standing, Subscription, SubscriptionFact, SubscriptionState, store};
use crate::payments::{Payment, PlanPeriod, periods as payment_periods, store as payments};
use crate::plans::operations::{plan, plan_by_provider_price, terms_sold};
use crate::plans::{Interval, Terms};
use crate::provider_events::record::{answered, quarantine, record};
use crate::provider_events::{
    ApplyError, Contradiction, Effect, Event, EventOutcome, IgnoreReason, PaymentNews, Statement,
};
use crate::reversals::operations::adopt;
use crate::settlement::{self, SettlementItem};
use kernel::clock::Timestamp;
use kernel::ids::{SubscriptionId, UserId, WalletId};
use kernel::money::{Credits, Money};
use ledger::grants;

/// The subscription of a user: one that is not over, if there is one, else the last.
///
/// # Errors
/// Database errors only.
pub async fn newest_of_user(
    connection: &mut PgConnection,
    user: &UserId,
) -> Result<Option<Subscription>, sqlx::Error> {
    store::newest_of_user(connection, user).await
}

/// The other subscriptions of the same wallet that are not over: each of them bills.
///
/// # Errors
/// Database errors only.
pub async fn others_live(
    connection: &mut PgConnection,
    subscription: &Subscription,
) -> Result<Vec<SubscriptionId>, sqlx::Error> {
    store::others_live(connection, subscription.wallet_id, subscription.id).await
}

/// Wallets for which more than one subscription bills, each with these subscriptions.
///
/// # Errors
/// Database errors only.
pub async fn doubled(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Vec<(WalletId, Vec<SubscriptionId>)>, sqlx::Error> {
    let mut found = store::doubled(connection, limit).await?;
    found.retain(|(_, subscriptions)| subscriptions.len() > 1);
    Ok(found)
}

/// Applies a fact in the caller's transaction, in which nothing else is done: it locks the subscription, then its
/// payment, then the wallet. Applying it again changes nothing.
///
/// # Errors
/// [`ApplyError`]; the transaction is then to be rolled back.
pub async fn apply(
    connection: &mut PgConnection,
    now: Timestamp,
    event: Option<&Event>,
    fact: &SubscriptionFact,
) -> Result<Vec<Effect>, ApplyError> {
    // Events carry whole seconds: with its fraction, the time of an answer would lie after that of a later event.
    let fact = &SubscriptionFact { at: fact.at.truncate_to_second(), ..fact.clone() };
    let effects = apply_fact(connection, now, event, fact).await?;
    let is_quarantined = effects.iter().any(|effect| matches!(effect, Effect::Quarantined { .. }));
    if event.is_none() && !is_quarantined {
        answered(connection, now, &[said(fact)]).await?;
    }
    Ok(effects)
}

/// Has a period be paid by what a fact reports although the fact contradicts what was agreed on, because an operator
/// says so; none if it reports no payment for a subscription of ours. A period that is paid for is not paid again:
/// then an effect says that the fact is in quarantine, and the transaction is to be rolled back.
pub(crate) async fn accept(
    connection: &mut PgConnection,
    now: Timestamp,
    fact: &SubscriptionFact,
) -> Result<Option<Vec<Effect>>, ApplyError> {
    let News::Paid(paid) = &fact.news else { return Ok(None) };
    let Some(mut subscription) = find(connection, now, fact).await? else { return Ok(None) };
    subscription.provider_customer = fact.customer.clone().or(subscription.provider_customer);
    // The operator takes the price that is named for the one that was paid for.
    let paid = &Paid { price_of: PriceOf::Payment, ..paid.clone() };
    let context = Told { now, event: None, fact, is_accepted: true };
    take_payment(connection, context, subscription, paid).await.map(Some)
}

/// A fact, and what is known of it besides.
#[derive(Clone, Copy)]
struct Told<'a> {
    now: Timestamp,
    event: Option<&'a Event>,
    fact: &'a SubscriptionFact,
    /// Whether an operator has it count, whatever it contradicts.
    is_accepted: bool,
}

fn said(fact: &SubscriptionFact) -> Statement {
    Statement::Subscription(Box::new(fact.clone()))
}

async fn apply_fact(
    connection: &mut PgConnection,
    now: Timestamp,
    event: Option<&Event>,
    fact: &SubscriptionFact,
) -> Result<Vec<Effect>, ApplyError> {
    let Some(mut subscription) = find(connection, now, fact).await? else {
        if fact.payment_id.is_some() && fact.installation.is_some() {
            let unknown = Contradiction::UnknownOrder;
            return Ok(quarantine(connection, now, event, fact.payment_id, unknown, said(fact)).await?);
        }
        // Without the id of an order, or our mark, it is a subscription that another product sells on the same account.
        record(connection, now, event, None, EventOutcome::Ignored(IgnoreReason::NoOrder)).await?;
        return Ok(Vec::new());
    };
    if let Some(contradiction) = rules::contradiction(&subscription, fact) {
        let id = Some(subscription.payment_id);
        return Ok(quarantine(connection, now, event, id, contradiction, said(fact)).await?);
    }
    subscription.provider_customer = subscription.provider_customer.or_else(|| fact.customer.clone());
    match &fact.news {
        News::Paid(paid) => {
            let told = Told { now, event, fact, is_accepted: false };
            take_payment(connection, told, subscription, paid).await
        }
        News::PaymentFailed => {
            let changed = subscription.state == SubscriptionState::Active && fact.at >= subscription.told_at;
            if changed {
                subscription.state = SubscriptionState::PastDue;
                subscription.told_at = fact.at;
            }
            conclude(connection, now, event, subscription, changed).await
        }
        News::Standing(standing) => take_standing(connection, now, event, fact, subscription, standing).await,
    }
}

async fn take_standing(
    connection: &mut PgConnection,
    now: Timestamp,
    event: Option<&Event>,
    fact: &SubscriptionFact,
    mut subscription: Subscription,
    standing: &Standing,
) -> Result<Vec<Effect>, ApplyError> {
    // What is newest by its cause is newest whatever the clocks say.
    let at = if rules::is_newest(&subscription, fact) { fact.at.max(subscription.told_at) } else { fact.at };
    let is_unclear = rules::is_unclear(&subscription, fact, standing);
    let is_news = at >= subscription.told_at;
    let mut changed = stand(&mut subscription, at, standing);
    if is_news && subscription.state != SubscriptionState::Canceled {
        changed |= show_plan(connection, &mut subscription, standing).await?;
    }
    let id = subscription.id;
    let mut effects = conclude(connection, now, event, subscription, changed).await?;
    if is_unclear {
        let revision = Some(store::revision(connection, id).await?);
        let object_id = fact.subscription.clone();
        effects.push(Effect::Verify { provider: fact.provider, object_id, revision });
    }
    Ok(effects)
}

/// Takes over which plan the provider says a subscription is on; says whether that is news. It is shown from now on and
/// grants nothing: what is paid for it does, and makes it the terms.
async fn show_plan(
    connection: &mut PgConnection,
    subscription: &mut Subscription,
    standing: &Standing,
) -> Result<bool, sqlx::Error> {
    let Some(price) = &standing.price else { return Ok(false) };
    let told = if subscription.terms.provider_price.as_ref() == Some(price) {
        None
    } else {
        let terms = terms_by_price(connection, subscription, price).await?;
        let told = terms.map(|terms| PlanPeriod { plan_id: terms.plan_id, interval: terms.interval });
        told.filter(|told| (told.plan_id.as_str(), told.interval) != subscription.terms_period())
    };
    let is_news = told != subscription.told_plan;
    subscription.told_plan = told;
    Ok(is_news)
}

/// The subscription that a fact is about, locked. The first fact that names our order makes it.
async fn find(
    connection: &mut PgConnection,
    now: Timestamp,
    fact: &SubscriptionFact,
) -> Result<Option<Subscription>, sqlx::Error> {
    let (provider, id) = (fact.provider, fact.subscription.as_str());
    if let Some(known) = store::subscription_lock(connection, provider, id).await? {
        return Ok(Some(known));
    }
    let Some(payment_id) = fact.payment_id else { return Ok(None) };
    let Some(order) = payments::payment_by_id(connection, payment_id).await? else { return Ok(None) };
    if order.provider != provider {
        return Ok(None);
    }
    let Some(terms) = terms_of(connection, &order).await? else { return Ok(None) };
    let new = Subscription {
        id: SubscriptionId::new(),
        user_id: order.user_id,
        wallet_id: order.wallet_id,
        payment_id,
        provider,
        provider_subscription: id.to_owned(),
        provider_customer: order.provider_customer,
        livemode: order.livemode,
        state: SubscriptionState::Incomplete,
        cancel_at_period_end: false,
        current_period_end: None,
        terms,
        told_plan: None,
        created_at: now,
        // No event has reported its state yet.
        told_at: Timestamp::UNIX_EPOCH,
        revision: 0,
        canceled_at: None,
        carried: Credits::ZERO,
    };
    store::subscription_insert(connection, &new).await?;
    // Paid on two pages, perhaps of two providers: a person decides which of them ends.
    store::doubled_note(connection, now, new.id).await?;
    store::subscription_lock(connection, provider, id).await
}

/// What was agreed on when the order was made: its credits and price are the order's, before a coupon.
async fn terms_of(connection: &mut PgConnection, order: &Payment) -> Result<Option<Terms>, sqlx::Error> {
    let Some(period) = &order.plan else { return Ok(None) };
    let Some(stored) = plan(connection, &period.plan_id).await? else { return Ok(None) };
    let at_provider = stored.plan.terms_at(order.provider, period.interval);
    let price = order.amount.minor.saturating_add(order.discount_minor);
    Ok(Some(Terms {
        plan_id: period.plan_id.clone(),
        interval: period.interval,
        price: Money::new(price, order.amount.currency),
        credits: order.credits,
        rollover: stored.plan.rollover,
        provider_price: at_provider.and_then(|terms| terms.provider_price),
    }))
}

async fn take_payment(
    connection: &mut PgConnection,
    told: Told<'_>,
    mut subscription: Subscription,
    paid: &Paid,
) -> Result<Vec<Effect>, ApplyError> {
    let Told { now, event, fact, is_accepted } = told;
    let Some(order) = payments::payment_by_id(connection, subscription.payment_id).await? else {
        let id = Some(subscription.payment_id);
        return Ok(quarantine(connection, now, event, id, Contradiction::UnknownOrder, said(fact)).await?);
    };
    let is_first = rules::is_first(&subscription, &order, paid);
    let paid = &with_prices_paid(connection, &subscription, paid, is_first).await?;
    if let Some(price) = rules::price_of_terms(&subscription.terms, &paid.lines, is_first) {
        subscription.terms.provider_price = Some(price);
    }
    let known = known_terms(connection, &subscription, paid).await?;
    take_over_carried(connection, &mut subscription).await?;
    let (payment_id, made_up) = if is_first {
        let mut made_up = Credits::ZERO;
        if !order.state.is_paid() {
            let share = periods::settle(connection, now, &mut subscription, paid, order.credits).await?;
            payment_periods::payment_grants(connection, order.id, share.granted).await?;
            made_up = share.made_up;
        }
        (order.id, made_up)
    } else {
        match payment_of_period(connection, now, &mut subscription, &order, paid, &known).await? {
            Some(made) => made,
            None => {
                let id = Some(subscription.payment_id);
                return Ok(
                    quarantine(connection, now, event, id, Contradiction::UnknownPlan, said(fact)).await?
                );
            }
        }
    };
    // Judged by the plan that was paid for, which may not be the one of the period before.
    let terms = rules::terms_paid_for(paid, &known).filter(|_| !is_first).unwrap_or(&subscription.terms);
    periods::record(connection, now, &subscription, payment_id, paid, terms, made_up).await?;
    adopt(connection, fact.provider, &paid.payment, payment_id).await?;
    let money = if is_first { rules::charged(paid) } else { paid.money };
    let news = PaymentNews::Fact(Box::new(payment_fact(fact, paid, payment_id, money)));
    let item = SettlementItem { event, news: &news, about: Some(fact), is_accepted };
    let mut effects = settlement::apply(connection, now, &[item]).await?;
    if effects.iter().any(|effect| matches!(effect, Effect::Quarantined { .. })) {
        // A person decides on the payment; it is not settled again.
        store::carried_write(connection, &subscription).await?;
        return Ok(effects);
    }
    let before = subscription.terms.clone();
    let renewed = rules::record_payment(&mut subscription, fact.at, paid, is_first, &known);
    let told = subscription.told_plan.as_ref();
    let is_reached =
        told.is_some_and(|told| (told.plan_id.as_str(), told.interval) == subscription.terms_period());
    if is_reached || before.plan_id != subscription.terms.plan_id {
        subscription.told_plan = None;
    }
    end_periods(connection, now, &subscription).await?;
    store::subscription_write(connection, &subscription).await?;
    // Two that began in the same moment did not see each other.
    store::doubled_note(connection, now, subscription.id).await?;
    if renewed {
        effects.push(Effect::Subscription(Box::new(subscription)));
    }
    Ok(effects)
}

/// A payment with the prices that it was for in its lines, and none where that cannot be told.
async fn with_prices_paid(
    connection: &mut PgConnection,
    subscription: &Subscription,
    paid: &Paid,
    is_first: bool,
) -> Result<Paid, sqlx::Error> {
    if paid.price_of == PriceOf::Payment {
        return Ok(paid.clone());
    }
    let own = &subscription.terms;
    let sold = terms_sold(connection, subscription.provider, own.price.currency).await?;
    let is_in_paid_period = is_in_paid_period(connection, subscription, paid).await?;
    let is_unchanged = paid.price_of == PriceOf::UnchangedSubscription;
    let price_of = |line: &Line| {
        let named =
            Named { price: line.price.as_deref()?, amount: line.amount, is_unchanged, is_in_paid_period };
        let price = if is_first { first_price(&named, own, &sold) } else { price_paid(&named, own, &sold) };
        price.map(str::to_owned)
    };
    let lines = paid.lines.iter().map(|line| Line { price: price_of(line), ..line.clone() }).collect();
    Ok(Paid { lines, ..paid.clone() })
}

/// Whether another payment has paid for the time that a payment is for.
async fn is_in_paid_period(
    connection: &mut PgConnection,
    subscription: &Subscription,
    paid: &Paid,
) -> Result<bool, sqlx::Error> {
    let Some((start, end)) = paid.period_start.zip(paid.period_end) else { return Ok(false) };
    let known = payments::payment_by_provider_id(connection, &paid.payment).await?.map(|payment| payment.id);
    let paid_for = store::periods_since(connection, subscription.id, start).await?;
    Ok(paid_for.iter().any(|period| period.begins_at < end && Some(period.payment) != known))
}

/// What a customer's subscriptions carry is the customer's: the balance at the provider pays whichever comes next.
async fn take_over_carried(
    connection: &mut PgConnection,
    subscription: &mut Subscription,
) -> Result<(), ApplyError> {
    if let Some(customer) = subscription.provider_customer.clone() {
        let carried = store::carried_take(connection, subscription, &customer).await?;
        subscription.carried = subscription.carried.checked_add(carried)?;
    }
    Ok(())
}

/// The terms of a subscription and of all plans that a payment names.
async fn known_terms(
    connection: &mut PgConnection,
    subscription: &Subscription,
    paid: &Paid,
) -> Result<Vec<Terms>, sqlx::Error> {
    let mut known = vec![subscription.terms.clone()];
    for price in paid.lines.iter().filter_map(|line| line.price.as_deref()) {
        if known.iter().all(|terms| terms.provider_price.as_deref() != Some(price)) {
            known.extend(terms_by_price(connection, subscription, price).await?);
        }
    }
    Ok(known)
}

/// The terms of another plan, which a provider's price stands for.
async fn terms_by_price(
    connection: &mut PgConnection,
    subscription: &Subscription,
    price: &str,
) -> Result<Option<Terms>, sqlx::Error> {
    let Some(plan) = plan_by_provider_price(connection, price).await? else { return Ok(None) };
    let both = [Interval::Month, Interval::Year].into_iter();
    let mut all = both.filter_map(|interval| plan.terms_at(subscription.provider, interval));
    Ok(all.find(|terms| {
        terms.provider_price.as_deref() == Some(price)
            && terms.price.currency == subscription.terms.price.currency
    }))
}

/// Has what is left of paid periods lapse with them, where nothing will extend them any more.
async fn end_periods(
    connection: &mut PgConnection,
    now: Timestamp,
    subscription: &Subscription,
) -> Result<(), sqlx::Error> {
    let since = now.saturating_sub(rules::RENEWAL_GRACE);
    let paid_for = store::periods_since(connection, subscription.id, since).await?;
    let is_over = subscription.state == SubscriptionState::Canceled;
    grants::end(connection, subscription.wallet_id, &rules::endings(&paid_for, is_over, now)).await
}

async fn conclude(
    connection: &mut PgConnection,
    now: Timestamp,
    event: Option<&Event>,
    subscription: Subscription,
    changed: bool,
) -> Result<Vec<Effect>, ApplyError> {
    let outcome = if changed { EventOutcome::Applied(None) } else { EventOutcome::NoChange(None) };
    record(connection, now, event, Some(subscription.payment_id), outcome).await?;
    store::subscription_write(connection, &subscription).await?;
    if changed && subscription.state == SubscriptionState::Canceled {
        // No renewal comes: what was paid for lasts until the end of its period, and no longer.
        end_periods(connection, now, &subscription).await?;
    }
    Ok(if changed { vec![Effect::Subscription(Box::new(subscription))] } else { Vec::new() })
}
