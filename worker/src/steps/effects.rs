//! What follows from what was applied: jobs and notices in the outbox, counts and log lines for operators.

use std::borrow::Cow;

use billing::payments::Payment;
use billing::payments::events::{ended_event, order, order_event};
use billing::provider_events::Effect;
use billing::provider_events::VerifyObject;
use billing::reversals::Reversed;
use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, WalletId};
use kernel::metrics::{Counter, NONE, catalogue};
use kernel::money::Money;
use notices::{Amount, Event, MoneyValue, tell_all};
use sqlx::PgConnection;

/// Writes what follows from effects into the outbox.
pub(crate) async fn write_to_outbox(
    connection: &mut PgConnection,
    now: Timestamp,
    effects: &[Effect],
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let events: Vec<(WalletId, Event)> = effects.iter().flat_map(events).collect();
    let mut written: Vec<OutboxId> = tell_all(connection, now, &events).await?.into_iter().collect();
    for effect in effects {
        match effect {
            Effect::Job(id) => written.push(*id),
            Effect::Verify { provider, object_id, revision } => {
                let (provider, revision) = (*provider, *revision);
                let job = VerifyObject { provider, object_id: object_id.clone(), revision };
                written.push(outbox::insert(connection, now, &job).await?);
            }
            Effect::Reversed(reversed) => written.extend(&reversed.jobs),
            Effect::Credited { .. }
            | Effect::Disputed(_)
            | Effect::Ended(_)
            | Effect::Refunded { .. }
            | Effect::Subscription(_)
            | Effect::Unordered { .. }
            | Effect::Quarantined { .. } => {}
        }
    }
    Ok(written)
}

/// What everyone who may see the wallet is told.
fn events(effect: &Effect) -> Vec<(WalletId, Event)> {
    let (wallet, events) = match effect {
        Effect::Credited { payment, balance } => {
            let added = Event::CreditsAdded {
                credits: Amount(payment.granted()),
                balance: Amount(*balance),
                payment_id: payment.number,
                order_id: payment.id,
            };
            (payment.wallet_id, [order_event(payment), Some(added)])
        }
        Effect::Ended(payment) => (payment.wallet_id, [order_event(payment), ended_event(payment)]),
        Effect::Reversed(reversed) => (reversed.payment.wallet_id, [Some(reversal(reversed)), None]),
        Effect::Refunded { payment, refunded_minor } => {
            let refunded = MoneyValue::from(Money::new(*refunded_minor, payment.amount.currency));
            let event = Event::OrderRefunded { order: order(payment), refunded };
            (payment.wallet_id, [Some(event), None])
        }
        Effect::Subscription(subscription) => {
            let event = Event::SubscriptionUpdated {
                subscription_id: subscription.id,
                plan_id: subscription.terms.plan_id.clone(),
                status: subscription.state.as_str(),
                cancel_at_period_end: subscription.cancel_at_period_end,
            };
            (subscription.wallet_id, [Some(event), None])
        }
        Effect::Disputed(_)
        | Effect::Unordered { .. }
        | Effect::Quarantined { .. }
        | Effect::Job(_)
        | Effect::Verify { .. } => return Vec::new(),
    };
    events.into_iter().flatten().map(|event| (wallet, event)).collect()
}

/// Credits that followed their money. How many is always a positive number.
fn reversal(reversed: &Reversed) -> Event {
    let Reversed { payment, balance, kind, .. } = reversed;
    let (balance, payment_id, order_id) = (Amount(*balance), payment.number, payment.id);
    let reason = kind.as_str();
    match reversed.credits.checked_neg() {
        Ok(removed) if removed.is_positive() => {
            Event::CreditsRemoved { credits: Amount(removed), balance, payment_id, order_id, reason }
        }
        _ => {
            let credits = Amount(reversed.credits);
            Event::CreditsRestored { credits, balance, payment_id, order_id, reason }
        }
    }
}

/// Counts and logs effects for operators; an error for what a person has to look at.
pub(crate) fn report(effects: &[Effect]) {
    for effect in effects {
        match effect {
            Effect::Credited { payment, balance } => {
                let Payment { id, wallet_id, user_id, credits, amount, .. } = &**payment;
                let provider = payment.provider.as_str();
                catalogue::PAYMENTS_CREDITED.increment([provider]);
                count_money(&catalogue::MONEY_RECEIVED, payment, amount.minor);
                tracing::info!(payment = %id, wallet = %wallet_id, user = %user_id, provider, %credits, %amount,
                               %balance, "a payment is credited");
            }
            Effect::Quarantined { event_id, payment_id, contradiction } => {
                let reason = contradiction.as_str();
                catalogue::EVENTS_QUARANTINED.increment([reason]);
                tracing::error!(
                    event = event_id.as_ref().map(display),
                    payment = payment_id.as_ref().map(display),
                    reason,
                    "an authentic event contradicts its order: nothing was credited; \
                     see GET /purser/v1/provider-events?state=open"
                );
            }
            Effect::Unordered { event_id } => {
                catalogue::UNORDERED_PAYMENTS.increment(NONE);
                tracing::warn!(
                    event = event_id.as_ref().map(display),
                    "money came through a Payment Link that names no order: nothing was credited"
                );
            }
            Effect::Ended(payment) => {
                tracing::debug!(payment = %payment.id, state = payment.state.as_str(), "a payment ended unpaid");
            }
            Effect::Subscription(subscription) => {
                let state = subscription.state.as_str();
                catalogue::SUBSCRIPTIONS_CHANGED.increment([state]);
                tracing::info!(subscription = %subscription.id, state, "a subscription changed");
            }
            Effect::Job(_) => {}
            Effect::Reversed(reversed) => {
                let kind = reversed.kind.as_str();
                catalogue::PAYMENTS_REVERSED.increment([kind]);
                let Reversed { payment, credits, shortfall, .. } = reversed;
                tracing::info!(payment = %payment.id, kind, %credits, %shortfall, "credits followed their money");
            }
            Effect::Refunded { payment, refunded_minor } => {
                count_money(&catalogue::MONEY_REFUNDED, payment, *refunded_minor);
                tracing::info!(payment = %payment.id, refunded_minor, "money of an order went back");
            }
            Effect::Disputed(payment) => {
                catalogue::DISPUTES.increment(NONE);
                tracing::warn!(payment = %payment.id, "a payment is disputed");
            }
            Effect::Verify { object_id, .. } => tracing::debug!(object_id, "the provider will be asked"),
        }
    }
}

fn count_money(metric: &Counter<2>, payment: &Payment, minor: i64) {
    let currency = payment.amount.currency.as_str().to_owned();
    metric.add([Cow::Borrowed(payment.provider.as_str()), Cow::Owned(currency)], minor);
}
