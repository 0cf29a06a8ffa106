//! Reading what is in quarantine, and settling it.

use audit::AdminAction;
use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, PaymentId};
use serde_json::json;
use serde_json::value::RawValue;
use sqlx::PgConnection;

use super::store::{self, Row};
use super::{Contradicted, CreditProviderEvent, CreditRefusal, EventKey, EventState, Page, SettleError};
use crate::payments::acceptance::belongs_to_another;
use crate::payments::store::payment_by_id;
use crate::payments::{Fact, Payment};
use crate::provider_events::record::{ANSWER, RecordedEvent};
use crate::provider_events::{
    ApplyError, ApplyProviderEvents, Effect, PaymentNews, ProviderEvent, Statement, VerifyObject,
};
use crate::reversals::operations::adopt;
use crate::settlement::{self, SettlementItem};
use crate::subscriptions::operations as subscriptions;

/// Events, newest first.
///
/// # Errors
/// Database errors only.
pub async fn list(connection: &mut PgConnection, page: &Page) -> Result<Vec<RecordedEvent>, sqlx::Error> {
    store::events(connection, page).await
}

/// An event, with what it says and the order that it is about.
///
/// # Errors
/// Database errors only.
pub async fn event(
    connection: &mut PgConnection,
    key: &EventKey,
) -> Result<Option<Contradicted>, sqlx::Error> {
    let Some(row) = store::event(connection, key).await? else { return Ok(None) };
    let order = order(connection, &row).await?;
    let statement = row.statement();
    Ok(Some(Contradicted { statement, body: row.body, order, event: row.event }))
}

async fn order(connection: &mut PgConnection, row: &Row) -> Result<Option<Payment>, sqlx::Error> {
    match row.event.payment_id {
        Some(id) => payment_by_id(connection, id).await,
        None => Ok(None),
    }
}

/// Whether the order of an event can be credited, as far as can be said without doing it.
///
/// # Errors
/// [`SettleError`].
pub async fn creditable(connection: &mut PgConnection, key: &EventKey) -> Result<(), SettleError> {
    let found = event(connection, key).await?.ok_or(SettleError::Refused(CreditRefusal::NoEvent))?;
    let order = found.order.as_ref();
    judged(&found.event, found.statement.as_ref(), order).map(|_| ()).map_err(SettleError::Refused)
}

/// What an event says and the order that it is about, if it is open and the order can be credited for it.
fn judged<'a>(
    event: &RecordedEvent,
    statement: Option<&'a Statement>,
    order: Option<&'a Payment>,
) -> Result<(&'a Statement, &'a Payment), CreditRefusal> {
    still_open(event)?;
    let order = order.ok_or(CreditRefusal::NoOrder)?;
    let statement = statement.ok_or(CreditRefusal::NotUnderstood)?;
    statement.creditable(order.livemode)?;
    // A later period of a subscription is no order yet: its event names the first one.
    let is_order = matches!(statement, Statement::Payment(_));
    if is_order && order.state.is_paid() { Err(CreditRefusal::Credited) } else { Ok((statement, order)) }
}

fn still_open(event: &RecordedEvent) -> Result<(), CreditRefusal> {
    match event.state {
        EventState::Open => Ok(()),
        EventState::Credited | EventState::Dismissed => Err(CreditRefusal::Settled),
        EventState::Applied | EventState::NoChange | EventState::Ignored | EventState::SentToVerify => {
            Err(CreditRefusal::NotQuarantined)
        }
    }
}

