//! The record of provider events and of what became of each, for operators.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::outcome::EventState;
use super::{Contradiction, Effect, Event, EventOutcome, Statement};
use crate::payments::Provider;
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;

/// A recorded event, without its text.
#[derive(Clone, Debug)]
pub struct RecordedEvent {
    pub provider: Provider,
    pub event_id: String,
    pub event_type: String,
    /// The object it is about.
    pub object_id: Option<String>,
    /// The order it is about.
    pub payment_id: Option<PaymentId>,
    /// What became of it.
    pub outcome: String,
    pub reason: Option<String>,
    pub received_at: Timestamp,
    /// When it was dealt with.
    pub handled_at: Timestamp,
    pub state: EventState,
    /// When an operator settled it.
    pub settled_at: Option<Timestamp>,
}

/// The type of what is recorded of an answer: no event brought it.
pub const ANSWER: &str = "answer";

/// An event, what became of it, and the order it is about.
#[derive(Debug)]
pub(crate) struct EventRow<'a> {
    pub event: Cow<'a, Event>,
    payment_id: Option<PaymentId>,
    outcome: EventOutcome,
    statement: Option<Value>,
}

impl<'a> EventRow<'a> {
    /// What is to be recorded: of an event what became of it, of an answer only that it contradicts its order.
    pub fn new(
        now: Timestamp,
        event: Option<&'a Event>,
        payment_id: Option<PaymentId>,
        outcome: EventOutcome,
        statement: impl FnOnce() -> Option<Statement>,
    ) -> Option<Self> {
        let is_quarantined = matches!(outcome, EventOutcome::Quarantined(_));
        let statement = if is_quarantined { statement() } else { None };
        let event = match event {
            Some(event) => Cow::Borrowed(event),
            None => Cow::Owned(answer(now, statement.as_ref()?)?),
        };
        Some(Self { event, payment_id, outcome, statement: statement.map(|said| said.to_json()) })
    }
}

/// An answer as an event. There is one for each object: asked again, the provider says the same.
fn answer(now: Timestamp, statement: &Statement) -> Option<Event> {
    let object_id = statement.object_id()?.to_owned();
    Some(Event {
        provider: statement.provider(),
        id: format!("{ANSWER}:{object_id}"),
        kind: ANSWER.to_owned(),
        object_id: Some(object_id),
        received_at: now,
        body: statement.to_json().to_string(),
    })
}

/// Records what became of an event, if an event it was.
pub(crate) async fn record(
    connection: &mut PgConnection,
    now: Timestamp,
    event: Option<&Event>,
    payment_id: Option<PaymentId>,
    outcome: EventOutcome,
) -> Result<(), sqlx::Error> {
    let Some(row) = EventRow::new(now, event, payment_id, outcome, || None) else { return Ok(()) };
    insert(connection, now, &[row]).await?;
    Ok(())
}

/// Records that an event or answer contradicts its order; the effect tells operators, once.
pub(crate) async fn quarantine(
    connection: &mut PgConnection,
    now: Timestamp,
    event: Option<&Event>,
    payment_id: Option<PaymentId>,
    contradiction: Contradiction,
    statement: Statement,
) -> Result<Vec<Effect>, sqlx::Error> {
    let outcome = EventOutcome::Quarantined(contradiction);
    let Some(row) = EventRow::new(now, event, payment_id, outcome, || Some(statement)) else {
        return Ok(Vec::new());
    };
    let event_id = row.event.id.clone();
    let is_new = insert(connection, now, &[row]).await?.contains(&event_id);
    let effect = Effect::Quarantined { event_id: Some(event_id), payment_id, contradiction };
    Ok(if is_new { vec![effect] } else { Vec::new() })
}

/// Records events; returns the ids of those that were not recorded before.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    now: Timestamp,
    rows: &[EventRow<'_>],
) -> Result<HashSet<String>, sqlx::Error> {
    let events = || rows.iter().map(|row| &row.event);
    let columns = Columns::new(rows);
    let types: Vec<&str> = events().map(|event| event.kind.as_str()).collect();
    let objects: Vec<Option<&str>> = events().map(|event| event.object_id.as_deref()).collect();
    let received: Vec<Timestamp> = events().map(|event| event.received_at).collect();
    // The text is kept where a person has to look at it.
    let bodies: Vec<Option<&str>> =
        rows.iter().map(|row| row.outcome.needs_person().then_some(row.event.body.as_str())).collect();
    let fresh = sqlx::query_scalar!(
        "insert into provider_events (provider, event_id, event_type, object_id, payment_id, outcome, reason, body,
                                      received_at, statement, handled_at)
         select *, $11::timestamptz
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[],
                     $9::timestamptz[], $10::jsonb[])
         on conflict do nothing returning event_id",
        &columns.providers as &[&str],
        &columns.ids as &[&str],
        &types as &[&str],
        &objects as &[Option<&str>],
        &columns.payments as &[Option<Uuid>],
        &columns.outcomes as &[&str],
        &columns.reasons as &[Option<&str>],
        &bodies as &[Option<&str>],
        &received,
        &columns.statements as &[Option<&Value>],
        now
    )
    .fetch_all(&mut *connection)
    .await?;
    let fresh: HashSet<String> = fresh.into_iter().collect();
    if fresh.len() < rows.len() {
        renew(connection, now, &columns).await?;
    }
    Ok(fresh)
}

