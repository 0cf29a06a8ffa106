//! Reading our side of the books.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;

use super::{LastRun, ProviderPayment, RecordedOrder, RecordedPayment, Rest, store};
use crate::payments::Provider;
use crate::reversals::ReversalFact;
use audit::{self, AdminAction, COMMAND_LINE};
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;

/// Our orders that these payments may be for, and those that were credited in a window.
///
/// # Errors
/// Database errors only.
pub async fn ours(
    connection: &mut PgConnection,
    theirs: &[ProviderPayment],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<RecordedPayment>, sqlx::Error> {
    store::ours(connection, theirs, from, to).await
}

/// Names, in payments that tell their subscription only, the order that began it.
///
/// # Errors
/// Database errors only.
pub async fn name_orders(
    connection: &mut PgConnection,
    theirs: &mut [ProviderPayment],
) -> Result<(), sqlx::Error> {
    let unnamed = theirs.iter().filter(|payment| payment.order.is_none());
    let subscriptions: Vec<&str> = unnamed.filter_map(|payment| payment.subscription.as_deref()).collect();
    if subscriptions.is_empty() {
        return Ok(());
    }
    let begun: HashMap<String, PaymentId> =
        store::orders_of_subscriptions(connection, &subscriptions).await?;
    for payment in theirs.iter_mut().filter(|payment| payment.order.is_none()) {
        payment.order = payment.subscription.as_ref().and_then(|id| begun.get(id)).copied();
    }
    Ok(())
}

/// Our unpaid orders of a provider that were made in a window and have a page: the order and its page.
///
/// # Errors
/// Database errors only.
pub async fn unpaid(
    connection: &mut PgConnection,
    provider: Provider,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<(PaymentId, String)>, sqlx::Error> {
    store::unpaid(connection, provider, from, to).await
}

/// The order of a refund or dispute, by its id or else by the ids of its payment.
///
/// # Errors
/// Database errors only.
pub async fn order(
    connection: &mut PgConnection,
    fact: &ReversalFact,
) -> Result<Option<RecordedOrder>, sqlx::Error> {
    store::order(connection, fact.payment_id, &fact.provider_payments).await
}

/// Keeps what a comparison of the last days found, for those who watch.
///
/// # Errors
/// Database errors only.
pub async fn keep_run(connection: &mut PgConnection, now: Timestamp, rest: &Rest) -> Result<(), sqlx::Error> {
    store::run_write(connection, now, rest).await
}

/// What the last comparison found.
///
/// # Errors
/// Database errors only.
pub async fn last_run(connection: &mut PgConnection) -> Result<Option<LastRun>, sqlx::Error> {
    store::run(connection).await
}

/// Which of these objects are in events that an operator dismissed.
///
/// # Errors
/// Database errors only.
pub async fn dismissed(
    connection: &mut PgConnection,
    objects: &[&str],
) -> Result<HashSet<String>, sqlx::Error> {
    store::dismissed(connection, objects).await
}

/// Records that an operator had payments asked about again.
///
/// # Errors
/// Database errors only.
pub async fn record_repair(
    connection: &mut PgConnection,
    now: Timestamp,
    objects: &[String],
) -> Result<(), sqlx::Error> {
    let action = AdminAction {
        actor: COMMAND_LINE.to_owned(),
        action: "payments.reconcile".to_owned(),
        subject: "payments".to_owned(),
        details: serde_json::json!({ "asked_about": objects }),
    };
    audit::record(connection, now, &action).await
}
