//! The SQL of grants. Every function takes a connection, so that the caller owns the transaction.

use std::collections::{BTreeMap, HashMap};

mod giving;
mod views;

pub use giving::{GiveError, Given, NewCredits, VoidError, Voided, give, void};
pub use views::{GrantView, find, lapsing, list, of_causes};

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::NewGrant;
use super::rules::GrantState;
use kernel::clock::Timestamp;
use kernel::ids::{GrantId, PaymentId, WalletId};
use kernel::metadata::Metadata;
use kernel::money::Credits;

/// A grant whose time has come.
#[derive(Clone, Debug)]
pub struct DueGrant {
    pub wallet_id: WalletId,
    pub grant_id: GrantId,
    /// What is left of it.
    pub remaining: Credits,
    /// What has lapsed of it before.
    pub lapsed: Credits,
}

/// What movements left of a grant.
#[derive(Clone, Copy, Debug)]
pub(super) struct GrantLeft {
    pub id: GrantId,
    pub remaining: Credits,
    /// What has lapsed of it in all.
    pub lapsed: Credits,
}

/// How many open grants of a wallet are read at a time until its need is covered: nearly always the one that is burning
/// covers it, and each of the others would be another page.
const READ_AT_A_TIME: [Option<i64>; 3] = [Some(2), Some(32), None];

/// Reads the open grants that are next to burn, for each wallet enough to cover its need.
pub(super) async fn load(
    connection: &mut PgConnection,
    now: Timestamp,
    needs: &BTreeMap<WalletId, Credits>,
) -> Result<HashMap<WalletId, Vec<GrantState>>, sqlx::Error> {
    let mut grants = HashMap::new();
    let mut short: Vec<WalletId> = needs.keys().copied().collect();
    for limit in READ_AT_A_TIME {
        if short.is_empty() {
            break;
        }
        grants.extend(open(connection, &short, limit).await?);
        short.retain(|wallet| {
            let list = grants.get(wallet).map(Vec::as_slice).unwrap_or_default();
            let is_all = limit.is_none_or(|limit| i64::try_from(list.len()).is_ok_and(|count| count < limit));
            !is_all && live_sum(list, now) < needs.get(wallet).copied().unwrap_or_default().millionths()
        });
    }
    Ok(grants)
}

/// What grants that have not lapsed have left, in millionths.
fn live_sum(grants: &[GrantState], now: Timestamp) -> i64 {
    let live = grants.iter().filter(|grant| grant.expires_at.is_none_or(|at| at > now));
    live.map(|grant| grant.remaining.millionths()).fold(0, i64::saturating_add)
}

async fn open(
    connection: &mut PgConnection,
    wallets: &[WalletId],
    limit: Option<i64>,
) -> Result<HashMap<WalletId, Vec<GrantState>>, sqlx::Error> {
    let wallets: Vec<Uuid> = wallets.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select g.wallet_id as "wallet_id: WalletId", g.id as "id: GrantId", g.remaining as "remaining: Credits",
                  g.lapsed as "lapsed: Credits", g.expires_at as "expires_at?", g.priority, g.created_at
           from unnest($1::uuid[]) as wanted (id)
           cross join lateral (
               select * from grants where wallet_id = wanted.id and is_open
               order by expires_at, priority, created_at, id limit $2) g"#,
        &wallets,
        limit
    )
    .fetch_all(connection)
    .await?;
    let mut grants: HashMap<WalletId, Vec<GrantState>> = HashMap::new();
    for row in rows {
        grants.entry(row.wallet_id).or_default().push(GrantState {
            id: row.id,
            remaining: row.remaining,
            lapsed: row.lapsed,
            expires_at: row.expires_at,
            priority: row.priority,
            created_at: row.created_at,
        });
    }
    Ok(grants)
}

/// Reads grants by id, open or not.
pub(super) async fn by_id(
    connection: &mut PgConnection,
    ids: &[GrantId],
) -> Result<Vec<(WalletId, GrantState)>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select wallet_id as "wallet_id: WalletId", id as "id: GrantId", remaining as "remaining: Credits",
                  lapsed as "lapsed: Credits", expires_at, priority, created_at
           from grants where id = any($1)"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let state = GrantState {
                id: row.id,
                remaining: row.remaining,
                lapsed: row.lapsed,
                expires_at: row.expires_at,
                priority: row.priority,
                created_at: row.created_at,
            };
            (row.wallet_id, state)
        })
        .collect())
}

