//! Provider events: the record of what came and what became of it, for those who look after the installation.

use std::collections::HashSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::Provider;
use super::operations::Event;
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;

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

/// Reads events that meet a condition, which ends with their order.
macro_rules! select_events {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            RecordedEvent,
            r#"select provider as "provider: Provider", event_id, event_type, object_id,
                      payment_id as "payment_id: PaymentId", outcome, reason, received_at, handled_at
               from provider_events where "#
                + $condition
            $(, $argument)*
        )
    };
}

/// Events, newest first; of one outcome or of all, which reads all that was ever recorded unless the outcome is
/// `quarantined`.
///
/// # Errors
/// Database errors only.
pub async fn list(
    connection: &mut PgConnection,
    outcome: Option<&str>,
    limit: i64,
) -> Result<Vec<RecordedEvent>, sqlx::Error> {
    if outcome == Some("quarantined") {
        return select_events!("outcome = 'quarantined' order by handled_at desc, event_id limit $1", limit)
            .fetch_all(connection)
            .await;
    }
    select_events!(
        "($1::text is null or outcome = $1) order by handled_at desc, event_id limit $2",
        outcome,
        limit
    )
    .fetch_all(connection)
    .await
}

/// A provider event to be recorded.
#[derive(Debug)]
pub(super) struct EventRow {
    pub provider: Provider,
    pub event_id: String,
    pub event_type: String,
    pub object_id: Option<String>,
    pub payment_id: Option<PaymentId>,
    pub outcome: &'static str,
    pub reason: Option<&'static str>,
    pub body: Option<String>,
    pub received_at: Timestamp,
}

/// What became of an event, to be recorded. Its text is kept where a person has to look at it.
pub(super) fn row(
    event: &Event,
    payment_id: Option<PaymentId>,
    outcome: &'static str,
    reason: Option<&'static str>,
) -> EventRow {
    EventRow {
        provider: event.provider,
        event_id: event.id.clone(),
        event_type: event.kind.clone(),
        object_id: event.object_id.clone(),
        payment_id,
        outcome,
        reason,
        body: (outcome == "quarantined").then(|| event.body.clone()),
        received_at: event.received_at,
    }
}

/// Records events; returns the ids of those that were not recorded before.
pub(super) async fn insert(
    connection: &mut PgConnection,
    now: Timestamp,
    events: &[EventRow],
) -> Result<HashSet<String>, sqlx::Error> {
    let providers: Vec<&str> = events.iter().map(|event| event.provider.as_str()).collect();
    let ids: Vec<&str> = events.iter().map(|event| event.event_id.as_str()).collect();
    let types: Vec<&str> = events.iter().map(|event| event.event_type.as_str()).collect();
    let objects: Vec<Option<&str>> = events.iter().map(|event| event.object_id.as_deref()).collect();
    let payments: Vec<Option<Uuid>> = events.iter().map(|event| event.payment_id.map(|id| id.0)).collect();
    let outcomes: Vec<&str> = events.iter().map(|event| event.outcome).collect();
    let reasons: Vec<Option<&str>> = events.iter().map(|event| event.reason).collect();
    let bodies: Vec<Option<&str>> = events.iter().map(|event| event.body.as_deref()).collect();
    let received: Vec<Timestamp> = events.iter().map(|event| event.received_at).collect();
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

/// How many events wait for a person to look at them.
///
/// # Errors
/// Database errors only.
pub async fn quarantined_count(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from provider_events where outcome = 'quarantined'"#)
        .fetch_one(connection)
        .await
}
