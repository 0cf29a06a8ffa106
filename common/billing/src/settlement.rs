//! Settlement: the transaction in which what providers say about payments becomes states, credits, the end of
//! recharges and, for money that is known to have gone back, credits taken back.

use std::collections::{BTreeSet, HashMap};

use kernel::clock::Timestamp;
use kernel::ids::PaymentId;
use ledger::operations::post;
use ledger::{Change, Movement, Posted};
use sqlx::PgConnection;

use crate::auto_recharge::conclusion::{conclude_runs, credits_came};
use crate::coupons::operations as coupons;
use crate::payments::acceptance::payment_accept;
use crate::payments::movements::{bonus, purchase};
use crate::payments::rules::{self, Decision};
use crate::payments::{Fact, Payment, store};
use crate::provider_events::record::{self, EventRow};
use crate::provider_events::{
    ApplyError, Contradiction, Effect, Event, EventOutcome, IgnoreReason, PaymentNews, Statement,
};
use crate::reversals::Policy;
use crate::reversals::operations::follow_money;
use crate::subscriptions::SubscriptionFact;

/// What one event or answer says about a payment.
#[derive(Clone, Copy, Debug)]
pub struct SettlementItem<'a> {
    pub event: Option<&'a Event>,
    pub news: &'a PaymentNews,
    /// What is said about a subscription, where the news follow from that.
    pub about: Option<&'a SubscriptionFact>,
    /// Whether an operator has the order be paid, whatever the fact contradicts.
    pub is_accepted: bool,
}

/// Applies a batch in the caller's transaction. Applying anything again changes nothing.
///
/// # Errors
/// [`ApplyError`]; the transaction is then to be rolled back.
pub async fn apply(
    connection: &mut PgConnection,
    now: Timestamp,
    items: &[SettlementItem<'_>],
) -> Result<Vec<Effect>, ApplyError> {
    let found = find(connection, items).await?;
    let ids: BTreeSet<PaymentId> = found.iter().flatten().copied().collect();
    let ids: Vec<PaymentId> = ids.into_iter().collect();
    // Payments before wallets, both in the order of their ids: concurrent batches cannot deadlock.
    let locked = store::payments_lock(connection, &ids).await?;
    let mut batch = Batch {
        now,
        payments: locked.into_iter().map(|payment| (payment.id, payment)).collect(),
        changed: BTreeSet::new(),
        credits: Vec::new(),
        accepted: Vec::new(),
        ended: Vec::new(),
        events: Vec::new(),
        answered: Vec::new(),
        effects: Vec::new(),
    };
    for (item, payment_id) in items.iter().zip(found) {
        batch.take(*item, payment_id);
    }
    batch.write(connection).await
}

/// The order that each item is about, if it is about one.
async fn find(
    connection: &mut PgConnection,
    items: &[SettlementItem<'_>],
) -> Result<Vec<Option<PaymentId>>, sqlx::Error> {
    let facts: Vec<&Fact> = items.iter().filter_map(SettlementItem::fact).collect();
    let unnamed: Vec<&Fact> = facts.into_iter().filter(|fact| fact.payment_id.is_none()).collect();
    let by_provider_id = if unnamed.is_empty() {
        HashMap::new()
    } else {
        let keys: Vec<&str> = unnamed
            .iter()
            .flat_map(|fact| [&fact.session, &fact.provider_payment])
            .flatten()
            .map(String::as_str)
            .collect();
        store::ids_by_provider_ids(connection, &keys).await?
    };
    let known = |key: &Option<String>| key.as_ref().and_then(|key| by_provider_id.get(key).copied());
    Ok(items
        .iter()
        .map(|item| {
            let fact = item.fact()?;
            fact.payment_id.or_else(|| known(&fact.session)).or_else(|| known(&fact.provider_payment))
        })
        .collect())
}

impl<'a> SettlementItem<'a> {
    /// What an event or answer says.
    pub fn new(event: Option<&'a Event>, news: &'a PaymentNews) -> Self {
        Self { event, news, about: None, is_accepted: false }
    }

    fn statement(&self) -> Option<Statement> {
        let about = self.about.map(|fact| Statement::Subscription(Box::new(fact.clone())));
        about.or_else(|| self.fact().map(|fact| Statement::Payment(Box::new(fact.clone()))))
    }

    fn fact(&self) -> Option<&'a Fact> {
        match self.news {
            PaymentNews::Fact(fact) => Some(fact),
            PaymentNews::Ignored(_) | PaymentNews::NeedsVerification => None,
        }
    }
}

struct Batch<'a> {
    now: Timestamp,
    payments: HashMap<PaymentId, Payment>,
    changed: BTreeSet<PaymentId>,
    credits: Vec<PaymentId>,
    accepted: Vec<PaymentId>,
    ended: Vec<PaymentId>,
    events: Vec<EventRow<'a>>,
    answered: Vec<Statement>,
    effects: Vec<Effect>,
}

