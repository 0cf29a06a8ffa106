//! The payment that a paid period is, among the payments.

use kernel::clock::Timestamp;
use kernel::ids::PaymentId;
use kernel::money::{Credits, Money};
use sqlx::PgConnection;

use super::{Paid, Subscription, SubscriptionFact, periods, rules};
use crate::payments::ordering::payment_create;
use crate::payments::{
    Fact, Item, Kind, Mode, NewOrder, Payment, PlanPeriod, Progress, Stage, store as payments,
};
use crate::plans::Terms;
use crate::provider_events::ApplyError;

/// The payment of a later period, and how much of its worth makes up for what was carried on. That is nothing if the
/// payment is recorded already; otherwise it is made. None if no plan was paid for.
pub(super) async fn payment_of_period(
    connection: &mut PgConnection,
    now: Timestamp,
    subscription: &mut Subscription,
    first: &Payment,
    paid: &Paid,
    known: &[Terms],
) -> Result<Option<(PaymentId, Credits)>, ApplyError> {
    if let Some(payment) = payments::payment_by_provider_id(connection, &paid.payment).await? {
        return Ok((payment.wallet_id == subscription.wallet_id).then_some((payment.id, Credits::ZERO)));
    }
    let worth = if paid.lines.is_empty() {
        Some(subscription.terms.credits)
    } else {
        rules::worth(&paid.lines, known)
    };
    let Some(worth) = worth else { return Ok(None) };
    // Once for each payment, because the payment is made here.
    let share = periods::settle(connection, now, subscription, paid, worth).await?;
    let order = NewOrder {
        user_id: subscription.user_id.clone(),
        wallet_id: subscription.wallet_id,
        organization_id: first.organization_id,
        dialect: first.dialect,
        kind: Kind::Subscription,
        provider: subscription.provider,
        mode: Mode::Subscription,
        livemode: subscription.livemode,
        items: vec![Item {
            pack_id: None,
            name: first.summary.clone(),
            quantity: 1,
            credits: share.granted,
            amount_minor: paid.money.minor,
        }],
        credits: share.granted,
        amount: paid.money,
        summary: first.summary.clone(),
        return_urls: None,
        expires_at: now,
        plan: Some(PlanPeriod {
            plan_id: subscription.terms.plan_id.clone(),
            interval: subscription.terms.interval,
        }),
        redemption: None,
        expires_after_days: None,
        labels: first.labels.clone(),
        request: None,
    };
    let payment = payment_create(connection, now, &order).await?;
    Ok(Some((payment.id, share.made_up)))
}

/// The payment's part of a fact.
pub(super) fn payment_fact(
    fact: &SubscriptionFact,
    paid: &Paid,
    payment_id: PaymentId,
    money: Money,
) -> Fact {
    Fact {
        provider: fact.provider,
        livemode: fact.livemode,
        stage: Stage::Paid,
        installation: fact.installation.clone(),
        payment_id: Some(payment_id),
        user_id: fact.user_id.clone(),
        session: None,
        provider_payment: Some(paid.payment.clone()),
        customer: fact.customer.clone(),
        mode: Some(Mode::Subscription),
        money: Some(money),
        discount_minor: None,
        progress: Progress {
            payment_status: Some("paid".to_owned()),
            receipt_url: paid.receipt_url.clone(),
            // An invoice for a smaller plan may come to less than nothing.
            charged_minor: paid.total.filter(|total| *total > 0),
            invoice: paid.invoice.as_deref().cloned(),
            ..Progress::default()
        },
    }
}