/// Credits the order of an event as paid, in the caller's transaction, which is to be rolled back after a refusal. The
/// order is locked by settlement as for every payment, so an order is credited once, whoever comes first.
///
/// # Errors
/// [`ApplyError`]; the transaction is then to be rolled back.
pub async fn credit(
    connection: &mut PgConnection,
    now: Timestamp,
    job: &CreditProviderEvent,
) -> Result<Result<(PaymentId, Vec<Effect>), CreditRefusal>, ApplyError> {
    let Some(row) = store::event(connection, &job.event).await? else {
        return Ok(Err(CreditRefusal::NoEvent));
    };
    let (statement, order) = (row.statement(), order(connection, &row).await?);
    let (statement, order) = match judged(&row.event, statement.as_ref(), order.as_ref()) {
        Ok(judged) => judged,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let applied = match statement {
        Statement::Payment(fact) => accept(connection, now, order.id, fact).await?,
        Statement::Subscription(fact) => {
            let effects = subscriptions::accept(connection, now, fact).await?;
            effects.ok_or(CreditRefusal::NotUnderstood)
        }
        Statement::Reversal(_) => Err(CreditRefusal::NotPaid),
    };
    let mut effects = match applied {
        Ok(effects) => effects,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if effects.iter().any(|effect| matches!(effect, Effect::Quarantined { .. })) {
        return Ok(Err(CreditRefusal::Credited));
    }
    let payment_id = credited(&effects).unwrap_or(order.id);
    if !store::settle(connection, now, &job.event, EventState::Credited, payment_id).await? {
        return Ok(Err(CreditRefusal::Settled));
    }
    let details =
        json!({ "reason": job.reason, "payment_id": payment_id, "contradiction": row.event.reason });
    record(connection, now, &job.by, "credit", &job.event, details).await?;
    // What else was said about the order may agree with it now.
    for other in store::open_of_order(connection, payment_id).await? {
        effects.extend(again(connection, now, &other).await?.map(Effect::Job));
    }
    Ok(Ok((payment_id, effects)))
}

fn credited(effects: &[Effect]) -> Option<PaymentId> {
    effects.iter().find_map(|effect| match effect {
        Effect::Credited { payment, .. } => Some(payment.id),
        _ => None,
    })
}

async fn accept(
    connection: &mut PgConnection,
    now: Timestamp,
    order: PaymentId,
    fact: &Fact,
) -> Result<Result<Vec<Effect>, CreditRefusal>, ApplyError> {
    let keys: Vec<&str> =
        [&fact.session, &fact.provider_payment].into_iter().flatten().map(String::as_str).collect();
    if belongs_to_another(connection, order, &keys).await? {
        return Ok(Err(CreditRefusal::OfAnotherOrder));
    }
    if let Some(payment) = &fact.provider_payment {
        adopt(connection, fact.provider, payment, order).await?;
    }
    let news = PaymentNews::Fact(Box::new(Fact { payment_id: Some(order), ..fact.clone() }));
    let item = SettlementItem { is_accepted: true, ..SettlementItem::new(None, &news) };
    Ok(Ok(settlement::apply(connection, now, &[item]).await?))
}

/// Has an event applied again, in the caller's transaction: it goes through the queue as any event does, and leaves the
/// quarantine if it agrees with its order now.
///
/// # Errors
/// [`SettleError`]; nothing is changed then.
pub async fn retry(
    connection: &mut PgConnection,
    now: Timestamp,
    actor: &str,
    key: &EventKey,
    reason: Option<&str>,
) -> Result<(RecordedEvent, OutboxId), SettleError> {
    let row = store::event(connection, key).await?;
    let row = row.ok_or(SettleError::Refused(CreditRefusal::NoEvent))?;
    still_open(&row.event).map_err(SettleError::Refused)?;
    let written = again(connection, now, &row).await?;
    let written = written.ok_or(SettleError::Refused(CreditRefusal::NotUnderstood))?;
    record(connection, now, actor, "retry", key, json!({ "reason": reason })).await?;
    Ok((row.event, written))
}

/// Decides that nothing follows from an event, in the caller's transaction.
///
/// # Errors
/// [`SettleError`]; nothing is changed then.
pub async fn dismiss(
    connection: &mut PgConnection,
    now: Timestamp,
    actor: &str,
    key: &EventKey,
    reason: &str,
) -> Result<RecordedEvent, SettleError> {
    let row = store::event(connection, key).await?;
    let row = row.ok_or(SettleError::Refused(CreditRefusal::NoEvent))?;
    still_open(&row.event).map_err(SettleError::Refused)?;
    if !store::dismiss(connection, now, key).await? {
        return Err(SettleError::Refused(CreditRefusal::Settled));
    }
    let details = json!({
        "reason": reason, "payment_id": row.event.payment_id, "contradiction": row.event.reason,
    });
    record(connection, now, actor, "dismiss", key, details).await?;
    Ok(RecordedEvent { state: EventState::Dismissed, settled_at: Some(now), ..row.event })
}

/// Writes the job that applies an event again, or asks again for an answer; none without a text.
async fn again(
    connection: &mut PgConnection,
    now: Timestamp,
    row: &Row,
) -> Result<Option<OutboxId>, sqlx::Error> {
    let provider = row.event.provider;
    if row.event.event_type == ANSWER {
        let Some(object_id) = row.event.object_id.clone() else { return Ok(None) };
        return outbox::insert(connection, now, &VerifyObject::new(provider, object_id)).await.map(Some);
    }
    let body = row.body.clone().and_then(|body| RawValue::from_string(body).ok());
    let Some(body) = body else { return Ok(None) };
    let event = ProviderEvent { provider, received_at: row.event.received_at, body };
    outbox::insert(connection, now, &ApplyProviderEvents { events: vec![event] }).await.map(Some)
}

async fn record(
    connection: &mut PgConnection,
    now: Timestamp,
    actor: &str,
    verb: &str,
    key: &EventKey,
    details: serde_json::Value,
) -> Result<(), sqlx::Error> {
    let action = AdminAction {
        actor: actor.to_owned(),
        action: format!("provider_event.{verb}"),
        subject: key.to_string(),
        details,
    };
    audit::record(connection, now, &action).await
}
