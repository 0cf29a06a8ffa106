//! The story of an order: what was ordered, what the provider told of it, what people decided, and what moved.

use audit::RecordedAction;
use kernel::ids::PaymentId;
use ledger::history::{self, Entry};
use sqlx::PgConnection;

use crate::provider_events::record::{self, RecordedEvent};
use crate::sales::Sale;
use crate::sales::operations::sale;

/// How much of each kind a story tells at most: the first that happened.
pub const MOST: i64 = 200;

/// All that is known of an order; each part is in the order in which it happened.
#[derive(Debug)]
pub struct Timeline {
    pub sale: Sale,
    pub events: Vec<RecordedEvent>,
    /// What operators and servers decided about the order and its events.
    pub decisions: Vec<RecordedAction>,
    pub entries: Vec<Entry>,
}

/// None if there is no such order.
///
/// # Errors
/// Database errors only.
pub async fn timeline(connection: &mut PgConnection, id: PaymentId) -> Result<Option<Timeline>, sqlx::Error> {
    let Some(sale) = sale(connection, id).await? else { return Ok(None) };
    let events = record::of_order(connection, id, MOST).await?;
    let named = events.iter().map(|event| format!("{}:{}", event.provider.as_str(), event.event_id));
    let subjects: Vec<String> = [id.to_string()].into_iter().chain(named).collect();
    let decisions = audit::about(connection, &subjects, MOST).await?;
    let entries = history::of_payment(connection, id).await?;
    Ok(Some(Timeline { sale, events, decisions, entries }))
}
