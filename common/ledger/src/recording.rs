//! The SQL that writes what movements changed. All of it is one statement: each more would be another round trip, which
//! in a cloud costs more than what the statement does.

use std::collections::HashMap;

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::grants::GrantLeft;
use super::rules::{Burned, WalletState};
use super::store::EntryRow;
use super::{Counted, NewGrant};
use kernel::clock::Timestamp;
use kernel::ids::{GrantId, UserId, WalletId};
use kernel::metadata::Metadata;
use kernel::money::Credits;

/// What is to be written of a wallet, which this transaction has locked.
pub(super) struct WalletSums<'a> {
    pub(super) state: &'a WalletState,
    /// A recharge is due while less than this can be spent.
    pub(super) due: Option<Credits>,
    pub(super) last_notice: i64,
}

/// What movements changed.
pub(super) struct Changes<'a> {
    pub(super) wallets: &'a [WalletSums<'a>],
    /// Of grants that were there before.
    pub(super) burnt: &'a [GrantLeft],
    pub(super) new_grants: &'a [(WalletId, NewGrant, Metadata)],
    /// What later movements of the same transaction left of grants.
    pub(super) left: &'a HashMap<GrantId, GrantLeft>,
    pub(super) entries: &'a [EntryRow],
}

/// `same` chooses the wallets that are written, `these` and `theirs` keep the rest to them.
macro_rules! record {
    ($same:literal, $these:literal, $theirs:literal, $now:expr, $changes:expr $(, $more:expr)?) => {{
        let wallets = WalletColumns::of($changes.wallets);
        let burnt = BurntColumns::of($changes.burnt);
        let grants = GrantColumns::of($changes.new_grants, $changes.left);
        let entries = EntryColumns::of($changes.entries);
        sqlx::query_scalar!(
            "with " + $same + "sums as (
                 update wallets set balance = new.balance, held = new.held, debt = new.debt,
                                    recharge_due_below = new.due, last_notice = new.last_notice
                 from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
                      as new (id, balance, held, debt, due, last_notice)
                 where wallets.id = new.id" + $these + r#"
                 returning wallets.id),
             burnt as (
                 update grants set remaining = new.remaining, is_open = new.remaining > 0, lapsed = new.lapsed
                 from unnest($7::uuid[], $8::uuid[], $9::bigint[], $10::bigint[])
                      as new (id, wallet_id, remaining, lapsed)
                 where grants.id = new.id"# + $theirs + r#"),
             given as (
                 insert into grants (id, wallet_id, payment_id, source, amount, remaining, priority, expires_at,
                                     created_at, is_open, origin_payment_id, lapsed, metadata)
                 select id, wallet_id, payment_id, source, amount, remaining, priority, expires_at, $11,
                        remaining > 0, origin_payment_id, lapsed, metadata
                 from unnest($12::uuid[], $13::uuid[], $14::uuid[], $15::text[], $16::bigint[], $17::bigint[],
                             $18::smallint[], $19::timestamptz[], $20::uuid[], $21::bigint[], $22::jsonb[])
                      as new (id, wallet_id, payment_id, source, amount, remaining, priority, expires_at,
                              origin_payment_id, lapsed, metadata)
                 where true"# + $theirs + r#"),
             recorded as (
                 insert into ledger_entries (id, wallet_id, amount, counter_account, entry_type, description,
                                             source_kind, source_id, balance_after, created_at, metadata,
                                             member_id, api_key_id, burned, grant_id, debit_id, held_after,
                                             counted)
                 select * from unnest($23::uuid[], $24::uuid[], $25::bigint[], $26::text[], $27::text[],
                                      $28::text[], $29::text[], $30::text[], $31::bigint[], $32::timestamptz[],
                                      $33::jsonb[], $34::text[], $35::uuid[], $36::jsonb[], $37::uuid[],
                                      $38::uuid[], $39::bigint[], $40::jsonb[])
                               as new (id, wallet_id)
                 where true"# + $theirs + r#")
             select id as "id: WalletId" from sums"#,
            &wallets.ids,
            &wallets.balances,
            &wallets.held,
            &wallets.debts,
            &wallets.due as &[Option<i64>],
            &wallets.last_notices,
            &burnt.ids,
            &burnt.wallets,
            &burnt.remaining,
            &burnt.lapsed,
            $now,
            &grants.ids,
            &grants.wallets,
            &grants.payments as &[Option<Uuid>],
            &grants.sources as &[&str],
            &grants.amounts,
            &grants.remaining,
            &grants.priorities,
            &grants.expiries as &[Option<Timestamp>],
            &grants.origins as &[Option<Uuid>],
            &grants.lapsed,
            &grants.metadata as &[Option<Json<&Metadata>>],
            &entries.ids,
            &entries.wallets,
            &entries.amounts,
            &entries.counters as &[&str],
            &entries.types as &[&str],
            &entries.descriptions as &[Option<&str>],
            &entries.kinds as &[&str],
            &entries.causes as &[&str],
            &entries.balances,
            &entries.times,
            &entries.metadata as &[Option<Json<&Metadata>>],
            &entries.members as &[Option<&str>],
            &entries.keys as &[Option<Uuid>],
            &entries.burned as &[Option<&Json<Burned>>],
            &entries.grants as &[Option<Uuid>],
            &entries.debits as &[Option<Uuid>],
            &entries.held as &[Option<i64>],
            &entries.counted as &[Option<&Json<Counted>>]
            $(, $more)?
        )
    }};
}

