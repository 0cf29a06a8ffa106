//! Ordering, and applying what providers say: the transaction in which money becomes credits.

use std::collections::{BTreeSet, HashMap};

use sqlx::{PgConnection, PgPool};

use super::events::{self, EventRow};
use super::movements::{bonus, purchase};
use super::rules::{self, Contradiction, Decision};
use super::store;
use super::{Fact, NewOrder, Payment, Provider, Stage};
use crate::app_stores::StoreFact;
use crate::auto_recharge::settlement;
use crate::coupons::{Unacceptable, operations as coupons};
use crate::reversals::operations::{Reversed, settle};
use crate::reversals::{Policy, ReversalFact};
use crate::subscriptions::{Subscription, SubscriptionFact};
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, PaymentId};
use kernel::money::Credits;
use ledger::operations::post;
use ledger::{Change, Movement, NewGrant, Posted};

/// Why an order is not taken.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Its coupon is used up.
    #[error(transparent)]
    Coupon(#[from] Unacceptable),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl OrderError {
    /// The error of an order that uses no coupon, so that only the database can have refused it.
    pub(crate) fn without_coupon(self) -> sqlx::Error {
        match self {
            Self::Database(error) => error,
            Self::Coupon(error) => sqlx::Error::Decode(error.into()),
        }
    }
}

/// Stores an order, and uses its coupon, in the caller's transaction.
///
/// # Errors
/// [`OrderError`]; the transaction is then to be rolled back.
pub async fn order_create(
    connection: &mut PgConnection,
    now: Timestamp,
    order: &NewOrder,
) -> Result<Payment, OrderError> {
    let id = PaymentId::new();
    store::payment_insert(connection, now, id, order).await?;
    store::items_insert(connection, id, &order.items).await?;
    if let Some(redemption) = &order.redemption {
        coupons::take(connection, now, id, &order.user_id, redemption).await??;
    }
    Ok(store::payment_by_id(connection, id).await?.ok_or(sqlx::Error::RowNotFound)?)
}

/// Records that the provider's page for an order is open.
///
/// # Errors
/// Database errors only.
pub async fn checkout_opened(pool: &PgPool, id: PaymentId, opened: &Opened) -> Result<(), sqlx::Error> {
    store::checkout_opened(&mut *pool.acquire().await?, id, opened).await
}

/// A page that a provider has opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its session.
    pub session: String,
    /// Where the buyer pays.
    pub url: String,
    /// The provider's payment, where it exists before paying.
    pub provider_payment: Option<String>,
    /// The provider's customer it was opened for, where that is known before paying.
    pub customer: Option<String>,
    /// Until when it is open.
    pub expires_at: Timestamp,
}

/// Locks an order and says how it is. If its page cannot be paid on any more, but the order can on another, the page
/// is let go of, so that opening one opens the next.
///
/// # Errors
/// Database errors only.
pub async fn reopen(
    connection: &mut PgConnection,
    now: Timestamp,
    id: PaymentId,
) -> Result<Option<Payment>, sqlx::Error> {
    let mut payment = store::payments_lock(connection, &[id]).await?.pop();
    if let Some(payment) = &mut payment
        && rules::reopen(payment, now)
    {
        store::payments_write(connection, &[payment]).await?;
    }
    Ok(payment)
}

/// Records that the provider refuses an order, and gives its coupon back.
///
/// # Errors
/// Database errors only.
pub async fn checkout_refused(pool: &PgPool, id: PaymentId, reason: &str) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    if store::payment_fail(&mut transaction, id, reason).await? {
        coupons::give_back(&mut transaction, &[id]).await?;
    }
    transaction.commit().await
}

/// Something to apply: a fact, and the event that brought it, if an event did.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The event.
    pub event: Option<Event>,
    /// What it says.
    pub content: Content,
}

/// An event, as far as its record goes.
#[derive(Clone, Debug)]
pub struct Event {
    /// Who sent it.
    pub provider: Provider,
    /// Its id there.
    pub id: String,
    /// Its type there.
    pub kind: String,
    /// The object it is about.
    pub object_id: Option<String>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Its text, kept only if a person has to look at it.
    pub body: String,
}

/// What an event says.
#[derive(Clone, Debug)]
pub enum Content {
    /// This.
    Fact(Box<Fact>),
    /// Nothing that concerns us, because.
    Ignored(&'static str),
    /// This, about a subscription: see [`subscriptions::operations::apply`](crate::subscriptions).
    Subscription(Box<SubscriptionFact>),
    /// This, about a purchase in an app store: see [`app_stores::operations::apply`](crate::app_stores).
    Store(Box<StoreFact>),
    /// This, about a refund or dispute: see [`reversals::operations::apply`](crate::reversals).
    Reversal(Box<ReversalFact>),
    /// Something that it does not prove: ask the provider about its object.
    Unproven,
}

/// What applying led to, for those who want to know.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Credits were granted.
    Credited {
        /// The payment, as it is now.
        payment: Box<Payment>,
        /// The wallet's balance after it.
        balance: Credits,
    },
    /// A payment ended unpaid.
    Ended(Box<Payment>),
    /// A subscription began, went on, changed or ended.
    Subscription(Box<Subscription>),
    /// Credits followed money that went back, or came again.
    Reversed(Reversed),
    /// The buyer's bank asks about a payment, or has taken its money: a reason not to charge the card again unasked.
    Disputed(Box<Payment>),
    /// An event contradicts its order.
    Quarantined {
        /// Which event, if it was one.
        event_id: Option<String>,
        /// The order it names.
        payment_id: Option<PaymentId>,
        /// How.
        contradiction: Contradiction,
    },
    /// A job follows, which is written to the outbox.
    Job(OutboxId),
    /// The provider is to be asked about this object.
    Verify {
        /// Who.
        provider: Provider,
        /// Which object.
        object_id: String,
    },
}

