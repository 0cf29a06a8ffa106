//! Applies webhooks and the provider's answers: one transaction for a whole batch, in which a payment is marked as
//! paid, its credits are granted, and those who want to know are noted down in the outbox.

use crate::handlers::catalogue::AnyJob;
use crate::providers::{creem, revenuecat, stripe};
use billing::app_stores::operations as app_stores;
use billing::payments::{Kind, Provider, State};
use billing::provider_events::{ApplyError, Content, Effect, Incoming, PaymentNews};
use billing::provider_events::{ApplyProviderEvents, ProviderEvent, VerifyObject};
use billing::reversals::Reversed;
use billing::reversals::operations as reversals;
use billing::settlement::{self, SettlementItem};
use billing::subscriptions::{Subscription, operations as subscriptions};
use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::crash;
use kernel::crash::Step;
use kernel::database;
use kernel::ids::OutboxId;
use kernel::retry;
use messaging::consumer::Outcome;
use notices::{Notice, SendNotices};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{DONE, JobError, Jobs, PATIENCE};
use crate::config::Verify;

/// Something to apply, and the job of the batch that brought it.
struct Unit {
    job: usize,
    incoming: Incoming,
}

impl Jobs {
    /// Applies what the batch has of events and facts; answers for those jobs only.
    pub(super) async fn apply(&self, jobs: &[AnyJob]) -> Vec<Option<Outcome>> {
        let mut outcomes: Vec<Option<Outcome>> = vec![None; jobs.len()];
        let mut units = Vec::new();
        for (index, (job, outcome)) in jobs.iter().zip(&mut outcomes).enumerate() {
            match job {
                AnyJob::ApplyProviderEvents(job) => {
                    *outcome = Some(self.read_events(index, job, &mut units).await);
                }
                AnyJob::ApplyPaymentFact(job) => {
                    // Answered after it was applied, to whoever waits for that.
                    *outcome = Some(Outcome::Done(Some(json!({ "applied": true }))));
                    let content = Content::Payment(PaymentNews::Fact(job.fact.clone()));
                    units.push(Unit { job: index, incoming: Incoming { event: None, content } });
                }
                AnyJob::ApplySubscriptionFact(job) => {
                    *outcome = Some(DONE);
                    let content = Content::Subscription(job.fact.clone());
                    units.push(Unit { job: index, incoming: Incoming { event: None, content } });
                }
                AnyJob::ApplyPaymentReversal(job) => {
                    *outcome = Some(DONE);
                    let content = Content::Reversal(job.fact.clone());
                    units.push(Unit { job: index, incoming: Incoming { event: None, content } });
                }
                _ => {}
            }
        }
        // What cannot be applied now is tried later with its whole job: applying the rest again changes nothing.
        for (index, failure) in self.apply_units(&units).await {
            if let Some(outcome) = outcomes.get_mut(index) {
                *outcome = Some(failure);
            }
        }
        outcomes
    }

    async fn read_events(&self, index: usize, job: &ApplyProviderEvents, units: &mut Vec<Unit>) -> Outcome {
        for event in &job.events {
            match self.read(event) {
                Ok(incoming) => units.push(Unit { job: index, incoming }),
                // Signed, so genuine, but not readable: it goes to the dead letters alone.
                Err(reason) => {
                    let alone = AnyJob::from(ApplyProviderEvents { events: vec![event.clone()] });
                    if self.publisher.dead_letter(&alone, &reason).await.is_err() {
                        return JobError::Broker.into_outcome();
                    }
                }
            }
        }
        DONE
    }

    /// Applies all units in one transaction or, if that is refused, each in its own; returns what failed.
    async fn apply_units(&self, units: &[Unit]) -> Vec<(usize, Outcome)> {
        // What is about a subscription, an app store or a reversal takes other locks, so it never shares a transaction.
        let (together, alone): (Vec<&Unit>, Vec<&Unit>) =
            units.iter().partition(|unit| matches!(unit.incoming.content, Content::Payment(_)));
        let mut failed = self.apply_together(&together).await;
        failed.extend(self.apply_each(&alone).await);
        failed
    }

    async fn apply_together(&self, units: &[&Unit]) -> Vec<(usize, Outcome)> {
        if units.is_empty() {
            return Vec::new();
        }
        let all: Vec<&Incoming> = units.iter().map(|unit| &unit.incoming).collect();
        let Err(error) = self.apply_once(&all).await else { return Vec::new() };
        if units.len() == 1 || error.is_transient() {
            let failure = JobError::from(error).into_outcome();
            return units.iter().map(|unit| (unit.job, failure.clone())).collect();
        }
        tracing::warn!(%error, count = units.len(), "a batch was refused; applying one by one");
        self.apply_each(units).await
    }

    async fn apply_each(&self, units: &[&Unit]) -> Vec<(usize, Outcome)> {
        let mut failed = Vec::new();
        for unit in units {
            if let Err(error) = self.apply_once(&[&unit.incoming]).await {
                failed.push((unit.job, JobError::from(error).into_outcome()));
            }
        }
        failed
    }

    async fn apply_once(&self, incoming: &[&Incoming]) -> Result<(), ApplyError> {
        let (effects, written) =
            retry::with_patience(PATIENCE, ApplyError::is_transient, || self.apply_transaction(incoming))
                .await?;
        self.publish_soon(written);
        report(&effects);
        Ok(())
    }