impl<'a> Batch<'a> {
    fn take(&mut self, item: SettlementItem<'a>, payment_id: Option<PaymentId>) {
        let outcome = match item.news {
            PaymentNews::Ignored(reason) => EventOutcome::Ignored(*reason),
            PaymentNews::NeedsVerification => self.ask(item),
            PaymentNews::Fact(fact) => self.take_fact(item, fact, payment_id),
        };
        if outcome == EventOutcome::Ignored(IgnoreReason::Unordered) {
            let event_id = item.event.map(|event| event.id.clone());
            self.effects.push(Effect::Unordered { event_id });
        }
        let row = match item.is_accepted {
            true => None,
            false => EventRow::new(self.now, item.event, payment_id, outcome, || item.statement()),
        };
        if let EventOutcome::Quarantined(contradiction) = outcome {
            let event_id = row.as_ref().map(|row| row.event.id.clone());
            self.effects.push(Effect::Quarantined { event_id, payment_id, contradiction });
        } else if item.event.is_none() && !item.is_accepted {
            self.answered.extend(item.statement());
        }
        self.events.extend(row);
    }

    fn ask(&mut self, item: SettlementItem<'_>) -> EventOutcome {
        let asked = item.event.and_then(|event| Some((event.provider, event.object_id.clone()?)));
        let Some((provider, object_id)) = asked else { return EventOutcome::Ignored(IgnoreReason::NoObject) };
        self.effects.push(Effect::Verify { provider, object_id, revision: None });
        EventOutcome::SentToVerify
    }

    fn take_fact(
        &mut self,
        item: SettlementItem<'_>,
        fact: &Fact,
        payment_id: Option<PaymentId>,
    ) -> EventOutcome {
        let Some(id) = payment_id else { return EventOutcome::Ignored(IgnoreReason::NoOrder) };
        let decision = match self.payments.get_mut(&id) {
            Some(payment) if item.is_accepted => rules::accept(payment, fact, self.now),
            Some(payment) => rules::decide(payment, fact, self.now),
            // Who does not carry our mark may name orders of another product.
            None if fact.installation.is_none() => return EventOutcome::Ignored(IgnoreReason::NoOrder),
            None => Decision::Quarantine(Contradiction::UnknownOrder),
        };
        match decision {
            Decision::Nothing => return EventOutcome::NoChange(None),
            Decision::Quarantine(contradiction) => return EventOutcome::Quarantined(contradiction),
            Decision::Credit => {
                self.credits.push(id);
                self.accepted.extend(item.is_accepted.then_some(id));
            }
            Decision::Ended(_) => {
                self.ended.push(id);
                let ended = self.payments.get(&id).cloned();
                self.effects.extend(ended.map(|payment| Effect::Ended(Box::new(payment))));
            }
            Decision::Noted => {}
        }
        self.changed.insert(id);
        EventOutcome::Applied(None)
    }

