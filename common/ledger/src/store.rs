//! The SQL of wallets, grants and ledger entries. Resource first in the names; every function takes a connection,
//! so that the caller owns the transaction.

use std::collections::{BTreeMap, HashMap};

use sqlx::PgConnection;
use uuid::Uuid;

use super::levels::Levels;
use super::rules::{GrantState, WalletState};
use super::{Cause, CounterAccount, GrantSource, NewGrant};
use kernel::clock::Timestamp;
use kernel::ids::{EntryId, GrantId, PaymentId, WalletId};
use kernel::money::Credits;

/// A wallet as stored.
#[derive(Clone, Debug)]
pub struct WalletRow {
    /// Which.
    pub id: WalletId,
    /// Sum of its ledger.
    pub balance: Credits,
    /// Reserved.
    pub held: Credits,
    /// Owed.
    pub debt: Credits,
    /// A use that leaves less than this to spend makes a recharge due.
    pub recharge_below: Option<Credits>,
    /// A recharge is due while less than this can be spent.
    pub recharge_due_below: Option<Credits>,
    /// Below each of them those who see the wallet are told.
    pub alert_below: Vec<Credits>,
}

impl WalletRow {
    /// Its levels.
    pub fn levels(&self) -> Levels {
        Levels {
            recharge_below: self.recharge_below,
            recharge_due_below: self.recharge_due_below,
            alert_below: self.alert_below.clone(),
        }
    }
}

/// A ledger entry.
#[derive(Clone, Debug)]
pub struct EntryRow {
    /// Which.
    pub id: EntryId,
    /// Whose.
    pub wallet_id: WalletId,
    /// Signed.
    pub amount: Credits,
    /// The other side.
    pub counter_account: CounterAccount,
    /// The word that lists show.
    pub entry_type: String,
    /// For people.
    pub description: Option<String>,
    /// The kind of its cause.
    pub cause_kind: String,
    /// Its cause.
    pub cause_id: String,
    /// The wallet's balance after it.
    pub balance_after: Credits,
    /// When.
    pub created_at: Timestamp,
}

/// A grant whose time has come.
#[derive(Clone, Debug)]
pub struct DueGrant {
    /// Whose.
    pub wallet_id: WalletId,
    /// Which.
    pub grant_id: GrantId,
    /// What is left of it.
    pub remaining: Credits,
}

/// What movements left of a grant.
#[derive(Clone, Copy, Debug)]
pub(super) struct GrantLeft {
    /// Which.
    pub id: GrantId,
    /// What is left.
    pub remaining: Credits,
    /// What lapsed of it by these movements.
    pub lapsed: Credits,
}

/// What can be spent of a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spendable {
    /// The balance less what is held.
    pub available: Credits,
    /// A recharge is due while less than this can be spent; none: there is no reason for one.
    pub recharge_due_below: Option<Credits>,
}

/// Locks wallets, in the order of their ids.
pub(super) async fn wallets_lock(
    connection: &mut PgConnection,
    ids: &[WalletId],
) -> Result<Vec<WalletRow>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    sqlx::query_as!(
        WalletRow,
        r#"select id as "id: WalletId", balance as "balance: Credits", held as "held: Credits",
                  debt as "debt: Credits", recharge_below as "recharge_below: Credits",
                  recharge_due_below as "recharge_due_below: Credits", alert_below as "alert_below: Vec<Credits>"
           from wallets where id = any($1) order by id for no key update"#,
        &ids
    )
    .fetch_all(connection)
    .await
}

/// The levels below which those who see a wallet are told.
pub(super) async fn alerts(
    connection: &mut PgConnection,
    wallet: WalletId,
) -> Result<Vec<Credits>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select alert_below as "alert_below: Vec<Credits>" from wallets where id = $1"#,
        wallet.0
    )
    .fetch_one(connection)
    .await
}

