//! Applying what providers say about refunds and disputes: the transaction in which credits follow the money.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::rules::{self, Step};
use super::{Account, Policy, Reversal, ReversalFact, ReversalKind, ReversalState, Reversed, store};
use crate::auto_recharge::operations::money_taken_back;
use crate::payments::movements::{PURCHASE_PRIORITY, grant_source};
use crate::payments::{Payment, Provider, store as payments};
use crate::provider_events::record::{answered, quarantine, record};
use crate::provider_events::{
    ApplyError, Contradiction, Effect, Event, EventOutcome, IgnoreReason, Statement,
};
use kernel::clock::Timestamp;
use kernel::ids::{GrantId, OutboxId, PaymentId};
use kernel::money::Credits;
use ledger::operations::{available, lapse, post};
use ledger::{Cause, Change, CounterAccount, EntryNote, Movement, NewGrant, Posted};

/// Applies a fact in the caller's transaction, in which nothing else is done: it locks the object, then the payment,
/// then the wallet. Applying it again, or an older one after it, changes nothing. A payment that is not credited yet
/// is settled when it is; one that is not even known is waited for.
///
/// # Errors
/// [`ApplyError`]; the transaction is then to be rolled back.
pub async fn apply(
    connection: &mut PgConnection,
    now: Timestamp,
    policy: Policy,
    event: Option<&Event>,
    fact: &ReversalFact,
) -> Result<Vec<Effect>, ApplyError> {
    let effects = apply_fact(connection, now, policy, event, fact).await?;
    let is_quarantined = effects.iter().any(|effect| matches!(effect, Effect::Quarantined { .. }));
    if event.is_none() && !is_quarantined {
        answered(connection, now, &[Statement::Reversal(Box::new(fact.clone()))]).await?;
    }
    Ok(effects)
}

async fn apply_fact(
    connection: &mut PgConnection,
    now: Timestamp,
    policy: Policy,
    event: Option<&Event>,
    fact: &ReversalFact,
) -> Result<Vec<Effect>, ApplyError> {
    let Some(mut payment) = find(connection, fact).await? else {
        return wait(connection, now, event, fact).await;
    };
    let id = Some(payment.id);
    if let Some(contradiction) = rules::contradiction(&payment, fact) {
        return contradicted(connection, now, event, &payment, contradiction, fact).await;
    }
    let known = store::reversal(connection, fact.provider, &fact.object_id).await?;
    let Some(reversal) = rules::advance(known.as_ref(), fact) else {
        record(connection, now, event, id, EventOutcome::NoChange(None)).await?;
        return Ok(Vec::new());
    };
    store::reversal_write(connection, now, fact.provider, id, &reversal).await?;
    let mut effects = Vec::new();
    // Before the credits are taken: what is missing then is no reason to charge, for any kind of payment.
    if let Some(reason) = rules::stops_charging(known.as_ref(), &reversal) {
        let jobs = money_taken_back(connection, now, payment.wallet_id, reason).await?;
        effects.extend(jobs.into_iter().map(Effect::Job));
    }
    if payment.state.is_paid() && !rules::is_of(&payment, &fact.provider_payments) {
        record(connection, now, event, id, EventOutcome::Ignored(IgnoreReason::AnotherPayment)).await?;
        return Ok(effects);
    }
    store::payment_mark(connection, payment.id).await?;
    if payment.state.is_paid() {
        let step = Some(&reversal);
        effects.extend(follow_money(connection, now, policy, &mut payment, step).await?);
    }
    let is_new_dispute =
        reversal.kind == ReversalKind::Dispute && reversal.standing != ReversalState::Restored;
    if is_new_dispute && known.is_none_or(|known| known.standing != reversal.standing) {
        effects.push(Effect::Disputed(Box::new(payment)));
    }
    record(connection, now, event, id, EventOutcome::Applied(None)).await?;
    Ok(effects)
}

/// What is recorded about a refund, a dispute or a warning, if anything is.
///
/// # Errors
/// Database errors only.
pub async fn told(
    connection: &mut PgConnection,
    provider: Provider,
    object_id: &str,
) -> Result<Option<Reversal>, sqlx::Error> {
    store::reversal(connection, provider, object_id).await
}

/// What is recorded about each of these refunds and disputes, by its id.
///
/// # Errors
/// Database errors only.
pub async fn all_told(
    connection: &mut PgConnection,
    provider: Provider,
    object_ids: &[&str],
) -> Result<HashMap<String, Reversal>, sqlx::Error> {
    let found = store::reversals(connection, provider, object_ids).await?;
    Ok(found.into_iter().map(|reversal| (reversal.object_id.clone(), reversal)).collect())
}