/// Applies a batch in the caller's transaction. Applying anything again changes nothing.
///
/// # Errors
/// Database errors only; the transaction is then to be rolled back.
pub async fn apply(
    connection: &mut PgConnection,
    now: Timestamp,
    incoming: &[Incoming],
) -> Result<Vec<Effect>, sqlx::Error> {
    let found = find(connection, incoming).await?;
    let ids: BTreeSet<PaymentId> = found.iter().flatten().copied().collect();
    let ids: Vec<PaymentId> = ids.into_iter().collect();
    // Payments before wallets, both in the order of their ids: concurrent batches cannot deadlock.
    let locked = store::payments_lock(connection, &ids).await?;
    let mut batch = Batch {
        now,
        payments: locked.into_iter().map(|payment| (payment.id, payment)).collect(),
        changed: BTreeSet::new(),
        credits: Vec::new(),
        ended: Vec::new(),
        events: Vec::new(),
        effects: Vec::new(),
    };
    for (item, payment_id) in incoming.iter().zip(found) {
        batch.take(item, payment_id);
    }
    batch.write(connection).await
}

/// The order that each item is about, if it is about one.
async fn find(
    connection: &mut PgConnection,
    incoming: &[Incoming],
) -> Result<Vec<Option<PaymentId>>, sqlx::Error> {
    let facts: Vec<&Fact> = incoming.iter().filter_map(Incoming::fact).collect();
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
    Ok(incoming
        .iter()
        .map(|item| {
            let fact = item.fact()?;
            fact.payment_id.or_else(|| known(&fact.session)).or_else(|| known(&fact.provider_payment))
        })
        .collect())
}

impl Incoming {
    fn fact(&self) -> Option<&Fact> {
        match &self.content {
            Content::Fact(fact) => Some(fact),
            Content::Ignored(_)
            | Content::Subscription(_)
            | Content::Store(_)
            | Content::Reversal(_)
            | Content::Unproven => None,
        }
    }
}

/// Records what became of an event, if an event it was; says whether it was not recorded before.
pub(crate) async fn record(
    connection: &mut PgConnection,
    now: Timestamp,
    event: Option<&Event>,
    payment_id: Option<PaymentId>,
    outcome: &'static str,
    reason: Option<&'static str>,
) -> Result<bool, sqlx::Error> {
    let Some(event) = event else { return Ok(true) };
    let row = events::row(event, payment_id, outcome, reason);
    Ok(events::insert(connection, now, &[row]).await?.contains(&event.id))
}

struct Batch {
    now: Timestamp,
    payments: HashMap<PaymentId, Payment>,
    changed: BTreeSet<PaymentId>,
    credits: Vec<PaymentId>,
    ended: Vec<PaymentId>,
    events: Vec<EventRow>,
    effects: Vec<Effect>,
}

impl Batch {
    fn take(&mut self, item: &Incoming, payment_id: Option<PaymentId>) {
        let (outcome, reason) = match &item.content {
            Content::Ignored(reason) => ("ignored", Some(*reason)),
            Content::Subscription(_) | Content::Store(_) | Content::Reversal(_) => {
                ("ignored", Some("not_a_payment"))
            }
            Content::Unproven => self.ask(item),
            Content::Fact(fact) => self.take_fact(item, fact, payment_id),
        };
        let Some(event) = &item.event else { return };
        self.events.push(events::row(event, payment_id, outcome, reason));
    }

    fn ask(&mut self, item: &Incoming) -> (&'static str, Option<&'static str>) {
        let asked = item.event.as_ref().and_then(|event| Some((event.provider, event.object_id.clone()?)));
        let Some((provider, object_id)) = asked else { return ("ignored", Some("no_object")) };
        self.effects.push(Effect::Verify { provider, object_id });
        ("sent_to_verify", None)
    }