    async fn apply_transaction(
        &self,
        incoming: &[&Incoming],
    ) -> Result<(Vec<Effect>, Vec<OutboxId>), ApplyError> {
        let (now, policy) = (self.clock.now(), self.reversals);
        let mut transaction = self.pool.begin().await?;
        let (mut effects, mut items) = (Vec::new(), Vec::new());
        for Incoming { event, content } in incoming {
            let event = event.as_ref();
            match content {
                Content::Payment(news) => items.push(SettlementItem { event, news }),
                Content::Subscription(fact) => {
                    effects.extend(subscriptions::apply(&mut transaction, now, event, fact).await?);
                }
                Content::Store(fact) => {
                    effects.extend(app_stores::apply(&mut transaction, now, policy, event, fact).await?);
                }
                Content::Reversal(fact) => {
                    effects.extend(reversals::apply(&mut transaction, now, policy, event, fact).await?);
                }
            }
        }
        if !items.is_empty() {
            effects.extend(settlement::apply(&mut transaction, now, &items).await?);
        }
        let written = note_down(&mut transaction, now, &effects).await?;
        crash::point(Step::Written, "batch");
        transaction.commit().await?;
        crash::point(Step::Committed, "batch");
        Ok((effects, written))
    }

    fn read(&self, event: &ProviderEvent) -> Result<Incoming, String> {
        let (body, at, trust) = (event.body.get(), event.received_at, self.verify == Verify::Auto);
        if event.provider != Provider::Revenuecat && database::has_nul(body.as_bytes()) {
            return Err("an event with the character U+0000, which cannot be stored".to_owned());
        }
        match event.provider {
            Provider::Stripe => stripe::event::read(body, at, trust).map_err(|error| error.to_string()),
            Provider::Creem => creem::event::read(body, at, trust).map_err(|error| error.to_string()),
            // There is nobody to ask: RevenueCat gives us no key, and the event proves itself.
            Provider::Revenuecat => revenuecat::event::read(body, at, &self.revenuecat_environments)
                .map_err(|error| error.to_string()),
            Provider::Manual => Err("nobody sends events of the provider manual".to_owned()),
        }
    }
}

/// Writes what follows from effects into the outbox.
pub(super) async fn note_down(
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
            | Effect::Quarantined { .. } => {}
        }
    }
    Ok(written)
}

/// What those who see the wallet are told.
fn notice(now: Timestamp, effect: &Effect) -> Option<Notice> {
    let (payment, body) = match effect {
        Effect::Credited { payment, balance } => {
            let body = json!({"type": "credits.added", "credits": payment.credits.to_json(),
                              "balance": balance.to_json(), "paymentId": payment.number});
            (payment, body)
        }
        // Of those its own notices tell.
        Effect::Ended(payment) if payment.kind == Kind::AutoRecharge => return None,
        Effect::Ended(payment) => {
            let kind = if payment.state == State::Expired { "payment.expired" } else { "payment.failed" };
            (payment, json!({"type": kind, "paymentId": payment.number}))
        }
        Effect::Reversed(reversed) => (&reversed.payment, of_reversal(reversed)),
        Effect::Subscription(subscription) => return Some(about(now, subscription)),
        Effect::Disputed(_) | Effect::Quarantined { .. } | Effect::Job(_) | Effect::Verify { .. } => {
            return None;
        }
    };
    Some(Notice::new(now, payment.wallet_id, body))
}

/// What they are told of credits that followed their money; how much is always positive.
fn of_reversal(reversed: &Reversed) -> Value {
    let (kind, credits) = match reversed.credits.checked_neg() {
        Ok(removed) if removed.is_positive() => ("credits.removed", removed),
        _ => ("credits.restored", reversed.credits),
    };
    json!({"type": kind, "credits": credits.to_json(), "balance": reversed.balance.to_json(),
           "paymentId": reversed.payment.number, "reason": reversed.kind.as_str()})
}

/// What they are told of a subscription.
fn about(now: Timestamp, subscription: &Subscription) -> Notice {
    let body = json!({"type": "subscription.updated", "subscriptionId": subscription.id,
                      "planId": subscription.terms.plan_id, "status": subscription.state.as_str(),
                      "cancelAtPeriodEnd": subscription.cancel_at_period_end});
    Notice::new(now, subscription.wallet_id, body)
}

/// Tells operators: counts, and an alert for what a person has to look at.
pub(super) fn report(effects: &[Effect]) {
    for effect in effects {
        match effect {
            Effect::Credited { payment, .. } => {
                metrics::counter!("purser_payments_credited_total", "provider" => payment.provider.as_str())
                    .increment(1);
                tracing::debug!(payment = %payment.id, credits = %payment.credits, "credited");
            }
            Effect::Quarantined { event_id, payment_id, contradiction } => {
                let reason = contradiction.as_str();
                metrics::counter!("purser_events_quarantined_total", "reason" => reason).increment(1);
                tracing::error!(?event_id, payment = ?payment_id, reason,
                    "an authentic event contradicts its order: nothing was credited; \
                     see GET /admin/provider-events?outcome=quarantined");
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
