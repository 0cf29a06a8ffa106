//! The SQL of wallets and ledger entries. Resource first in the names; every function takes a connection,
//! so that the caller owns the transaction.

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::levels::Levels;
use super::rules::Burned;
use super::{Cause, Counted, CounterAccount};
use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, EntryId, GrantId, UserId, WalletId};
use kernel::metadata::Metadata;
use kernel::money::Credits;

/// A wallet as stored.
#[derive(Clone, Debug)]
pub struct WalletRow {
    pub id: WalletId,
    /// Sum of its ledger.
    pub balance: Credits,
    pub held: Credits,
    pub debt: Credits,
    /// A use that leaves less than this to spend makes a recharge due.
    pub recharge_below: Option<Credits>,
    /// A recharge is due while less than this can be spent.
    pub recharge_due_below: Option<Credits>,
    /// Below each of them the people who see the wallet are notified.
    pub alert_below: Vec<Credits>,
    /// The number of its last notice.
    pub last_notice: i64,
    /// Whether a webhook endpoint takes every movement; of all wallets alike.
    pub is_told: bool,
    /// Whether any member's spending of it is limited.
    pub members_are_limited: bool,
    /// Whether that of one of the keys is that were asked about; of all wallets alike.
    pub keys_are_limited: bool,
}

impl WalletRow {
    pub fn levels(&self) -> Levels {
        Levels {
            recharge_below: self.recharge_below,
            recharge_due_below: self.recharge_due_below,
            alert_below: self.alert_below.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct EntryRow {
    pub id: EntryId,
    pub wallet_id: WalletId,
    /// Signed.
    pub amount: Credits,
    pub counter_account: CounterAccount,
    /// The word that lists show.
    pub entry_type: String,
    /// For people.
    pub description: Option<String>,
    /// The kind of its cause.
    pub cause_kind: String,
    pub cause_id: String,
    /// The wallet's balance after it.
    pub balance_after: Credits,
    /// What of it was held; none of entries that are older than this column.
    pub held_after: Option<Credits>,
    pub created_at: Timestamp,
    /// What was attached to it.
    pub metadata: Metadata,
    /// Who did it…
    pub member_id: Option<UserId>,
    /// …and with which key.
    pub api_key_id: Option<ApiKeyId>,
    /// What a debit or a capture was taken from; none of other entries, and of those that are older than this column.
    pub burned: Option<Json<Burned>>,
    /// The grant that it made, or that lapsed.
    pub grant_id: Option<GrantId>,
    /// The debit that it gives back.
    pub debit_id: Option<EntryId>,
    /// The limits that counted it, the hold that it ends, or the debit that it gives back.
    pub counted: Option<Json<Counted>>,
}

impl EntryRow {
    /// What could be spent after it.
    pub fn available_after(&self) -> Credits {
        let held = self.held_after.unwrap_or(Credits::ZERO);
        self.balance_after.checked_sub(held).unwrap_or(Credits::ZERO).max(Credits::ZERO)
    }
}

/// What can be spent of a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spendable {
    /// The balance less what is held.
    pub available: Credits,
    /// A recharge is due while less than this can be spent; none: there is no reason for one.
    pub recharge_due_below: Option<Credits>,
}

macro_rules! lock_wallets {
    ($waiting:literal, $ids:expr, $keys:expr) => {
        sqlx::query_as!(
            WalletRow,
            r#"select id as "id: WalletId", balance as "balance: Credits", held as "held: Credits",
                  debt as "debt: Credits", recharge_below as "recharge_below: Credits",
                  recharge_due_below as "recharge_due_below: Credits", alert_below as "alert_below: Vec<Credits>",
                  last_notice, (select wallet_changes_are_told()) as "is_told!", members_are_limited,
                  (select exists (select from limits
                                  where api_key_id = any($2) and coalesce(day_limit, month_limit) is not null))
                      as "keys_are_limited!"
           from wallets where id = any($1) order by id for no key update"#
                + $waiting,
            $ids,
            $keys
        )
    };
}

/// Locks wallets, in the order of their ids.
pub(super) async fn wallets_lock(
    connection: &mut PgConnection,
    ids: &[WalletId],
) -> Result<Vec<WalletRow>, sqlx::Error> {
    wallets_lock_for(connection, ids, &[]).await
}

/// As [`wallets_lock`], to spend with these keys.
pub(super) async fn wallets_lock_for(
    connection: &mut PgConnection,
    ids: &[WalletId],
    keys: &[ApiKeyId],
) -> Result<Vec<WalletRow>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let keys: Vec<Uuid> = keys.iter().map(|id| id.0).collect();
    lock_wallets!("", &ids, &keys).fetch_all(connection).await
}

/// Locks those of some wallets that no other transaction has locked.
pub(super) async fn wallets_lock_free(
    connection: &mut PgConnection,
    ids: &[WalletId],
    keys: &[ApiKeyId],
) -> Result<Vec<WalletRow>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let keys: Vec<Uuid> = keys.iter().map(|id| id.0).collect();
    lock_wallets!(" skip locked", &ids, &keys).fetch_all(connection).await
}

/// The balance less what has lapsed but is not yet taken off.
pub(super) async fn balance(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<Credits, sqlx::Error> {
    // Holds are covered by what burns first, which is what has lapsed. The order names the index that reads no more.
    sqlx::query_scalar!(
        r#"select balance - greatest(coalesce((
               select sum(remaining) from (
                   select remaining from grants
                   where wallet_id = wallets.id and is_open and expires_at <= $2 order by expires_at) as lapsed),
               0)::bigint - held, 0)
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
               select sum(remaining) from (
                   select remaining from grants
                   where wallet_id = wallets.id and is_open and expires_at <= $2 order by expires_at) as lapsed),
               0)::bigint - held, 0)
               as "available!: Credits", recharge_due_below as "recharge_due_below: Credits"
           from wallets where id = $1"#,
        wallet.0,
        now
    )
    .fetch_one(connection)
    .await
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
                  e.balance_after as "balance_after: Credits", e.held_after as "held_after: Credits", e.created_at,
                  coalesce(e.metadata, '{}') as "metadata!: Metadata", e.member_id as "member_id: UserId",
                  e.api_key_id as "api_key_id: ApiKeyId", e.burned as "burned: Json<Burned>",
                  e.grant_id as "grant_id: GrantId", e.debit_id as "debit_id: EntryId",
                  e.counted as "counted: Json<Counted>"
           from unnest($1::text[], $2::text[]) as wanted (kind, id)
           join ledger_entries e on e.source_kind = wanted.kind and e.source_id = wanted.id"#,
        &kinds as &[&str],
        &ids as &[&str]
    )
    .fetch_all(connection)
    .await
}
