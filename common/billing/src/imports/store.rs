//! The SQL of imports: customers at Stripe, many at once.

use std::collections::HashMap;

use kernel::clock::Timestamp;
use kernel::ids::WalletId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::provider::Provider;

/// The customers that wallets are at Stripe.
pub(super) async fn customers_of(
    connection: &mut PgConnection,
    wallets: &[WalletId],
) -> Result<HashMap<WalletId, String>, sqlx::Error> {
    let wallets: Vec<Uuid> = wallets.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select c.wallet_id as "wallet_id: WalletId", c.customer_id from unnest($2::uuid[]) as wanted (id)
           join provider_customers c on c.provider = $1 and c.wallet_id = wanted.id"#,
        Provider::Stripe.as_str(),
        &wallets
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.wallet_id, row.customer_id)).collect())
}

/// The wallets of customers at Stripe.
pub(super) async fn wallets_of(
    connection: &mut PgConnection,
    customers: &[&str],
) -> Result<HashMap<String, WalletId>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select c.wallet_id as "wallet_id: WalletId", c.customer_id from unnest($2::text[]) as wanted (id)
           join provider_customers c on c.provider = $1 and c.customer_id = wanted.id"#,
        Provider::Stripe.as_str(),
        customers as &[&str]
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.customer_id, row.wallet_id)).collect())
}

/// Records customers at Stripe, in the order of their ids so that two who do so wait for each other only. Whether none
/// was there before.
pub(super) async fn customers_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    new: &[(WalletId, &str)],
) -> Result<bool, sqlx::Error> {
    let mut new = new.to_vec();
    new.sort_by_key(|(_, customer)| *customer);
    let wallets: Vec<Uuid> = new.iter().map(|(wallet, _)| wallet.0).collect();
    let customers: Vec<&str> = new.iter().map(|(_, customer)| *customer).collect();
    let done = sqlx::query!(
        "insert into provider_customers (provider, wallet_id, customer_id, created_at)
         select $1, wallet_id, customer_id, $4
         from unnest($2::uuid[], $3::text[]) as new (wallet_id, customer_id)
         on conflict do nothing",
        Provider::Stripe.as_str(),
        &wallets,
        &customers as &[&str],
        now
    )
    .execute(connection)
    .await?;
    Ok(usize::try_from(done.rows_affected()) == Ok(new.len()))
}
