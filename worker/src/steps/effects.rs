//! What follows from what was applied: jobs and notices in the outbox, counts and log lines for operators.

use billing::payments::{Kind, Payment, State};
use billing::provider_events::Effect;
use billing::provider_events::VerifyObject;
use billing::reversals::Reversed;
use billing::subscriptions::Subscription;
use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::OutboxId;
use notices::{Notice, SendNotices};
use serde_json::{Value, json};
use sqlx::PgConnection;

/// Writes what follows from effects into the outbox.
pub(crate) async fn write_to_outbox(
    connection: &mut PgConnection,
    now: Timestamp,
    effects: &[Effect],
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let mut written = Vec::new();
    let notices: Vec<Notice> = effects.iter().filter_map(|effect| notice(now, effect)).collect();
    if !notices.is_empty() {
        let job = SendNotices { notices };
        written.push(outbox::insert(connection, now, &job).await?);
    }
    for effect in effects {
        match effect {
            Effect::Job(id) => written.push(*id),
            Effect::Verify { provider, object_id } => {
                let job = VerifyObject { provider: *provider, object_id: object_id.clone() };
                written.push(outbox::insert(connection, now, &job).await?);
            }
            Effect::Reversed(reversed) => written.extend(&reversed.jobs),
            Effect::Credited { .. }
            | Effect::Disputed(_)
            | Effect::Ended(_)
            | Effect::Subscription(_)
            | Effect::Unordered { .. }
            | Effect::Quarantined { .. } => {}
        }
    }
    Ok(written)
}

/// The notice for everyone who may see the wallet, if there is one.
fn notice(now: Timestamp, effect: &Effect) -> Option<Notice> {
    let (payment, body) = match effect {
        Effect::Credited { payment, balance } => {
            let body = json!({"type": "credits.added", "credits": payment.granted().to_json(),
                              "balance": balance.to_json(), "paymentId": payment.number});
            (payment, body)
        }
        // An automatic recharge has notices of its own.
        Effect::Ended(payment) if payment.kind == Kind::AutoRecharge => return None,
        Effect::Ended(payment) => {
            let kind = if payment.state == State::Expired { "payment.expired" } else { "payment.failed" };
            (payment, json!({"type": kind, "paymentId": payment.number}))
        }
        Effect::Reversed(reversed) => (&reversed.payment, reversal_body(reversed)),
        Effect::Subscription(subscription) => return Some(subscription_notice(now, subscription)),
        Effect::Disputed(_)
        | Effect::Unordered { .. }
        | Effect::Quarantined { .. }
        | Effect::Job(_)
        | Effect::Verify { .. } => {
            return None;
        }
    };
    Some(Notice::new(now, payment.wallet_id, body))
}

/// Credits that followed their money. How many is always a positive number.
fn reversal_body(reversed: &Reversed) -> Value {
    let (kind, credits) = match reversed.credits.checked_neg() {
        Ok(removed) if removed.is_positive() => ("credits.removed", removed),
        _ => ("credits.restored", reversed.credits),
    };
    json!({"type": kind, "credits": credits.to_json(), "balance": reversed.balance.to_json(),
           "paymentId": reversed.payment.number, "reason": reversed.kind.as_str()})
}

fn subscription_notice(now: Timestamp, subscription: &Subscription) -> Notice {
    let body = json!({"type": "subscription.updated", "subscriptionId": subscription.id,
                      "planId": subscription.terms.plan_id, "status": subscription.state.as_str(),
                      "cancelAtPeriodEnd": subscription.cancel_at_period_end});
    Notice::new(now, subscription.wallet_id, body)
}

/// Counts and logs effects for operators; an error for what a person has to look at.
pub(crate) fn report(effects: &[Effect]) {
    for effect in effects {
        match effect {
            Effect::Credited { payment, balance } => {
                metrics::counter!("purser_payments_credited_total", "provider" => payment.provider.as_str())
                    .increment(1);
                let Payment { id, wallet_id, user_id, credits, amount, .. } = &**payment;
                let provider = payment.provider.as_str();
                tracing::info!(payment = %id, wallet = %wallet_id, user = %user_id, provider, %credits, %amount,
                               %balance, "a payment is credited");
            }
            Effect::Quarantined { event_id, payment_id, contradiction } => {
                let reason = contradiction.as_str();
                metrics::counter!("purser_events_quarantined_total", "reason" => reason).increment(1);
                tracing::error!(
                    event = event_id.as_ref().map(display),
                    payment = payment_id.as_ref().map(display),
                    reason,
                    "an authentic event contradicts its order: nothing was credited; \
                     see GET /purser/v1/provider-events?state=open"
                );
            }
            Effect::Unordered { event_id } => {
                metrics::counter!("purser_unordered_payments_total").increment(1);
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
                metrics::counter!("purser_subscriptions_changed_total", "state" => state).increment(1);
                tracing::debug!(subscription = %subscription.id, state, "a subscription changed");
            }
            Effect::Job(_) => {}
            Effect::Reversed(reversed) => {
                let kind = reversed.kind.as_str();
                metrics::counter!("purser_payments_reversed_total", "kind" => kind).increment(1);
                let Reversed { payment, credits, shortfall, .. } = reversed;
                tracing::info!(payment = %payment.id, kind, %credits, %shortfall, "credits followed their money");
            }
            Effect::Disputed(payment) => {
                metrics::counter!("purser_disputes_total").increment(1);
                tracing::warn!(payment = %payment.id, "a payment is disputed");
            }
            Effect::Verify { object_id, .. } => tracing::debug!(object_id, "the provider will be asked"),
        }
    }
}