pub(super) async fn alerts_write(
    connection: &mut PgConnection,
    wallet: WalletId,
    levels: &[i64],
) -> Result<(), sqlx::Error> {
    sqlx::query!("update wallets set alert_below = $2 where id = $1", wallet.0, levels)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes the sums of wallets that this transaction has locked, each with the level below which a recharge is due.
pub(super) async fn wallets_write(
    connection: &mut PgConnection,
    wallets: &[(&WalletState, Option<Credits>)],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = wallets.iter().map(|(wallet, _)| wallet.id.0).collect();
    let balances: Vec<i64> = wallets.iter().map(|(wallet, _)| wallet.balance.millionths()).collect();
    let held: Vec<i64> = wallets.iter().map(|(wallet, _)| wallet.held.millionths()).collect();
    let debts: Vec<i64> = wallets.iter().map(|(wallet, _)| wallet.debt.millionths()).collect();
    let due: Vec<Option<i64>> = wallets.iter().map(|(_, due)| due.map(Credits::millionths)).collect();
    sqlx::query!(
        "update wallets set balance = new.balance, held = new.held, debt = new.debt,
                            recharge_due_below = new.due
         from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
              as new (id, balance, held, debt, due)
         where wallets.id = new.id",
        &ids,
        &balances,
        &held,
        &debts,
        &due as &[Option<i64>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The balance less what has lapsed but is not yet taken off.
pub(super) async fn balance(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<Credits, sqlx::Error> {
    // Holds are covered by what burns first, which is what has lapsed.
    sqlx::query_scalar!(
        r#"select balance - greatest(coalesce((
               select sum(remaining) from grants
               where wallet_id = wallets.id and is_open and expires_at <= $2), 0)::bigint - held, 0)
               as "balance!: Credits"
           from wallets where id = $1"#,
        wallet.0,
        now
    )
    .fetch_one(connection)
    .await
}

/// What can be spent of a wallet, without what has lapsed but is not yet taken off, and whether a recharge is due.
pub(super) async fn spendable(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<Spendable, sqlx::Error> {
    sqlx::query_as!(
        Spendable,
        r#"select balance - held - greatest(coalesce((
               select sum(remaining) from grants
               where wallet_id = wallets.id and is_open and expires_at <= $2), 0)::bigint - held, 0)
               as "available!: Credits", recharge_due_below as "recharge_due_below: Credits"
           from wallets where id = $1"#,
        wallet.0,
        now
    )
    .fetch_one(connection)
    .await
}

/// How many open grants of a wallet are read at a time until its need is covered: nearly always the one that is burning
/// covers it, and each of the others would be another page.
const GRANTS_READ: [Option<i64>; 3] = [Some(2), Some(32), None];

/// Reads the open grants that are next to burn, for each wallet enough to cover its need.
pub(super) async fn load_grants(
    connection: &mut PgConnection,
    now: Timestamp,
    needs: &BTreeMap<WalletId, Credits>,
) -> Result<HashMap<WalletId, Vec<GrantState>>, sqlx::Error> {
    let mut grants = HashMap::new();
    let mut short: Vec<WalletId> = needs.keys().copied().collect();
    for limit in GRANTS_READ {
        if short.is_empty() {
            break;
        }
        grants.extend(grants_open(connection, &short, limit).await?);
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

async fn grants_open(
    connection: &mut PgConnection,
    wallets: &[WalletId],
    limit: Option<i64>,
) -> Result<HashMap<WalletId, Vec<GrantState>>, sqlx::Error> {
    let wallets: Vec<Uuid> = wallets.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select g.wallet_id as "wallet_id: WalletId", g.id as "id: GrantId", g.remaining as "remaining: Credits",
                  g.expires_at as "expires_at?", g.priority, g.created_at
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
            expires_at: row.expires_at,
            priority: row.priority,
            created_at: row.created_at,
        });
    }
    Ok(grants)
}

