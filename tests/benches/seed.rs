//! Users with wallets and API keys, and orders that wait to be paid, written straight into the database.

use anyhow::Result;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use uuid::Uuid;

/// Wallets over which payments and debits are spread.
pub const WALLETS: usize = 1_000;

/// What was created.
#[derive(Default)]
pub struct Seeded {
    /// The API key of each user.
    pub api_keys: Vec<String>,
    /// The wallet of each user.
    pub wallets: Vec<Uuid>,
}

/// An order that waits to be paid.
pub struct Order {
    pub id: Uuid,
    pub user: String,
}

/// Creates users, each with a wallet that holds a million credits, and a key.
pub async fn accounts(pool: &PgPool) -> Result<Seeded> {
    let users: Vec<String> = (0..WALLETS).map(user).collect();
    let wallets: Vec<Uuid> = (0..WALLETS).map(|_| Uuid::now_v7()).collect();
    let ids: Vec<Uuid> = (0..WALLETS).map(|_| Uuid::now_v7()).collect();
    let api_keys: Vec<String> =
        (0..WALLETS).map(|_| format!("psk_{}", hex::encode(rand::random::<[u8; 32]>()))).collect();
    let hashes: Vec<Vec<u8>> = api_keys.iter().map(|key| Sha256::digest(key).to_vec()).collect();
    sqlx::query("insert into users (id, created_at) select *, now() from unnest($1::text[])")
        .bind(&users)
        .execute(pool)
        .await?;
    sqlx::query(
        "insert into wallets (id, user_id, balance, created_at)
         select id, user_id, 1000000000000, now() from unnest($1::uuid[], $2::text[]) as new (id, user_id)",
    )
    .bind(&wallets)
    .bind(&users)
    .execute(pool)
    .await?;
    sqlx::query(
        "insert into grants (id, wallet_id, source, amount, remaining, priority, created_at, is_open)
         select id, wallet_id, 'manual', 1000000000000, 1000000000000, 0, now(), true
         from unnest($1::uuid[], $2::uuid[]) as new (id, wallet_id)",
    )
    .bind(&ids)
    .bind(&wallets)
    .execute(pool)
    .await?;
    sqlx::query(
        "insert into ledger_entries (id, wallet_id, amount, counter_account, entry_type, source_kind, source_id,
                                     balance_after, created_at)
         select id, wallet_id, 1000000000000, 'manual', 'manual', 'bench', id::text, 1000000000000, now()
         from unnest($1::uuid[], $2::uuid[]) as new (id, wallet_id)",
    )
    .bind(&ids)
    .bind(&wallets)
    .execute(pool)
    .await?;
    sqlx::query(
        "insert into api_keys (id, user_id, key_hash, created_at)
         select id, user_id, key_hash, now()
         from unnest($1::uuid[], $2::text[], $3::bytea[]) as new (id, user_id, key_hash)",
    )
    .bind(&ids)
    .bind(&users)
    .bind(&hashes)
    .execute(pool)
    .await?;
    Ok(Seeded { api_keys, wallets })
}

/// Creates orders of 2,500 credits, spread over the first `wallets` wallets.
pub async fn orders(pool: &PgPool, seeded: &Seeded, count: usize, wallets: usize) -> Result<Vec<Order>> {
    let orders: Vec<(Order, Uuid)> = (0..count)
        .map(|number| {
            let owner = number * 7_919 % wallets;
            (Order { id: Uuid::now_v7(), user: user(owner) }, seeded.wallets[owner])
        })
        .collect();
    for part in orders.chunks(5_000) {
        let ids: Vec<Uuid> = part.iter().map(|(order, _)| order.id).collect();
        let users: Vec<&str> = part.iter().map(|(order, _)| order.user.as_str()).collect();
        let wallets: Vec<Uuid> = part.iter().map(|(_, wallet)| *wallet).collect();
        sqlx::query(
            "insert into payments (id, user_id, wallet_id, dialect, kind, provider, mode, livemode, state, credits,
                                   amount_minor, currency, summary, provider_customer, provider_session, session_status,
                                   payment_status, created_at, expires_at)
             select id, user_id, wallet_id, 'samsar', 'one_time', 'stripe', 'payment', false, 'pending', 2500000000,
                    2500, 'usd', 'Purchase 2500 credits', 'cus_' || user_id, 'cs_test_' || replace(id::text, '-', ''),
                    'open', 'unpaid', now(), now() + interval '1 day'
             from unnest($1::uuid[], $2::text[], $3::uuid[]) as new (id, user_id, wallet_id)",
        )
        .bind(&ids)
        .bind(&users)
        .bind(&wallets)
        .execute(pool)
        .await?;
    }
    sqlx::query("vacuum analyze").execute(pool).await?;
    sqlx::query("checkpoint").execute(pool).await?;
    Ok(orders.into_iter().map(|(order, _)| order).collect())
}

fn user(number: usize) -> String {
    format!("bench-{number:04}")
}