    async fn write(mut self, connection: &mut PgConnection) -> Result<Vec<Effect>, ApplyError> {
        let settled = self.credits.iter().chain(&self.ended);
        let settled: Vec<&Payment> = settled.filter_map(|id| self.payments.get(id)).collect();
        let follow = conclude_runs(connection, self.now, &settled).await?;
        self.effects.extend(follow.into_iter().map(Effect::Job));
        let credited: Vec<&Payment> = self.credits.iter().filter_map(|id| self.payments.get(id)).collect();
        if !credited.is_empty() {
            // The bonus first: the notified balance is the one after the purchase.
            let movements: Vec<Movement> =
                credited.iter().flat_map(|payment| [bonus(payment), purchase(payment)]).flatten().collect();
            let posted = post(connection, self.now, &movements).await?;
            self.effects.extend(posted.jobs.into_iter().map(Effect::Job));
            for (movement, posted) in movements.iter().zip(posted.each) {
                self.effects.extend(credit_effect(&self.payments, movement, posted)?);
            }
            let told = credits_came(connection, self.now, &credited).await?;
            self.effects.extend(told.into_iter().map(Effect::Job));
        }
        let changed: Vec<&Payment> = self.changed.iter().filter_map(|id| self.payments.get(id)).collect();
        if !changed.is_empty() {
            store::payments_write(connection, &changed).await?;
        }
        for payment in self.accepted.iter().filter_map(|id| self.payments.get(id)) {
            payment_accept(connection, payment).await?;
        }
        let unused: Vec<PaymentId> = changed
            .iter()
            .filter(|payment| payment.has_coupon() && !payment.state.is_open() && !payment.state.is_paid())
            .map(|payment| payment.id)
            .collect();
        if !unused.is_empty() {
            coupons::give_back(connection, &unused).await?;
        }
        self.follow_money(connection).await?;
        if !self.events.is_empty() {
            let fresh = record::insert(connection, self.now, &self.events).await?;
            // A contradiction is reported once, however often its event is delivered.
            self.effects.retain(|effect| match effect {
                Effect::Quarantined { event_id: Some(id), .. } | Effect::Unordered { event_id: Some(id) } => {
                    fresh.contains(id)
                }
                _ => true,
            });
        }
        record::answered(connection, self.now, &self.answered).await?;
        Ok(self.effects)
    }

    /// Takes back at once what was credited just now for money that is known to have gone back before.
    async fn follow_money(&mut self, connection: &mut PgConnection) -> Result<(), ApplyError> {
        for id in &self.credits {
            let Some(payment) = self.payments.get_mut(id).filter(|payment| payment.has_reversals) else {
                continue;
            };
            // Nobody could spend it yet, so there is nothing to forgive.
            let followed = follow_money(connection, self.now, Policy::Debt, payment, None).await?;
            self.effects.extend(followed);
        }
        Ok(())
    }
}

fn credit_effect(
    payments: &HashMap<PaymentId, Payment>,
    movement: &Movement,
    posted: Posted,
) -> Result<Option<Effect>, ApplyError> {
    let Change::Grant(grant) = &movement.change else { return Ok(None) };
    // A code that is redeemed grants its bonus alone.
    let is_all = |id: &PaymentId| payments.get(id).is_some_and(|payment| !payment.credits.is_positive());
    let Some(id) = grant.payment_id.or(grant.origin_payment_id.filter(is_all)) else { return Ok(None) };
    match posted {
        Posted::Done { balance, .. } => Ok(payments
            .get(&id)
            .map(|payment| Effect::Credited { payment: Box::new(payment.clone()), balance })),
        // Its state says unpaid, the ledger says credited: the ledger is right, and the state follows it.
        Posted::AlreadyPosted { .. } => Ok(None),
        // A paid order that cannot be credited must not be marked as completed.
        Posted::Refused(refusal) => Err(ApplyError::Ledger { payment: id, refusal }),
    }
}
