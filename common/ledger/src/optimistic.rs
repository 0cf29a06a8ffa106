//! Debits without locks: one statement reads what they need, another writes what they change, of the wallets that are
//! still as they were read. Each statement is a round trip; to lock, read, write and commit one after the other takes
//! six of them, which in a cloud is most of what a debit costs.

use std::collections::{BTreeSet, HashMap};

use sqlx::PgConnection;
use uuid::Uuid;

use super::book::Book;
use super::grants::{READ_FIRST, is_short};
use super::limits::{Counting, keys_of};
use super::needs::{needs, wallets_of};
use super::operations::Debited;
use super::rules::GrantState;
use super::store::WalletRow;
use super::{Change, Movement, Posted};
use kernel::clock::Timestamp;
use kernel::ids::{GrantId, WalletId};
use kernel::money::Credits;

/// As [`post_unlocked`](super::operations::post_unlocked), in two round trips, the second of which commits: to be
/// called outside of a transaction.
///
/// Has no outcome either for a movement of a wallet that changed meanwhile, that was made before, that a limit may
/// count, or of which more follows than an entry: of those nothing is written.
///
/// # Errors
/// Database errors only. Nothing was written, unless the answer to the write was lost.
pub async fn post_unchanged(
    connection: &mut PgConnection,
    now: Timestamp,
    movements: &[Movement],
) -> Result<Debited<Option<Posted>>, sqlx::Error> {
    let seen = Seen::read(connection, movements).await?;
    let difficult = seen.difficult(now, movements);
    let is_easy = |wallet| seen.versions.contains_key(&wallet) && !difficult.contains(&wallet);
    let mut book = Book::with(now, seen.wallets, seen.grants, Vec::new(), Counting::default());
    let each = movements.iter().map(|movement| is_easy(movement.wallet_id).then(|| book.post(movement)));
    let each: Vec<_> = each.collect();
    let (left_out, live) = book.finish_unchanged(connection, &seen.versions).await?;
    let holds = |movement: &Movement| !left_out.contains(&movement.wallet_id);
    let each = each.into_iter().zip(movements).map(|(posted, movement)| posted.filter(|_| holds(movement)));
    Ok(Debited { each: each.collect(), jobs: Vec::new(), live })
}

/// What one statement reads of wallets, all of the same moment.
#[derive(Default)]
struct Seen {
    wallets: Vec<WalletRow>,
    /// The first grants of each that burn next.
    grants: HashMap<WalletId, Vec<GrantState>>,
    /// Changes with each change of a wallet's row, and nothing of a wallet changes without its row.
    versions: HashMap<WalletId, String>,
    /// Which of the movements were made before.
    posted: BTreeSet<usize>,
}

impl Seen {
    async fn read(connection: &mut PgConnection, movements: &[Movement]) -> Result<Self, sqlx::Error> {
        let wallets: Vec<Uuid> = wallets_of(movements).iter().map(|id| id.0).collect();
        let keys: Vec<Uuid> = keys_of(movements).iter().map(|id| id.0).collect();
        let kinds: Vec<&str> = movements.iter().map(|movement| movement.cause.kind).collect();
        let causes: Vec<&str> = movements.iter().map(|movement| movement.cause.id.as_str()).collect();
        let rows = sqlx::query!(
            r#"select w.id as "id: WalletId", w.balance as "balance: Credits", w.held as "held: Credits",
                      w.debt as "debt: Credits", w.recharge_below as "recharge_below: Credits",
                      w.recharge_due_below as "recharge_due_below: Credits",
                      w.alert_below as "alert_below: Vec<Credits>", w.last_notice,
                      (select wallet_changes_are_told()) as "is_told!", w.members_are_limited,
                      (select exists (select from limits
                                      where api_key_id = any($2) and coalesce(day_limit, month_limit) is not null))
                          as "keys_are_limited!",
                      w.xmin::text as "version!",
                      array(select position
                            from unnest($3::text[], $4::text[]) with ordinality as cause (kind, id, position)
                            join ledger_entries e on e.source_kind = cause.kind and e.source_id = cause.id)
                          as "posted!",
                      g.id as "grant_id?: GrantId", g.remaining as "remaining?: Credits",
                      g.lapsed as "lapsed?: Credits", g.expires_at as "expires_at?", g.priority as "priority?",
                      g.created_at as "granted_at?"
               from wallets w
               left join lateral (
                   select * from grants where wallet_id = w.id and is_open
                   order by expires_at, priority, created_at, id limit $5) g on true
               where w.id = any($1)"#,
            &wallets,
            &keys,
            &kinds as &[&str],
            &causes as &[&str],
            READ_FIRST
        )
        .fetch_all(connection)
        .await?;
        let mut seen = Self::default();
        for row in rows {
            let grant = (row.grant_id, row.remaining, row.lapsed, row.priority, row.granted_at);
            if let (Some(id), Some(remaining), Some(lapsed), Some(priority), Some(created_at)) = grant {
                let expires_at = row.expires_at;
                let grant = GrantState { id, remaining, lapsed, expires_at, priority, created_at };
                seen.grants.entry(row.id).or_default().push(grant);
            }
            if seen.versions.insert(row.id, row.version).is_some() {
                continue;
            }
            seen.posted =
                row.posted.iter().filter_map(|position| usize::try_from(*position - 1).ok()).collect();
            seen.wallets.push(WalletRow {
                id: row.id,
                balance: row.balance,
                held: row.held,
                debt: row.debt,
                recharge_below: row.recharge_below,
                recharge_due_below: row.recharge_due_below,
                alert_below: row.alert_below,
                last_notice: row.last_notice,
                is_told: row.is_told,
                members_are_limited: row.members_are_limited,
                keys_are_limited: row.keys_are_limited,
            });
        }
        Ok(seen)
    }

    /// The wallets of which more must be read, or locked, than this has.
    fn difficult(&self, now: Timestamp, movements: &[Movement]) -> BTreeSet<WalletId> {
        let needs = needs(&self.wallets, movements);
        let grants = |wallet| self.grants.get(wallet).map(Vec::as_slice).unwrap_or_default();
        let wallets = self.wallets.iter().filter(|row| {
            row.members_are_limited
                || row.keys_are_limited
                || is_short(grants(&row.id), READ_FIRST, needs.get(&row.id).copied(), now)
        });
        let movements = movements.iter().enumerate().filter(|(position, movement)| {
            self.posted.contains(position) || !matches!(movement.change, Change::Debit(_))
        });
        wallets.map(|row| row.id).chain(movements.map(|(_, movement)| movement.wallet_id)).collect()
    }
}