/// Writes them, of wallets that this transaction has locked.
pub(super) async fn record(
    connection: &mut PgConnection,
    now: Timestamp,
    changes: &Changes<'_>,
) -> Result<(), sqlx::Error> {
    record!("", "", "", now, changes).fetch_all(connection).await.map(drop)
}

/// Writes them of the wallets that are still in these versions and that nobody has locked, and returns which those are.
pub(super) async fn record_unchanged(
    connection: &mut PgConnection,
    now: Timestamp,
    changes: &Changes<'_>,
    versions: &[&str],
) -> Result<Vec<WalletId>, sqlx::Error> {
    // A lock waits for nobody, and sees a change that was committed since the statement began. `is true` has the
    // members looked up in a hash table, where the planner would join.
    record!(
        "same as (
             select wallets.id from wallets join unnest($1::uuid[], $41::text[]) as seen (id, version) using (id)
             where wallets.xmin = seen.version::xid order by wallets.id
             for no key update of wallets skip locked),
         ",
        " and (wallets.id in (select id from same)) is true",
        " and (new.wallet_id in (select id from sums)) is true",
        now,
        changes,
        versions as &[&str]
    )
    .fetch_all(connection)
    .await
}

struct WalletColumns {
    ids: Vec<Uuid>,
    balances: Vec<i64>,
    held: Vec<i64>,
    debts: Vec<i64>,
    due: Vec<Option<i64>>,
    last_notices: Vec<i64>,
}

impl WalletColumns {
    fn of(wallets: &[WalletSums<'_>]) -> Self {
        let each = || wallets.iter();
        Self {
            ids: each().map(|wallet| wallet.state.id.0).collect(),
            balances: each().map(|wallet| wallet.state.balance.millionths()).collect(),
            held: each().map(|wallet| wallet.state.held.millionths()).collect(),
            debts: each().map(|wallet| wallet.state.debt.millionths()).collect(),
            due: each().map(|wallet| wallet.due.map(Credits::millionths)).collect(),
            last_notices: each().map(|wallet| wallet.last_notice).collect(),
        }
    }
}

struct BurntColumns {
    ids: Vec<Uuid>,
    wallets: Vec<Uuid>,
    remaining: Vec<i64>,
    lapsed: Vec<i64>,
}

impl BurntColumns {
    fn of(burnt: &[GrantLeft]) -> Self {
        Self {
            ids: burnt.iter().map(|grant| grant.id.0).collect(),
            wallets: burnt.iter().map(|grant| grant.wallet_id.0).collect(),
            remaining: burnt.iter().map(|grant| grant.remaining.millionths()).collect(),
            lapsed: burnt.iter().map(|grant| grant.lapsed.millionths()).collect(),
        }
    }
}

struct GrantColumns<'a> {
    ids: Vec<Uuid>,
    wallets: Vec<Uuid>,
    payments: Vec<Option<Uuid>>,
    sources: Vec<&'a str>,
    amounts: Vec<i64>,
    remaining: Vec<i64>,
    priorities: Vec<i16>,
    expiries: Vec<Option<Timestamp>>,
    origins: Vec<Option<Uuid>>,
    lapsed: Vec<i64>,
    metadata: Vec<Option<Json<&'a Metadata>>>,
}

