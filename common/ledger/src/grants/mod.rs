//! The SQL of grants. Every function takes a connection, so that the caller owns the transaction.

use std::collections::{BTreeMap, HashMap};

mod giving;
mod views;

pub use giving::{GiveError, Given, NewCredits, VoidError, Voided, give, void};
pub use views::{GrantView, find, lapsing, list, of_causes};

use sqlx::PgConnection;
use uuid::Uuid;

use super::rules::GrantState;
use kernel::clock::Timestamp;
use kernel::ids::{GrantId, PaymentId, WalletId};
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
    pub wallet_id: WalletId,
    pub remaining: Credits,
    /// What has lapsed of it in all.
    pub lapsed: Credits,
}

/// How many open grants of a wallet are read at a time until its need is covered: nearly always the one that is burning
/// covers it, and each of the others would be another page.
const READ_AT_A_TIME: [Option<i64>; 3] = [Some(READ_FIRST), Some(32), None];
pub(super) const READ_FIRST: i64 = 2;

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
            limit.is_some_and(|limit| is_short(list, limit, needs.get(wallet).copied(), now))
        });
    }
    Ok(grants)
}

/// Whether a wallet may have more grants than those of its first `limit` that were read, and they do not cover its
/// need.
pub(super) fn is_short(grants: &[GrantState], limit: i64, need: Option<Credits>, now: Timestamp) -> bool {
    let is_all = i64::try_from(grants.len()).is_ok_and(|count| count < limit);
    !is_all && live_sum(grants, now) < need.unwrap_or_default().millionths()
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