/// Reads grants by id, open or not.
pub(super) async fn grants_by_id(
    connection: &mut PgConnection,
    ids: &[GrantId],
) -> Result<Vec<(WalletId, GrantState)>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select wallet_id as "wallet_id: WalletId", id as "id: GrantId", remaining as "remaining: Credits",
                  expires_at, priority, created_at
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
                expires_at: row.expires_at,
                priority: row.priority,
                created_at: row.created_at,
            };
            (row.wallet_id, state)
        })
        .collect())
}

/// The open grants whose time has come and that no hold needs whole, in the order in which they burn.
pub(super) async fn grants_due(
    connection: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<DueGrant>, sqlx::Error> {
    sqlx::query_as!(
        DueGrant,
        r#"select g.wallet_id as "wallet_id: WalletId", g.id as "grant_id: GrantId",
                  g.remaining as "remaining: Credits"
           from grants g join wallets w on w.id = g.wallet_id
           where g.is_open and g.expires_at <= $1
             and (w.held = 0 or w.held < (
                 select sum(e.remaining) from grants e
                 where e.wallet_id = g.wallet_id and e.is_open
                   and (e.expires_at, e.priority, e.created_at, e.id)
                       <= (g.expires_at, g.priority, g.created_at, g.id)))
           order by g.expires_at limit $2"#,
        now,
        limit
    )
    .fetch_all(connection)
    .await
}

/// The open grants of a wallet whose time has come.
pub(super) async fn grants_due_of(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<Vec<DueGrant>, sqlx::Error> {
    sqlx::query_as!(
        DueGrant,
        r#"select wallet_id as "wallet_id: WalletId", id as "grant_id: GrantId", remaining as "remaining: Credits"
           from grants where wallet_id = $1 and is_open and expires_at <= $2
           order by expires_at, priority, created_at, id"#,
        wallet.0,
        now
    )
    .fetch_all(connection)
    .await
}

/// Writes what is left of grants.
pub(super) async fn grants_write(
    connection: &mut PgConnection,
    left: &[GrantLeft],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = left.iter().map(|grant| grant.id.0).collect();
    let amounts: Vec<i64> = left.iter().map(|grant| grant.remaining.millionths()).collect();
    let lapsed: Vec<i64> = left.iter().map(|grant| grant.lapsed.millionths()).collect();
    sqlx::query!(
        "update grants set remaining = new.remaining, is_open = new.remaining > 0, lapsed = grants.lapsed + new.lapsed
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
pub(super) async fn grants_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    grants: &[(WalletId, NewGrant)],
    left: &HashMap<GrantId, GrantLeft>,
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = grants.iter().map(|(_, grant)| grant.id.0).collect();
    let wallets: Vec<Uuid> = grants.iter().map(|(wallet, _)| wallet.0).collect();
    let payments: Vec<Option<Uuid>> =
        grants.iter().map(|(_, grant)| grant.payment_id.map(|id| id.0)).collect();
    let sources: Vec<&str> = grants.iter().map(|(_, grant)| grant.source.as_str()).collect();
    let amounts: Vec<i64> = grants.iter().map(|(_, grant)| grant.amount.millionths()).collect();
    let origins: Vec<Option<Uuid>> =
        grants.iter().map(|(_, grant)| grant.origin_payment_id.map(|id| id.0)).collect();
    let remaining: Vec<i64> = grants
        .iter()
        .map(|(_, grant)| left.get(&grant.id).map_or(grant.amount, |left| left.remaining).millionths())
        .collect();
    let lapsed: Vec<i64> = grants
        .iter()
        .map(|(_, grant)| left.get(&grant.id).map_or(Credits::ZERO, |left| left.lapsed).millionths())
        .collect();
    let priorities: Vec<i16> = grants.iter().map(|(_, grant)| grant.priority).collect();
    let expiries: Vec<Option<Timestamp>> = grants.iter().map(|(_, grant)| grant.expires_at).collect();
    sqlx::query!(
        "insert into grants (id, wallet_id, payment_id, source, amount, remaining, priority, expires_at, created_at,
                             is_open, origin_payment_id, lapsed)
         select id, wallet_id, payment_id, source, amount, remaining, priority, expires_at, $9, remaining > 0,
                origin_payment_id, lapsed
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::smallint[],
                     $8::timestamptz[], $10::uuid[], $11::bigint[])
              as new (id, wallet_id, payment_id, source, amount, remaining, priority, expires_at, origin_payment_id,
                      lapsed)",
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
        &lapsed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The entries that these causes have made before.
pub(super) async fn entries_by_cause(
    connection: &mut PgConnection,
    causes: &[&Cause],
) -> Result<Vec<EntryRow>, sqlx::Error> {
    let kinds: Vec<&str> = causes.iter().map(|cause| cause.kind).collect();
    let ids: Vec<&str> = causes.iter().map(|cause| cause.id.as_str()).collect();
    sqlx::query_as!(
        EntryRow,
        r#"select e.id as "id: EntryId", e.wallet_id as "wallet_id: WalletId", e.amount as "amount: Credits",
                  e.counter_account as "counter_account: CounterAccount", e.entry_type, e.description,
                  e.source_kind as cause_kind, e.source_id as cause_id,
                  e.balance_after as "balance_after: Credits", e.created_at
           from unnest($1::text[], $2::text[]) as wanted (kind, id)
           join ledger_entries e on e.source_kind = wanted.kind and e.source_id = wanted.id"#,
        &kinds as &[&str],
        &ids as &[&str]
    )
    .fetch_all(connection)
    .await
}

/// Appends entries.
pub(super) async fn entries_insert(
    connection: &mut PgConnection,
    entries: &[EntryRow],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id.0).collect();
    let wallets: Vec<Uuid> = entries.iter().map(|entry| entry.wallet_id.0).collect();
    let amounts: Vec<i64> = entries.iter().map(|entry| entry.amount.millionths()).collect();
    let counters: Vec<&str> = entries.iter().map(|entry| entry.counter_account.as_str()).collect();
    let types: Vec<&str> = entries.iter().map(|entry| entry.entry_type.as_str()).collect();
    let descriptions: Vec<Option<&str>> = entries.iter().map(|entry| entry.description.as_deref()).collect();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry.cause_kind.as_str()).collect();
    let causes: Vec<&str> = entries.iter().map(|entry| entry.cause_id.as_str()).collect();
    let balances: Vec<i64> = entries.iter().map(|entry| entry.balance_after.millionths()).collect();
    let times: Vec<Timestamp> = entries.iter().map(|entry| entry.created_at).collect();
    sqlx::query!(
        "insert into ledger_entries (id, wallet_id, amount, counter_account, entry_type, description, source_kind,
                                     source_id, balance_after, created_at)
         select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
                              $8::text[], $9::bigint[], $10::timestamptz[])",
        &ids,
        &wallets,
        &amounts,
        &counters as &[&str],
        &types as &[&str],
        &descriptions as &[Option<&str>],
        &kinds as &[&str],
        &causes as &[&str],
        &balances,
        &times
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Which grants of a wallet lapse earlier than they would.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    pub source: GrantSource,
    /// Those that would lapse by then…
    pub until: Timestamp,
    /// …lapse at this time.
    pub at: Timestamp,
    /// The grants of this payment stay.
    pub except: Option<PaymentId>,
}

/// Has grants lapse earlier. Doing it again changes nothing.
///
/// # Errors
/// Database errors only.
pub async fn grants_end(
    connection: &mut PgConnection,
    wallet: WalletId,
    ending: &Ending,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with locked as (select id from wallets where id = $1 for update)
         update grants set expires_at = $4 from locked
         where wallet_id = locked.id and source = $2 and is_open and expires_at > $4 and expires_at <= $3
           and payment_id is distinct from $5",
        wallet.0,
        ending.source.as_str(),
        ending.until,
        ending.at,
        ending.except.map(|id| id.0)
    )
    .execute(connection)
    .await?;
    Ok(())
}
