//! Finds what somebody asks for by an id of ours or of a provider's: each by an index, and a few of each kind.

use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, SubscriptionId, UserId, WalletId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::payments::{Provider, State};

/// How many of one kind are found at most.
pub const MOST: i64 = 10;

#[derive(Clone, Debug)]
pub struct FoundOrder {
    pub id: PaymentId,
    pub user_id: UserId,
    pub wallet_id: WalletId,
    pub state: State,
    pub summary: String,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct FoundSubscription {
    pub id: SubscriptionId,
    pub user_id: UserId,
    pub wallet_id: WalletId,
    pub plan_id: String,
    pub state: String,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct FoundEvent {
    pub provider: Provider,
    pub event_id: String,
    pub event_type: String,
    pub handled_at: Timestamp,
}

/// Orders by their id or number, a payment, session or invoice of the provider's, or the host application's reference.
///
/// # Errors
/// Database errors only.
pub async fn orders(connection: &mut PgConnection, text: &str) -> Result<Vec<FoundOrder>, sqlx::Error> {
    sqlx::query_as!(
        FoundOrder,
        r#"select id as "id: PaymentId", user_id as "user_id: UserId", wallet_id as "wallet_id: WalletId",
                  state as "state: State", summary, created_at
           from payments where id in (
               (select id from payments where id = $1)
               union (select id from payments where number = $2)
               union (select id from payments where provider_payment = $3)
               union (select id from payments where provider_session = $3)
               union (select id from payments where invoice_id = $3 limit $4)
               union (select id from payments where invoice_number = $3 limit $4)
               union (select id from payments where reference = $3 order by number desc limit $4))
           order by number desc limit $4"#,
        text.parse::<Uuid>().ok(),
        text.parse::<i64>().ok(),
        text,
        MOST
    )
    .fetch_all(connection)
    .await
}

/// Subscriptions by their id, ours or the provider's.
///
/// # Errors
/// Database errors only.
pub async fn subscriptions(
    connection: &mut PgConnection,
    text: &str,
) -> Result<Vec<FoundSubscription>, sqlx::Error> {
    sqlx::query_as!(
        FoundSubscription,
        r#"select id as "id: SubscriptionId", user_id as "user_id: UserId", wallet_id as "wallet_id: WalletId", plan_id,
                  state, created_at
           from subscriptions where id in (
               (select id from subscriptions where id = $1)
               union (select id from subscriptions where (provider, provider_subscription) in
                          (('stripe', $2), ('creem', $2))))
           order by id desc limit $3"#,
        text.parse::<Uuid>().ok(),
        text,
        MOST
    )
    .fetch_all(connection)
    .await
}

/// An event by the provider's id of it.
///
/// # Errors
/// Database errors only.
pub async fn events(connection: &mut PgConnection, text: &str) -> Result<Vec<FoundEvent>, sqlx::Error> {
    // As this system's own API names events, too.
    let id = text.split_once(':').map_or(text, |(_, id)| id);
    sqlx::query_as!(
        FoundEvent,
        r#"select provider as "provider: Provider", event_id, event_type, handled_at from provider_events
           where (provider, event_id) in (('stripe', $1), ('creem', $1), ('revenuecat', $1)) limit $2"#,
        id,
        MOST
    )
    .fetch_all(connection)
    .await
}

/// The wallets of a customer at a provider.
///
/// # Errors
/// Database errors only.
pub async fn wallets_of_customer(
    connection: &mut PgConnection,
    text: &str,
) -> Result<Vec<WalletId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select wallet_id as "id: WalletId" from provider_customers
           where (provider, customer_id) in (('stripe', $1), ('creem', $1)) limit $2"#,
        text,
        MOST
    )
    .fetch_all(connection)
    .await
}