/// Gives a payment that has just become known the reversals that wait for it, before it is credited. Whoever makes
/// payments of what a provider reports calls this first, in the same transaction.
///
/// # Errors
/// Database errors only.
pub async fn adopt(
    connection: &mut PgConnection,
    provider: Provider,
    provider_payment: &str,
    payment: PaymentId,
) -> Result<(), sqlx::Error> {
    store::object_lock(connection, provider_payment).await?;
    if store::waiting_adopt(connection, provider, provider_payment, payment).await? {
        store::payment_mark(connection, payment).await?;
    }
    Ok(())
}

/// Has the credits of a paid payment follow its money; `by` is the reversal that moved, none at crediting. The payment
/// must be locked.
///
/// # Errors
/// Database errors only.
pub async fn follow_money(
    connection: &mut PgConnection,
    now: Timestamp,
    policy: Policy,
    payment: &mut Payment,
    by: Option<&Reversal>,
) -> Result<Vec<Effect>, ApplyError> {
    let reversals = store::of_payment(connection, payment.id).await?;
    let mut account = store::account(connection, payment.id).await?;
    let gone = rules::gone(payment, &reversals);
    let share = rules::share(rules::granted(payment)?, &gone);
    let mut jobs: Vec<OutboxId> = Vec::new();
    if by.is_none()
        && let Some(reason) = rules::stop_charging_at_once(&reversals)
    {
        jobs.extend(money_taken_back(connection, now, payment.wallet_id, reason).await?);
    }
    // Whether what has lapsed is taken off before or after does not matter then.
    jobs.extend(lapse(connection, now, payment.wallet_id).await?);
    let (grants, lapsed) = store::grants(connection, payment.id).await?;
    let available = match policy {
        Policy::Debt => Credits::ZERO,
        Policy::Clamp => available(connection, payment.wallet_id).await?,
    };
    let step = rules::rebalance(&mut account, share, lapsed, policy, available)?;
    let has_refunds_changed = account.refunded_minor != gone.refunded_minor;
    (account.refunded_minor, account.withdrawn_minor) = (gone.refunded_minor, gone.withdrawn_minor);
    payment.state = rules::state(&gone);
    store::payment_write(connection, now, payment.id, payment.state, &account).await?;
    let kind = by.or(reversals.first()).map_or(ReversalKind::Refund, |reversal| reversal.kind);
    let mut effects = Vec::new();
    if has_refunds_changed {
        let refunded_minor = gone.refunded_minor;
        effects.push(Effect::Refunded { payment: Box::new(payment.clone()), refunded_minor });
    }
    let Some(movement) = movement(now, payment, kind, by, step, grants) else {
        effects.extend(jobs.into_iter().map(Effect::Job));
        return Ok(effects);
    };
    let mut postings = post(connection, now, std::slice::from_ref(&movement)).await?;
    jobs.append(&mut postings.jobs);
    match postings.each.pop() {
        Some(Posted::Done { balance, .. }) => {
            let credits = match step {
                Step::Take(amount) => amount.checked_neg()?,
                Step::Restore(amount) => amount,
                Step::Stay => Credits::ZERO,
            };
            let Account { shortfall, .. } = account;
            let payment = Box::new(payment.clone());
            effects.push(Effect::Reversed(Reversed { payment, kind, credits, shortfall, balance, jobs }));
            Ok(effects)
        }
        Some(Posted::Refused(refusal)) => Err(ApplyError::Ledger { payment: payment.id, refusal }),
        Some(Posted::AlreadyPosted { .. }) | None => Err(ApplyError::AlreadyPosted(payment.id)),
    }
}

/// How much of what a payment is about to grant was bought with money that has gone back. The payment must be locked.
///
/// # Errors
/// Database errors only.
pub(crate) async fn gone_of(
    connection: &mut PgConnection,
    payment: &Payment,
    granted: Credits,
) -> Result<Credits, sqlx::Error> {
    if !payment.has_reversals {
        return Ok(Credits::ZERO);
    }
    let reversals = store::of_payment(connection, payment.id).await?;
    Ok(rules::share(granted, &rules::gone(payment, &reversals)))
}