impl<'a> GrantColumns<'a> {
    fn of(given: &'a [(WalletId, NewGrant, Metadata)], left: &HashMap<GrantId, GrantLeft>) -> Self {
        let each = || given.iter().map(|(_, grant, _)| grant);
        let remaining = |grant: &NewGrant| left.get(&grant.id).map_or(grant.amount, |left| left.remaining);
        let lapsed = |grant: &NewGrant| left.get(&grant.id).map_or(Credits::ZERO, |left| left.lapsed);
        Self {
            ids: each().map(|grant| grant.id.0).collect(),
            wallets: given.iter().map(|(wallet, ..)| wallet.0).collect(),
            payments: each().map(|grant| grant.payment_id.map(|id| id.0)).collect(),
            sources: each().map(|grant| grant.source.as_str()).collect(),
            amounts: each().map(|grant| grant.amount.millionths()).collect(),
            remaining: each().map(|grant| remaining(grant).millionths()).collect(),
            priorities: each().map(|grant| grant.priority).collect(),
            expiries: each().map(|grant| grant.expires_at).collect(),
            origins: each().map(|grant| grant.origin_payment_id.map(|id| id.0)).collect(),
            lapsed: each().map(|grant| lapsed(grant).millionths()).collect(),
            metadata: given.iter().map(|(.., metadata)| attached(metadata)).collect(),
        }
    }
}

struct EntryColumns<'a> {
    ids: Vec<Uuid>,
    wallets: Vec<Uuid>,
    amounts: Vec<i64>,
    counters: Vec<&'static str>,
    types: Vec<&'a str>,
    descriptions: Vec<Option<&'a str>>,
    kinds: Vec<&'a str>,
    causes: Vec<&'a str>,
    balances: Vec<i64>,
    times: Vec<Timestamp>,
    metadata: Vec<Option<Json<&'a Metadata>>>,
    members: Vec<Option<&'a str>>,
    keys: Vec<Option<Uuid>>,
    burned: Vec<Option<&'a Json<Burned>>>,
    grants: Vec<Option<Uuid>>,
    debits: Vec<Option<Uuid>>,
    held: Vec<Option<i64>>,
    counted: Vec<Option<&'a Json<Counted>>>,
}

impl<'a> EntryColumns<'a> {
    fn of(entries: &'a [EntryRow]) -> Self {
        let each = || entries.iter();
        Self {
            ids: each().map(|entry| entry.id.0).collect(),
            wallets: each().map(|entry| entry.wallet_id.0).collect(),
            amounts: each().map(|entry| entry.amount.millionths()).collect(),
            counters: each().map(|entry| entry.counter_account.as_str()).collect(),
            types: each().map(|entry| entry.entry_type.as_str()).collect(),
            descriptions: each().map(|entry| entry.description.as_deref()).collect(),
            kinds: each().map(|entry| entry.cause_kind.as_str()).collect(),
            causes: each().map(|entry| entry.cause_id.as_str()).collect(),
            balances: each().map(|entry| entry.balance_after.millionths()).collect(),
            times: each().map(|entry| entry.created_at).collect(),
            metadata: each().map(|entry| attached(&entry.metadata)).collect(),
            members: each().map(|entry| entry.member_id.as_ref().map(UserId::as_str)).collect(),
            keys: each().map(|entry| entry.api_key_id.map(|id| id.0)).collect(),
            burned: each().map(|entry| entry.burned.as_ref()).collect(),
            grants: each().map(|entry| entry.grant_id.map(|id| id.0)).collect(),
            debits: each().map(|entry| entry.debit_id.map(|id| id.0)).collect(),
            held: each().map(|entry| entry.held_after.map(Credits::millionths)).collect(),
            counted: each().map(|entry| entry.counted.as_ref()).collect(),
        }
    }
}

fn attached(metadata: &Metadata) -> Option<Json<&Metadata>> {
    (!metadata.is_empty()).then_some(Json(metadata))
}