/// What has changed of a row whose event came again.
struct Columns<'a> {
    providers: Vec<&'a str>,
    ids: Vec<&'a str>,
    payments: Vec<Option<Uuid>>,
    outcomes: Vec<&'a str>,
    reasons: Vec<Option<&'a str>>,
    statements: Vec<Option<&'a Value>>,
}

impl<'a> Columns<'a> {
    fn new(rows: &'a [EventRow<'_>]) -> Self {
        Self {
            providers: rows.iter().map(|row| row.event.provider.as_str()).collect(),
            ids: rows.iter().map(|row| row.event.id.as_str()).collect(),
            payments: rows.iter().map(|row| row.payment_id.map(|id| id.0)).collect(),
            outcomes: rows.iter().map(|row| row.outcome.as_str()).collect(),
            reasons: rows.iter().map(|row| row.outcome.reason()).collect(),
            statements: rows.iter().map(|row| row.statement.as_ref()).collect(),
        }
    }
}

/// Takes over what became of events that came again while they were in quarantine: applied now, after a repair, or
/// contradicting their orders in another way. What an operator has settled stays, unless a dismissed one was applied.
async fn renew(
    connection: &mut PgConnection,
    now: Timestamp,
    columns: &Columns<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update provider_events old
         set outcome = new.outcome, reason = new.reason, payment_id = coalesce(new.payment_id, old.payment_id),
             statement = new.statement, handled_at = $7, settled_as = null, settled_at = null,
             body = case when new.outcome <> 'quarantined' then null
                         when old.event_type = 'answer' then new.statement::text else old.body end
         from unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::jsonb[])
              as new (provider, event_id, payment_id, outcome, reason, statement)
         where old.provider = new.provider and old.event_id = new.event_id and old.outcome = 'quarantined'
           and (old.settled_as is null or (old.settled_as = 'dismissed' and new.outcome = 'applied'))
           and (new.outcome, new.reason, new.statement) is distinct from (old.outcome, old.reason, old.statement)",
        &columns.providers as &[&str],
        &columns.ids as &[&str],
        &columns.payments as &[Option<Uuid>],
        &columns.outcomes as &[&str],
        &columns.reasons as &[Option<&str>],
        &columns.statements as &[Option<&Value>],
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes answers about objects out of quarantine that agree with their orders now.
pub(crate) async fn answered(
    connection: &mut PgConnection,
    now: Timestamp,
    statements: &[Statement],
) -> Result<(), sqlx::Error> {
    let about = statements
        .iter()
        .filter_map(|said| Some((said.provider().as_str(), format!("{ANSWER}:{}", said.object_id()?))));
    let (providers, ids): (Vec<&str>, Vec<String>) = about.unzip();
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update provider_events old
         set outcome = 'applied', reason = null, body = null, statement = null, handled_at = $3
         from unnest($1::text[], $2::text[]) as new (provider, event_id)
         where old.provider = new.provider and old.event_id = new.event_id and old.outcome = 'quarantined'
           and old.settled_as is null",
        &providers as &[&str],
        &ids,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether an event was applied before.
///
/// # Errors
/// Database errors only.
pub(crate) async fn is_applied(
    connection: &mut PgConnection,
    provider: Provider,
    event_id: &str,
) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "select 1 as found from provider_events where provider = $1 and event_id = $2 and outcome = 'applied'",
        provider.as_str(),
        event_id
    );
    Ok(found.fetch_optional(connection).await?.is_some())
}

/// Deletes up to `limit` events that were dealt with before a time, and returns how many; not what is quarantined.
///
/// # Errors
/// Database errors only.
pub async fn forget(pool: &PgPool, before: Timestamp, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "delete from provider_events where (provider, event_id) in (
             select provider, event_id from provider_events
             where outcome = any('{applied,no_change,ignored,sent_to_verify}') and handled_at < $1 limit $2)",
        before,
        limit
    )
    .execute(&mut *pool.acquire().await?)
    .await?;
    Ok(done.rows_affected())
}

/// What providers told about an order, the first `limit` of it, oldest first.
///
/// # Errors
/// Database errors only.
pub async fn of_order(
    connection: &mut PgConnection,
    payment: PaymentId,
    limit: i64,
) -> Result<Vec<RecordedEvent>, sqlx::Error> {
    sqlx::query_as!(
        RecordedEvent,
        r#"select provider as "provider: Provider", event_id, event_type, object_id,
                  payment_id as "payment_id: PaymentId", outcome, reason, received_at, handled_at,
                  case when outcome = 'quarantined' then coalesce(settled_as, 'open') else outcome end
                  as "state!: EventState", settled_at
           from provider_events where payment_id = $1 order by handled_at limit $2"#,
        payment.0,
        limit
    )
    .fetch_all(connection)
    .await
}

/// How many events wait for a person to look at them.
///
/// # Errors
/// Database errors only.
pub async fn quarantined_count(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from provider_events where outcome = 'quarantined' and settled_as is null"#
    )
    .fetch_one(connection)
    .await
}