/// The movement of a step. Its cause is what happened to which refund or dispute: that happens once.
fn movement(
    now: Timestamp,
    payment: &Payment,
    kind: ReversalKind,
    by: Option<&Reversal>,
    step: Step,
    grants: Vec<GrantId>,
) -> Option<Movement> {
    let change = match step {
        Step::Stay => return None,
        Step::Take(_) if grants.is_empty() => return None,
        Step::Take(amount) => Change::Reverse { grants, amount },
        // What was withheld while its period ended does not lapse any more.
        Step::Restore(amount) => Change::Grant(NewGrant {
            id: GrantId::new(),
            source: grant_source(payment),
            amount,
            priority: PURCHASE_PRIORITY,
            expires_at: payment.credits_lapse_at().filter(|at| *at > now),
            payment_id: None,
            origin_payment_id: Some(payment.id),
        }),
    };
    let cause = match by {
        Some(reversal) => format!("{}:{}:{}", payment.id, reversal.object_id, reversal.step),
        None => payment.id.to_string(),
    };
    let entry_type = match (step, kind) {
        (Step::Restore(_), _) => "reinstatement",
        (_, ReversalKind::Dispute) => "dispute",
        (_, ReversalKind::Refund | ReversalKind::Total | ReversalKind::Warning) => "refund",
    };
    Some(Movement {
        wallet_id: payment.wallet_id,
        cause: Cause { kind: "reversal", id: cause },
        change,
        counter_account: CounterAccount::Refund,
        entry_type: entry_type.to_owned(),
        description: Some(payment.summary.clone()),
        note: EntryNote::default(),
    })
}

/// The payment that a fact is about, locked.
async fn find(connection: &mut PgConnection, fact: &ReversalFact) -> Result<Option<Payment>, sqlx::Error> {
    let mut id = match fact.payment_id {
        Some(id) => Some(id),
        None => store::payment_by_provider_payments(connection, &fact.provider_payments).await?,
    };
    if id.is_none() {
        // Either the transaction that makes the payment sees what waits for it, or this one does: both take this lock.
        let mut keys = fact.provider_payments.clone();
        keys.sort_unstable();
        for key in &keys {
            store::object_lock(connection, key).await?;
        }
        id = store::payment_by_provider_payments(connection, &fact.provider_payments).await?;
    }
    match id {
        Some(id) => Ok(payments::payments_lock(connection, &[id]).await?.pop()),
        None => Ok(None),
    }
}

/// Quarantines a fact. It may contradict the order's currency or amount, but money that goes back, or a dispute, is a
/// reason not to charge the card again unasked.
async fn contradicted(
    connection: &mut PgConnection,
    now: Timestamp,
    event: Option<&Event>,
    payment: &Payment,
    contradiction: Contradiction,
    fact: &ReversalFact,
) -> Result<Vec<Effect>, ApplyError> {
    let said = Statement::Reversal(Box::new(fact.clone()));
    let mut effects = quarantine(connection, now, event, Some(payment.id), contradiction, said).await?;
    let reason = rules::advance(None, fact).and_then(|reversal| rules::stops_charging(None, &reversal));
    let is_of_this_money = payment.livemode == fact.livemode;
    if let Some(reason) = reason.filter(|_| is_of_this_money && !effects.is_empty()) {
        let jobs = money_taken_back(connection, now, payment.wallet_id, reason).await?;
        effects.extend(jobs.into_iter().map(Effect::Job));
    }
    Ok(effects)
}

/// What to do about a fact without a payment. An event is asked about, which finds the payment; what was asked about
/// waits for the payment to be heard of, and so does what the answer does not tell of: Creem's payments say how much is
/// gone, and not that it was a dispute.
async fn wait(
    connection: &mut PgConnection,
    now: Timestamp,
    event: Option<&Event>,
    fact: &ReversalFact,
) -> Result<Vec<Effect>, ApplyError> {
    if fact.payment_id.is_some() && fact.installation.is_none() {
        // It names an order, but none of ours.
        record(connection, now, event, None, EventOutcome::Ignored(IgnoreReason::NoOrder)).await?;
        return Ok(Vec::new());
    }
    if fact.payment_id.is_some() {
        let said = Statement::Reversal(Box::new(fact.clone()));
        let unknown = Contradiction::UnknownOrder;
        return Ok(quarantine(connection, now, event, fact.payment_id, unknown, said).await?);
    }
    let asked = event.and_then(|event| Some((event.provider, event.object_id.clone()?)));
    let mut effects = Vec::new();
    if let Some((provider, object_id)) = asked {
        record(connection, now, event, None, EventOutcome::SentToVerify).await?;
        // Of a warning only the payment's order is asked, and the warning is read here again.
        let tells_all = object_id == fact.object_id && fact.kind != ReversalKind::Warning;
        effects.push(Effect::Verify { provider, object_id, revision: None });
        if tells_all {
            return Ok(effects);
        }
    }
    let known = store::reversal(connection, fact.provider, &fact.object_id).await?;
    if let Some(reversal) = rules::advance(known.as_ref(), fact) {
        store::reversal_write(connection, now, fact.provider, None, &reversal).await?;
    }
    Ok(effects)
}
