//! Provider events as recorded, for those who look after the installation.

use sqlx::PgConnection;

use super::Provider;
use crate::clock::Timestamp;
use crate::ids::PaymentId;

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
    sqlx::query_as!(
        RecordedEvent,
        r#"select provider as "provider: Provider", event_id, event_type, object_id,
                  payment_id as "payment_id: PaymentId", outcome, reason, received_at, handled_at
           from provider_events where $1::text is null or outcome = $1
           order by handled_at desc, event_id limit $2"#,
        outcome,
        limit
    )
    .fetch_all(connection)
    .await
}