    fn take_fact(
        &mut self,
        item: &Incoming,
        fact: &Fact,
        payment_id: Option<PaymentId>,
    ) -> (&'static str, Option<&'static str>) {
        let Some(id) = payment_id else { return ("ignored", Some("no_order_of_ours")) };
        let decision = match self.payments.get_mut(&id) {
            Some(payment) => rules::decide(payment, fact, self.now),
            None => Decision::Quarantine(Contradiction::UnknownOrder),
        };
        match decision {
            Decision::Nothing => return ("no_change", None),
            Decision::Quarantine(contradiction) => {
                self.effects.push(Effect::Quarantined {
                    event_id: item.event.as_ref().map(|event| event.id.clone()),
                    payment_id: Some(id),
                    contradiction,
                });
                return ("quarantined", Some(contradiction.as_str()));
            }
            Decision::Credit => self.credits.push(id),
            Decision::Ended(_) => {
                self.ended.push(id);
                self.effects
                    .extend(self.payments.get(&id).cloned().map(|payment| Effect::Ended(Box::new(payment))));
            }
            Decision::Noted => {}
        }
        self.changed.insert(id);
        ("applied", None)
    }

    async fn write(mut self, connection: &mut PgConnection) -> Result<Vec<Effect>, sqlx::Error> {
        let settled = self.credits.iter().chain(&self.ended);
        let settled: Vec<&Payment> = settled.filter_map(|id| self.payments.get(id)).collect();
        let follow = settlement::settle(connection, self.now, &settled).await?;
        self.effects.extend(follow.into_iter().map(Effect::Job));
        let credited: Vec<&Payment> = self.credits.iter().filter_map(|id| self.payments.get(id)).collect();
        if !credited.is_empty() {
            // The bonus first: the balance that is told is the one after the purchase.
            let movements: Vec<Movement> =
                credited.iter().flat_map(|payment| [bonus(payment), purchase(payment)]).flatten().collect();
            let posted = post(connection, self.now, &movements).await?;
            self.effects.extend(posted.jobs.into_iter().map(Effect::Job));
            for (movement, posted) in movements.iter().zip(posted.each) {
                self.effects.extend(credit_effect(&self.payments, movement, posted)?);
            }
        }
        let changed: Vec<&Payment> = self.changed.iter().filter_map(|id| self.payments.get(id)).collect();
        if !changed.is_empty() {
            store::payments_write(connection, &changed).await?;
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
            let fresh = events::insert(connection, self.now, &self.events).await?;
            // A contradiction is reported once, however often its event is delivered.
            self.effects.retain(|effect| match effect {
                Effect::Quarantined { event_id: Some(id), .. } => fresh.contains(id),
                _ => true,
            });
        }
        Ok(self.effects)
    }

    /// Takes back at once what was credited just now for money that is known to have gone back before.
    async fn follow_money(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        for id in &self.credits {
            let Some(payment) = self.payments.get_mut(id).filter(|payment| payment.has_reversals) else {
                continue;
            };
            // Nobody could spend it yet, so there is nothing to forgive.
            let reversed = settle(connection, self.now, Policy::Debt, payment, None).await?;
            self.effects.extend(reversed.map(Effect::Reversed));
        }
        Ok(())
    }
}

fn credit_effect(
    payments: &HashMap<PaymentId, Payment>,
    movement: &Movement,
    posted: Posted,
) -> Result<Option<Effect>, sqlx::Error> {
    let Change::Grant(NewGrant { payment_id: Some(id), .. }) = &movement.change else { return Ok(None) };
    match posted {
        Posted::Done { balance, .. } => Ok(payments
            .get(id)
            .map(|payment| Effect::Credited { payment: Box::new(payment.clone()), balance })),
        // Its state says unpaid, the ledger says credited: the ledger is right, and the state follows it.
        Posted::Before { .. } => Ok(None),
        // A paid order that cannot be credited must not be marked as completed.
        Posted::Refused(refusal) => {
            Err(sqlx::Error::Decode(format!("payment {id} cannot be credited: {refusal}").into()))
        }
    }
}

/// The orders whose time is up and that nobody has looked at since; marks them as looked at.
///
/// # Errors
/// Database errors only.
pub async fn take_stale(
    connection: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<PaymentId>, sqlx::Error> {
    store::payments_take_stale(connection, now, limit).await
}

/// The fact that an order's time is up, for an order that never reached its provider.
pub fn expired_unopened(payment: &Payment) -> Fact {
    Fact {
        provider: payment.provider,
        livemode: payment.livemode,
        stage: Stage::Expired,
        payment_id: Some(payment.id),
        user_id: None,
        session: None,
        provider_payment: None,
        customer: None,
        mode: None,
        money: None,
        session_status: Some("expired".to_owned()),
        payment_status: None,
        payment_intent_status: None,
        receipt_url: None,
        failure: None,
    }
}

/// The fact that an order is given: nobody is charged for it.
pub fn given(payment: &Payment) -> Fact {
    Fact {
        stage: Stage::Paid,
        mode: Some(payment.mode),
        money: Some(payment.amount),
        session_status: None,
        payment_status: Some("no_payment_required".to_owned()),
        ..expired_unopened(payment)
    }
}

/// Whether the caller of a poll should have the provider asked now; at most once in `pause` for each payment.
///
/// # Errors
/// Database errors only.
pub async fn take_check(
    connection: &mut PgConnection,
    now: Timestamp,
    id: PaymentId,
    pause: time::Duration,
) -> Result<bool, sqlx::Error> {
    store::payment_take_check(connection, now, id, now.saturating_sub(pause)).await
}
