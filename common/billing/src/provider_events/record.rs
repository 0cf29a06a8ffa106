//! The record of provider events and of what became of each, for operators.

use std::collections::HashSet;

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Contradiction, Effect, Event, EventOutcome};
use crate::payments::Provider;
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;

/// What becomes of events, as [`EventOutcome`] spells it.
const OUTCOMES: [&str; 5] = ["applied", "no_change", "ignored", "sent_to_verify", "quarantined"];

/// A recorded event, without its text.
#[derive(Clone, Debug)]
pub struct RecordedEvent {
    /// Who sent it.
    pub provider: Provider,
    /// Its id there.
    pub event_id: String,
    /// Its type there.
    pub event_type: String,
    /// The object it is about.
    pub object_id: Option<String>,
    /// The order it is about.
    pub payment_id: Option<PaymentId>,
    /// What became of it.
    pub outcome: String,
    /// Why.
    pub reason: Option<String>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// When it was dealt with.
    pub handled_at: Timestamp,
}

/// Events, newest first; of one outcome or of all.
///
/// # Errors
/// Database errors only.
pub async fn list(
    connection: &mut PgConnection,
    outcome: Option<&str>,
    limit: i64,
) -> Result<Vec<RecordedEvent>, sqlx::Error> {
    // The newest of each outcome, and of those the newest: there is one index for both questions.
    let outcomes = outcome.map_or_else(|| OUTCOMES.to_vec(), |outcome| vec![outcome]);
    sqlx::query_as!(
        RecordedEvent,
        r#"select e.provider as "provider: Provider", e.event_id, e.event_type, e.object_id,
                  e.payment_id as "payment_id: PaymentId", e.outcome, e.reason, e.received_at, e.handled_at
           from unnest($1::text[]) as wanted (outcome)
           cross join lateral (
               select * from provider_events where outcome = wanted.outcome
               order by handled_at desc, event_id limit $2) e
           order by e.handled_at desc, e.event_id limit $2"#,
        &outcomes as &[&str],
        limit
    )
    .fetch_all(connection)
    .await
}

/// An event, what became of it, and the order it is about.
#[derive(Debug)]
pub(crate) struct EventRow<'a> {
    pub event: &'a Event,
    pub payment_id: Option<PaymentId>,
    pub outcome: EventOutcome,
}

/// Records what became of an event, if an event it was. Whether it was recorded before does not matter to the caller
/// but for reporting a contradiction once: true if it was not.
pub(crate) async fn record(
    connection: &mut PgConnection,
    now: Timestamp,
    event: Option<&Event>,
    payment_id: Option<PaymentId>,
    outcome: EventOutcome,
) -> Result<bool, sqlx::Error> {
    let Some(event) = event else { return Ok(true) };
    let rows = [EventRow { event, payment_id, outcome }];
    Ok(insert(connection, now, &rows).await?.contains(&event.id))
}

/// Records that an event contradicts its order; the effect tells operators, once.
pub(crate) async fn quarantine(
    connection: &mut PgConnection,
    now: Timestamp,
    event: Option<&Event>,
    payment_id: Option<PaymentId>,
    contradiction: Contradiction,
) -> Result<Vec<Effect>, sqlx::Error> {
    let outcome = EventOutcome::Quarantined(contradiction);
    let is_new = record(connection, now, event, payment_id, outcome).await?;
    let event_id = event.map(|event| event.id.clone());
    Ok(if is_new { vec![Effect::Quarantined { event_id, payment_id, contradiction }] } else { Vec::new() })
}

/// Records events; returns the ids of those that were not recorded before.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    now: Timestamp,
    rows: &[EventRow<'_>],
) -> Result<HashSet<String>, sqlx::Error> {
    let events = || rows.iter().map(|row| row.event);
    let providers: Vec<&str> = events().map(|event| event.provider.as_str()).collect();
    let ids: Vec<&str> = events().map(|event| event.id.as_str()).collect();
    let types: Vec<&str> = events().map(|event| event.kind.as_str()).collect();
    let objects: Vec<Option<&str>> = events().map(|event| event.object_id.as_deref()).collect();
    let received: Vec<Timestamp> = events().map(|event| event.received_at).collect();
    let payments: Vec<Option<Uuid>> = rows.iter().map(|row| row.payment_id.map(|id| id.0)).collect();
    let outcomes: Vec<&str> = rows.iter().map(|row| row.outcome.as_str()).collect();
    let reasons: Vec<Option<&str>> = rows.iter().map(|row| row.outcome.reason()).collect();
    // The text is kept where a person has to look at it.
    let bodies: Vec<Option<&str>> = rows
        .iter()
        .map(|row| matches!(row.outcome, EventOutcome::Quarantined(_)).then_some(row.event.body.as_str()))
        .collect();
    let fresh = sqlx::query_scalar!(
        "insert into provider_events (provider, event_id, event_type, object_id, payment_id, outcome, reason, body,
                                      received_at, handled_at)
         select *, $10::timestamptz
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[],
                     $9::timestamptz[])
         on conflict do nothing returning event_id",
        &providers as &[&str],
        &ids as &[&str],
        &types as &[&str],
        &objects as &[Option<&str>],
        &payments as &[Option<Uuid>],
        &outcomes as &[&str],
        &reasons as &[Option<&str>],
        &bodies as &[Option<&str>],
        &received,
        now
    )
    .fetch_all(connection)
    .await?;
    Ok(fresh.into_iter().collect())
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

/// How many events wait for a person to look at them.
///
/// # Errors
/// Database errors only.
pub async fn quarantined_count(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from provider_events where outcome = 'quarantined'"#)
        .fetch_one(connection)
        .await
}
