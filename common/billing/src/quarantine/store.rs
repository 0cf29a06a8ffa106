//! The SQL of events in quarantine.

use serde_json::Value;
use sqlx::PgConnection;

use super::{EventKey, EventState, Page};
use crate::payments::Provider;
use crate::provider_events::Statement;
use crate::provider_events::record::RecordedEvent;
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;

/// An event with its text.
pub(super) struct Row {
    pub event: RecordedEvent,
    pub body: Option<String>,
    statement: Option<Value>,
}

impl Row {
    /// What it says; none if that was not kept, or was kept by another version.
    pub fn statement(&self) -> Option<Statement> {
        serde_json::from_value(self.statement.clone()?).ok()
    }
}

/// A row of the whole table.
struct WholeRow {
    provider: Provider,
    event_id: String,
    event_type: String,
    object_id: Option<String>,
    payment_id: Option<PaymentId>,
    outcome: String,
    reason: Option<String>,
    received_at: Timestamp,
    handled_at: Timestamp,
    state: EventState,
    settled_at: Option<Timestamp>,
    body: Option<String>,
    statement: Option<Value>,
}

impl From<WholeRow> for Row {
    fn from(row: WholeRow) -> Self {
        let event = RecordedEvent {
            provider: row.provider,
            event_id: row.event_id,
            event_type: row.event_type,
            object_id: row.object_id,
            payment_id: row.payment_id,
            outcome: row.outcome,
            reason: row.reason,
            received_at: row.received_at,
            handled_at: row.handled_at,
            state: row.state,
            settled_at: row.settled_at,
        };
        Self { event, body: row.body, statement: row.statement }
    }
}

/// Reads whole events that meet a condition.
macro_rules! select_whole {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            WholeRow,
            r#"select provider as "provider: Provider", event_id, event_type, object_id,
                      payment_id as "payment_id: PaymentId", outcome, reason, received_at, handled_at,
                      case when outcome = 'quarantined' then coalesce(settled_as, 'open') else outcome end
                      as "state!: EventState", settled_at, body, statement
               from provider_events where "#
                + $condition
            $(, $argument)*
        )
    };
}

pub(super) async fn event(connection: &mut PgConnection, key: &EventKey) -> Result<Option<Row>, sqlx::Error> {
    let row = select_whole!("provider = $1 and event_id = $2", key.provider.as_str(), key.event_id);
    Ok(row.fetch_optional(connection).await?.map(Row::from))
}

pub(super) async fn open_of_order(
    connection: &mut PgConnection,
    payment: PaymentId,
) -> Result<Vec<Row>, sqlx::Error> {
    let rows = select_whole!(
        "outcome = 'quarantined' and settled_as is null and payment_id = $1
         order by handled_at, provider, event_id limit 100",
        payment.0
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Row::from).collect())
}

/// Reads a page of events that meet a condition, newest first. The parameters 1 to 3 are where the page begins, 4 is
/// the provider, 5 how many.
macro_rules! select_page {
    ($condition:literal, $page:expr $(, $argument:expr)*) => {{
        let before = $page.before.as_ref();
        sqlx::query_as!(
            RecordedEvent,
            r#"select provider as "provider: Provider", event_id, event_type, object_id,
                      payment_id as "payment_id: PaymentId", outcome, reason, received_at, handled_at,
                      case when outcome = 'quarantined' then coalesce(settled_as, 'open') else outcome end
                      as "state!: EventState", settled_at
               from provider_events
               where (handled_at, provider, event_id)
                     < (coalesce($1::timestamptz, 'infinity'), coalesce($2::text, ''), coalesce($3::text, ''))
                 and ($4::text is null or provider = $4) and "#
                + $condition
                + " order by handled_at desc, provider desc, event_id desc limit $5",
            before.map(|(at, _)| *at),
            before.map(|(_, key)| key.provider.as_str()),
            before.map(|(_, key)| key.event_id.as_str()),
            $page.provider.map(Provider::as_str),
            $page.limit
            $(, $argument)*
        )
    }};
}

pub(super) async fn events(
    connection: &mut PgConnection,
    page: &Page,
) -> Result<Vec<RecordedEvent>, sqlx::Error> {
    match page.state {
        None => select_page!("true", page).fetch_all(connection).await,
        // They have an index of their own: they are few among many.
        Some(EventState::Open) => {
            select_page!("outcome = 'quarantined' and settled_as is null", page).fetch_all(connection).await
        }
        Some(state) => {
            select_page!(
                "case when outcome = 'quarantined' then coalesce(settled_as, 'open') else outcome end = $6",
                page,
                state.as_str()
            )
            .fetch_all(connection)
            .await
        }
    }
}

/// Settles an open event; says whether it was open.
pub(super) async fn settle(
    connection: &mut PgConnection,
    now: Timestamp,
    key: &EventKey,
    state: EventState,
    payment: PaymentId,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update provider_events set settled_as = $3, settled_at = $4, payment_id = $5
         where provider = $1 and event_id = $2 and outcome = 'quarantined' and settled_as is null",
        key.provider.as_str(),
        key.event_id,
        state.as_str(),
        now,
        payment.0
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Dismisses an open event; says whether it was open.
pub(super) async fn dismiss(
    connection: &mut PgConnection,
    now: Timestamp,
    key: &EventKey,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update provider_events set settled_as = 'dismissed', settled_at = $3
         where provider = $1 and event_id = $2 and outcome = 'quarantined' and settled_as is null",
        key.provider.as_str(),
        key.event_id,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