/// The open grants whose time has come and that no hold needs whole, in the order in which they burn.
pub(super) async fn due(
    connection: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<DueGrant>, sqlx::Error> {
    sqlx::query_as!(
        DueGrant,
        r#"select g.wallet_id as "wallet_id: WalletId", g.id as "grant_id: GrantId",
                  g.remaining as "remaining: Credits", g.lapsed as "lapsed: Credits"
           from grants g join wallets w on w.id = g.wallet_id
           where g.is_open and g.expires_at <= $1
             and (w.held = 0 or w.held < (
                 select sum(e.remaining) from grants e
                 where e.wallet_id = g.wallet_id and e.is_open
                   and (e.expires_at, e.priority, e.created_at, e.id)
                       <= (g.expires_at, g.priority, g.created_at, g.id)))
           order by g.expires_at limit $2
           for no key update of w skip locked"#,
        now,
        limit
    )
    .fetch_all(connection)
    .await
}

/// The open grants of a wallet whose time has come.
pub(super) async fn due_of(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<Vec<DueGrant>, sqlx::Error> {
    sqlx::query_as!(
        DueGrant,
        r#"select wallet_id as "wallet_id: WalletId", id as "grant_id: GrantId", remaining as "remaining: Credits",
                  lapsed as "lapsed: Credits"
           from grants where wallet_id = $1 and is_open and expires_at <= $2
           order by expires_at, priority, created_at, id"#,
        wallet.0,
        now
    )
    .fetch_all(connection)
    .await
}

/// Writes what is left of grants.
pub(super) async fn write(connection: &mut PgConnection, left: &[GrantLeft]) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = left.iter().map(|grant| grant.id.0).collect();
    let amounts: Vec<i64> = left.iter().map(|grant| grant.remaining.millionths()).collect();
    let lapsed: Vec<i64> = left.iter().map(|grant| grant.lapsed.millionths()).collect();
    sqlx::query!(
        "update grants set remaining = new.remaining, is_open = new.remaining > 0, lapsed = new.lapsed
         from unnest($1::uuid[], $2::bigint[], $3::bigint[]) as new (id, remaining, lapsed)
         where grants.id = new.id",
        &ids,
        &amounts,
        &lapsed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds grants; `left` says what later movements of the same transaction left of them.
pub(super) async fn insert(
    connection: &mut PgConnection,
    now: Timestamp,
    grants: &[(WalletId, NewGrant, Metadata)],
    left: &HashMap<GrantId, GrantLeft>,
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = grants.iter().map(|(_, grant, _)| grant.id.0).collect();
    let wallets: Vec<Uuid> = grants.iter().map(|(wallet, ..)| wallet.0).collect();
    let payments: Vec<Option<Uuid>> =
        grants.iter().map(|(_, grant, _)| grant.payment_id.map(|id| id.0)).collect();
    let sources: Vec<&str> = grants.iter().map(|(_, grant, _)| grant.source.as_str()).collect();
    let amounts: Vec<i64> = grants.iter().map(|(_, grant, _)| grant.amount.millionths()).collect();
    let origins: Vec<Option<Uuid>> =
        grants.iter().map(|(_, grant, _)| grant.origin_payment_id.map(|id| id.0)).collect();
    let remaining: Vec<i64> = grants
        .iter()
        .map(|(_, grant, _)| left.get(&grant.id).map_or(grant.amount, |left| left.remaining).millionths())
        .collect();
    let lapsed: Vec<i64> = grants
        .iter()
        .map(|(_, grant, _)| left.get(&grant.id).map_or(Credits::ZERO, |left| left.lapsed).millionths())
        .collect();
    let priorities: Vec<i16> = grants.iter().map(|(_, grant, _)| grant.priority).collect();
    let attached = |metadata: &Metadata| (!metadata.is_empty()).then(|| Json(metadata.clone()));
    let metadata: Vec<Option<Json<Metadata>>> =
        grants.iter().map(|(.., metadata)| attached(metadata)).collect();
    let expiries: Vec<Option<Timestamp>> = grants.iter().map(|(_, grant, _)| grant.expires_at).collect();
    sqlx::query!(
        "insert into grants (id, wallet_id, payment_id, source, amount, remaining, priority, expires_at, created_at,
                             is_open, origin_payment_id, lapsed, metadata)
         select id, wallet_id, payment_id, source, amount, remaining, priority, expires_at, $9, remaining > 0,
                origin_payment_id, lapsed, metadata
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::smallint[],
                     $8::timestamptz[], $10::uuid[], $11::bigint[], $12::jsonb[])
              as new (id, wallet_id, payment_id, source, amount, remaining, priority, expires_at, origin_payment_id,
                      lapsed, metadata)",
        &ids,
        &wallets,
        &payments as &[Option<Uuid>],
        &sources as &[&str],
        &amounts,
        &remaining,
        &priorities,
        &expiries as &[Option<Timestamp>],
        now,
        &origins as &[Option<Uuid>],
        &lapsed,
        &metadata as &[Option<Json<Metadata>>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// That what a payment granted, and what was given back of it, lapses earlier than it would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    pub payment: PaymentId,
    pub at: Timestamp,
}

/// Has grants of a wallet lapse earlier. Doing it again changes nothing.
///
/// # Errors
/// Database errors only.
pub async fn end(
    connection: &mut PgConnection,
    wallet: WalletId,
    endings: &[Ending],
) -> Result<(), sqlx::Error> {
    let payments: Vec<Uuid> = endings.iter().map(|ending| ending.payment.0).collect();
    let times: Vec<Timestamp> = endings.iter().map(|ending| ending.at).collect();
    sqlx::query!(
        "with locked as (select id from wallets where id = $1 for update),
              ended as (
             select its.id, at from locked, unnest($2::uuid[], $3::timestamptz[]) as ending (payment_id, at)
             cross join lateral (
                 select id from grants where grants.payment_id = ending.payment_id
                 union all select id from grants where origin_payment_id = ending.payment_id) as its)
         update grants set expires_at = ended.at from ended
         where grants.id = ended.id and is_open and expires_at > ended.at",
        wallet.0,
        &payments,
        &times
    )
    .execute(connection)
    .await?;
    Ok(())
}
