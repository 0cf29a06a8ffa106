//! Users with wallets, credentials and a history, and orders that wait to be paid, written straight into the database.

use anyhow::Result;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use uuid::Uuid;

/// Wallets over which payments and debits are spread.
pub const ACTIVE_WALLETS: usize = 1_000;

/// Those whose payments and debits are measured.
#[derive(Default)]
pub struct Seeded {
    /// The ids of the users.
    pub users: Vec<String>,
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

/// A UUID of version 7 for a moment so many milliseconds ago, as Purser's ids are: a history is ordered by its ids.
const UUID_OF_THE_PAST: &str = "
    create or replace function pg_temp.uuid_of_the_past(milliseconds bigint) returns uuid language sql volatile as $$
        select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint - milliseconds), 12, '0') || '7'
                || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid $$";

/// Executes statements in which numbers and a name of our own are all that was put.
async fn execute_all(
    connection: &mut PgConnection,
    statements: impl IntoIterator<Item = String>,
) -> Result<()> {
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Creates `count` users whose names begin with `prefix`, each with a wallet that was given a million credits, and
/// spent one of them `debits` times. Of those, [`ACTIVE_WALLETS`], spread evenly, get a key.
pub async fn accounts(pool: &PgPool, prefix: &str, count: usize, debits: usize) -> Result<Seeded> {
    let mut connection = pool.acquire().await?;
    let statements = [
        UUID_OF_THE_PAST.to_owned(),
        format!(
            "insert into users (id, created_at)
             select '{prefix}-' || number, now() from generate_series(1, {count}) as number"
        ),
        format!(
            "insert into wallets (id, user_id, balance, created_at)
             select pg_temp.uuid_of_the_past(100000000000 - number), '{prefix}-' || number,
                    1000000000000 - {debits} * 1000000::bigint, now()
             from generate_series(1, {count}) as number"
        ),
        format!(
            "insert into grants (id, wallet_id, source, amount, remaining, priority, created_at, is_open)
             select pg_temp.uuid_of_the_past(90000000000 - (extract(epoch from created_at))::bigint), id, 'manual',
                    1000000000000, balance, 0, now(), true
             from wallets where user_id like '{prefix}-%'"
        ),
        // As it came about: round by round, and in each one wallet after the other.
        format!(
            "insert into ledger_entries (id, wallet_id, amount, counter_account, entry_type, source_kind, source_id,
                                         balance_after, created_at)
             select pg_temp.uuid_of_the_past(80000000000 - round * 1000000000::bigint), id,
                    case when round = 0 then 1000000000000 else -1000000 end,
                    case when round = 0 then 'manual' else 'usage' end,
                    case when round = 0 then 'manual' else 'consume' end,
                    case when round = 0 then 'bench' else 'consume' end,
                    case when round = 0 then user_id else user_id || ':' || md5(id::text || round) end,
                    1000000000000 - round * 1000000::bigint, now()
             from generate_series(0, {debits}) as round, wallets where user_id like '{prefix}-%'"
        ),
    ];
    execute_all(&mut connection, statements).await?;
    let step = (count / ACTIVE_WALLETS).max(1);
    let active: Vec<(String, Uuid)> = sqlx::query_as(
        "select wallets.user_id, wallets.id from generate_series(1, $1, $2) as number
         join wallets on user_id = $3 || '-' || number order by number limit $4",
    )
    .bind(i64::try_from(count)?)
    .bind(i64::try_from(step)?)
    .bind(prefix)
    .bind(i64::try_from(ACTIVE_WALLETS)?)
    .fetch_all(&mut *connection)
    .await?;
    let (users, wallets): (Vec<String>, Vec<Uuid>) = active.into_iter().unzip();
    let api_keys: Vec<String> =
        users.iter().map(|_| format!("psk_{}", hex::encode(rand::random::<[u8; 32]>()))).collect();
    let hashes: Vec<Vec<u8>> = api_keys.iter().map(|key| Sha256::digest(key).to_vec()).collect();
    let ids: Vec<Uuid> = users.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query(
        "insert into api_keys (id, user_id, key_hash, scopes, created_at)
         select id, user_id, key_hash, '{read,spend,buy}', now()
         from unnest($1::uuid[], $2::text[], $3::bytea[]) as new (id, user_id, key_hash)",
    )
    .bind(&ids)
    .bind(&users)
    .bind(&hashes)
    .execute(&mut *connection)
    .await?;
    Ok(Seeded { users, api_keys, wallets })
}

/// Gives each wallet of a prefix a completed purchase of long ago, with its event.
pub async fn purchases(pool: &PgPool, prefix: &str) -> Result<()> {
    let mut connection = pool.acquire().await?;
    let statements = [
        UUID_OF_THE_PAST.to_owned(),
        format!(
            "insert into payments (id, user_id, wallet_id, dialect, kind, provider, mode, livemode, state, credits,
                                   amount_minor, currency, summary, provider_customer, provider_session,
                                   provider_payment, session_status, payment_status, created_at, expires_at,
                                   completed_at)
             select pg_temp.uuid_of_the_past(70000000000), user_id, id, 'samsar', 'one_time', 'stripe', 'payment',
                    false, 'completed', 2500000000, 2500, 'usd', 'Purchase 2500 credits', 'cus_' || user_id,
                    'cs_old_' || md5(user_id), 'pi_' || md5(user_id), 'complete', 'paid', now(), now(), now()
             from wallets where user_id like '{prefix}-%'"
        ),
        format!(
            "insert into provider_events (provider, event_id, event_type, outcome, received_at, handled_at)
             select 'stripe', 'evt_' || md5(user_id), 'checkout.session.completed', 'applied', now(), now()
             from wallets where user_id like '{prefix}-%'"
        ),
    ];
    execute_all(&mut connection, statements).await?;
    Ok(())
}

/// Creates orders of 2,500 credits, spread over the first `wallets` wallets.
pub async fn orders(pool: &PgPool, seeded: &Seeded, count: usize, wallets: usize) -> Result<Vec<Order>> {
    let orders: Vec<(Order, Uuid)> = (0..count)
        .map(|number| {
            let owner = number * 7_919 % wallets;
            (Order { id: Uuid::now_v7(), user: seeded.users[owner].clone() }, seeded.wallets[owner])
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
    settle(pool).await?;
    Ok(orders.into_iter().map(|(order, _)| order).collect())
}

/// Leaves nothing for the database to tidy up while something is measured.
pub async fn settle(pool: &PgPool) -> Result<()> {
    sqlx::query("vacuum analyze").execute(pool).await?;
    sqlx::query("checkpoint").execute(pool).await?;
    Ok(())
}
