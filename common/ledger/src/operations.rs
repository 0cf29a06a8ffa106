//! Posting movements: lock, decide, write, in the caller's transaction.

#[cfg(test)]
#[path = "lapse_tests.rs"]
mod lapse_tests;

use jobs::job;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::PgConnection;
use sqlx::types::Json;

use super::grants::{self, DueGrant, GrantLeft};
use super::levels::{Crossing, Level, Levels, Use, check_recharges};
use super::limits::{Counting, ReachedLimit, Verdict, Waiting, keys_of};
use super::needs::{named_grants, needs, wallets_of};
use super::rules::WalletState;
use super::store::{self, EntryRow, Spendable, WalletRow, WalletSums};
use super::telling::{Telling, Way};
use super::totals;
use super::{Cause, Change, CounterAccount, EntryNote, Movement, NewGrant, Posted, Postings, Refusal};
use kernel::clock::Timestamp;
use kernel::ids::{EntryId, GrantId, OutboxId, WalletId};
use kernel::metadata::Metadata;
use kernel::money::Credits;
use notices::Notice;

/// Makes the movements in their order and says what each led to. Wallets are locked in the order of their ids, so
/// that concurrent callers cannot deadlock; payments, where needed, must be locked before.
///
/// # Errors
/// Database errors only; the transaction is then to be rolled back.
pub async fn post(
    connection: &mut PgConnection,
    now: Timestamp,
    movements: &[Movement],
) -> Result<Postings, sqlx::Error> {
    let mut book = Book::open(connection, now, movements).await?;
    let each = movements.iter().map(|movement| book.post(movement)).collect();
    let (jobs, _) = book.finish(connection, Way::Surely).await?;
    Ok(Postings { each, jobs })
}

/// What a group of debits led to.
#[derive(Clone, Debug)]
pub struct Debited<Outcome> {
    /// Each debit, in their order.
    pub each: Vec<Outcome>,
    /// As those of [`Postings`].
    pub jobs: Vec<OutboxId>,
    /// What live connections are to be told once the transaction has committed. Nobody else wants it, so it is written
    /// nowhere, and costs the database nothing.
    pub live: Vec<Notice>,
}

/// As [`post`], for debits, of which there are many: their movements go through the outbox only while a webhook
/// endpoint takes them.
///
/// # Errors
/// Database errors only; the transaction is then to be rolled back.
pub async fn post_debits(
    connection: &mut PgConnection,
    now: Timestamp,
    movements: &[Movement],
) -> Result<Debited<Posted>, sqlx::Error> {
    let mut book = Book::open(connection, now, movements).await?;
    let each = movements.iter().map(|movement| book.post(movement)).collect();
    let (jobs, live) = book.finish(connection, Way::Cheaply).await?;
    Ok(Debited { each, jobs, live })
}

/// As [`post_debits`], but does not wait for wallets and limits that another transaction has locked: a movement of such
/// a wallet, or of none that exists, and one that such a limit counts, is not made and has no outcome.
///
/// # Errors
/// Database errors only; the transaction is then to be rolled back.
pub async fn post_unlocked(
    connection: &mut PgConnection,
    now: Timestamp,
    movements: &[Movement],
) -> Result<Debited<Option<Posted>>, sqlx::Error> {
    let rows = store::wallets_lock_free(connection, &wallets_of(movements), &keys_of(movements)).await?;
    let free: BTreeSet<WalletId> = rows.iter().map(|row| row.id).collect();
    let is_free = |movement: &&Movement| free.contains(&movement.wallet_id);
    let possible: Vec<Movement> = movements.iter().filter(is_free).cloned().collect();
    let mut book = Book::of(connection, now, rows, &possible, Waiting::No).await?;
    let each = movements.iter().map(|movement| {
        let is_possible = is_free(&movement) && book.limits.is_free(movement);
        is_possible.then(|| book.post(movement))
    });
    let each = each.collect();
    let (jobs, live) = book.finish(connection, Way::Cheaply).await?;
    Ok(Debited { each, jobs, live })
}

/// Locks wallets until the end of the transaction, in the order of their ids.
///
/// # Errors
/// Database errors only.
pub async fn lock(connection: &mut PgConnection, wallets: &BTreeSet<WalletId>) -> Result<(), sqlx::Error> {
    let wallets: Vec<WalletId> = wallets.iter().copied().collect();
    store::wallets_lock(connection, &wallets).await?;
    Ok(())
}

/// The balance of a wallet, without what has lapsed but is not yet taken off.
///
/// # Errors
/// Database errors only.
pub async fn balance(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<Credits, sqlx::Error> {
    store::balance(connection, now, wallet).await
}

/// What can be spent of a wallet, without what has lapsed but is not yet taken off, and whether a recharge is due.
///
/// # Errors
/// Database errors only.
pub async fn spendable(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<Spendable, sqlx::Error> {
    store::spendable(connection, now, wallet).await
}

/// Locks a wallet until the end of the transaction, and says what could be spent of it now.
///
/// # Errors
/// Database errors only.
pub async fn available(connection: &mut PgConnection, wallet: WalletId) -> Result<Credits, sqlx::Error> {
    let row = store::wallets_lock(connection, &[wallet]).await?.pop().ok_or(sqlx::Error::RowNotFound)?;
    Ok(WalletState::new(row.id, row.balance, row.held, row.debt, Vec::new()).available())
}

/// Takes off a wallet what has lapsed, and locks it until the end of the transaction.
///
/// # Errors
/// Database errors only.
pub async fn lapse(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<Vec<OutboxId>, sqlx::Error> {
    store::wallets_lock(connection, &[wallet]).await?;
    let due = grants::due_of(connection, now, wallet).await?;
    let movements: Vec<Movement> = due.iter().map(expiry).collect();
    Ok(post(connection, now, &movements).await?.jobs)
}

/// Lapses the grants whose time has come, oldest first, up to `limit`; returns how many were looked at.
///
/// # Errors
/// Database errors only.
pub async fn expire_grants(pool: &sqlx::PgPool, now: Timestamp, limit: i64) -> Result<usize, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let due = grants::due(&mut transaction, now, limit).await?;
    let movements: Vec<Movement> = due.iter().map(expiry).collect();
    post(&mut transaction, now, &movements).await?;
    transaction.commit().await?;
    Ok(due.len())
}

/// The movement that lapses a grant. A grant lapses in parts if a hold kept it alive, and again if something was given
/// back into it: hence what has lapsed of it before in its cause.
fn expiry(due: &DueGrant) -> Movement {
    let (remaining, lapsed) = (due.remaining.millionths(), due.lapsed.millionths());
    Movement {
        wallet_id: due.wallet_id,
        cause: Cause { kind: "expiry", id: format!("{}:{remaining}:{lapsed}", due.grant_id) },
        change: Change::Expire(due.grant_id),
        counter_account: CounterAccount::Expiry,
        entry_type: "expiry".to_owned(),
        description: None,
        note: EntryNote::default(),
    }
}

/// The levels of a wallet, and where it stood when it was read.
struct Watched {
    balance: Credits,
    due_below: Option<Credits>,
    levels: Levels,
}

/// The wallets at hand, what was posted before, and what is to be written.
struct Book {
    now: Timestamp,
    wallets: BTreeMap<WalletId, WalletState>,
    /// What each wallet may fall below.
    levels: HashMap<WalletId, Watched>,
    /// What remained and what had lapsed of the grants as they were read, to know which changed.
    read: HashMap<GrantId, (Credits, Credits)>,
    before: HashMap<(String, String), EntryRow>,
    new_grants: Vec<(WalletId, NewGrant, Metadata)>,
    entries: Vec<EntryRow>,
    changed: BTreeSet<WalletId>,
    limits: Counting,
    telling: Telling,
}

impl Book {
    async fn open(
        connection: &mut PgConnection,
        now: Timestamp,
        movements: &[Movement],
    ) -> Result<Self, sqlx::Error> {
        let rows = store::wallets_lock_for(connection, &wallets_of(movements), &keys_of(movements)).await?;
        Self::of(connection, now, rows, movements, Waiting::Yes).await
    }

    /// For wallets that this transaction has locked.
    async fn of(
        connection: &mut PgConnection,
        now: Timestamp,
        rows: Vec<WalletRow>,
        movements: &[Movement],
        waiting: Waiting,
    ) -> Result<Self, sqlx::Error> {
        let limits = Counting::open(connection, &rows, movements, waiting).await?;
        // Read after the lock: every transaction that posts the same cause holds the same wallet's lock.
        let causes: Vec<&Cause> = movements.iter().map(|movement| &movement.cause).collect();
        let before = store::entries_by_cause(connection, &causes).await?;
        let mut grants = grants::load(connection, now, &needs(&rows, movements)).await?;
        let named = named_grants(movements);
        if !named.is_empty() {
            for row in grants::by_id(connection, &named).await? {
                let list = grants.entry(row.0).or_default();
                if !list.iter().any(|grant| grant.id == row.1.id) {
                    list.push(row.1);
                }
            }
        }
        let read =
            grants.values().flatten().map(|grant| (grant.id, (grant.remaining, grant.lapsed))).collect();
        let levels = rows.iter().map(|row| {
            let (balance, due_below) = (row.balance, row.recharge_due_below);
            (row.id, Watched { balance, due_below, levels: row.levels() })
        });
        let levels = levels.collect();
        let telling = Telling::new(&rows);
        let wallets = rows
            .into_iter()
            .map(|row| {
                let grants = grants.remove(&row.id).unwrap_or_default();
                (row.id, WalletState::new(row.id, row.balance, row.held, row.debt, grants))
            })
            .collect();
        Ok(Self {
            now,
            wallets,
            levels,
            read,
            before: before
                .into_iter()
                .map(|row| ((row.cause_kind.clone(), row.cause_id.clone()), row))
                .collect(),
            new_grants: Vec::new(),
            entries: Vec::new(),
            changed: BTreeSet::new(),
            limits,
            telling,
        })
    }

    fn post(&mut self, movement: &Movement) -> Posted {
        if let Some(row) = self.before.get(&(movement.cause.kind.to_owned(), movement.cause.id.clone())) {
            return Posted::AlreadyPosted {
                entry_id: row.id,
                wallet_id: row.wallet_id,
                amount: row.amount,
                entry_type: row.entry_type.clone(),
                description: row.description.clone(),
                metadata: row.metadata.clone(),
                balance: row.balance_after,
                available: row.available_after(),
            };
        }
        if matches!(
            movement.change,
            Change::Debit(_)
                | Change::Hold(_)
                | Change::Capture { .. }
                | Change::Void(_)
                | Change::Reverse { .. }
        ) {
            self.lapse(movement.wallet_id);
        }
        let posted = self.apply_within_limits(movement);
        self.note(movement, &posted);
        if matches!(movement.change, Change::Capture { .. } | Change::Release(_) | Change::GiveBack { .. }) {
            // What was kept for this hold only has lapsed long ago, and so has what is given back to a grant that has.
            self.lapse(movement.wallet_id);
        }
        match (posted, self.wallets.get(&movement.wallet_id)) {
            (Posted::Done { entry_id, counted, .. }, Some(wallet)) => {
                Posted::Done { entry_id, balance: wallet.balance, available: wallet.available(), counted }
            }
            (posted, _) => posted,
        }
    }

    /// Notes what the movement means for recharging the wallet; one that was refused may mean something too.
    fn note(&mut self, movement: &Movement, posted: &Posted) {
        let wallet = self.wallets.get(&movement.wallet_id);
        let Some((wallet, watched)) = wallet.zip(self.levels.get_mut(&movement.wallet_id)) else { return };
        watched.levels.note(Use::of(movement, posted), wallet.available());
        if watched.levels.recharge_due_below != watched.due_below {
            self.changed.insert(wallet.id);
        }
    }

    /// Takes off what has lapsed and no hold needs.
    fn lapse(&mut self, wallet_id: WalletId) {
        let Some(wallet) = self.wallets.get(&wallet_id) else { return };
        let due: Vec<DueGrant> = wallet
            .lapsed(self.now)
            .into_iter()
            .filter_map(|id| wallet.grants().iter().find(|grant| grant.id == id))
            .map(|grant| DueGrant {
                wallet_id,
                grant_id: grant.id,
                remaining: grant.remaining,
                lapsed: grant.lapsed,
            })
            .collect();
        for due in &due {
            self.apply(&expiry(due));
        }
    }

    /// Makes a movement if the limits leave enough for it, and counts it. A limit is asked first: what it refuses is
    /// not
    /// short of credits, and no reason to recharge.
    fn apply_within_limits(&mut self, movement: &Movement) -> Posted {
        if !self.wallets.contains_key(&movement.wallet_id) {
            return Posted::Refused(Refusal::NoWallet);
        }
        if let Verdict::Short { reached, is_told } = self.limits.check(movement, self.now) {
            if !is_told {
                self.tell(movement.wallet_id, &reached);
            }
            return Posted::Refused(Refusal::LimitReached(Box::new(reached)));
        }
        let posted = self.apply(movement);
        let Posted::Done { entry_id, balance, available, .. } = posted else { return posted };
        let (counted, reached) = self.limits.count(movement, self.now);
        for reached in &reached {
            self.tell(movement.wallet_id, reached);
        }
        if let Some(entry) = self.entries.last_mut().filter(|entry| Some(entry.id) == entry_id) {
            entry.counted = counted.clone().map(Json);
        }
        Posted::Done { entry_id, balance, available, counted }
    }

    fn tell(&mut self, wallet: WalletId, reached: &ReachedLimit) {
        self.telling.reached(wallet, reached);
        // Its row has the number of its last notice.
        self.changed.insert(wallet);
    }

    fn apply(&mut self, movement: &Movement) -> Posted {
        let Some(wallet) = self.wallets.get_mut(&movement.wallet_id) else {
            return Posted::Refused(Refusal::NoWallet);
        };
        let moved = match wallet.apply(&movement.change, self.now) {
            Ok(moved) => moved,
            Err(refusal) => return Posted::Refused(refusal),
        };
        self.changed.insert(wallet.id);
        let metadata = &movement.note.metadata;
        let made = movement.change.made().iter().map(|grant| (wallet.id, grant.clone(), metadata.clone()));
        self.new_grants.extend(made);
        let (balance, available) = (wallet.balance, wallet.available());
        let entry_id = moved.amount.map(|_| EntryId::new());
        self.telling.moved(wallet, movement, moved.amount, entry_id);
        let Some((amount, id)) = moved.amount.zip(entry_id) else {
            return Posted::Done { entry_id: None, balance, available, counted: None };
        };
        let row = EntryRow {
            id,
            wallet_id: movement.wallet_id,
            amount,
            counter_account: movement.counter_account,
            entry_type: movement.entry_type.clone(),
            description: movement.description.clone(),
            cause_kind: movement.cause.kind.to_owned(),
            cause_id: movement.cause.id.clone(),
            balance_after: balance,
            held_after: Some(wallet.held),
            created_at: self.now,
            metadata: movement.note.metadata.clone(),
            member_id: movement.note.by.member.clone(),
            api_key_id: movement.note.by.api_key,
            burned: (!moved.burned.is_empty()).then_some(Json(moved.burned)),
            grant_id: movement.change.grant(),
            debit_id: match movement.change {
                Change::GiveBack { debit, .. } => Some(debit),
                _ => None,
            },
            counted: None,
        };
        self.before.insert((row.cause_kind.clone(), row.cause_id.clone()), row.clone());
        self.entries.push(row);
        Posted::Done { entry_id, balance, available, counted: None }
    }

    /// The levels that the movements have taken wallets below, and the recharges that they have made due.
    fn crossings(&self) -> Vec<Crossing> {
        let changed =
            self.changed.iter().filter_map(|id| Some((self.wallets.get(id)?, self.levels.get(id)?)));
        changed
            .flat_map(|(wallet, watched)| {
                let due = watched.levels.recharge_due_below.filter(|due| watched.due_below != Some(*due));
                let alert = watched.levels.crossed(watched.balance, wallet.balance);
                let crossed = due.map(|_| Level::Recharge).into_iter().chain(alert);
                crossed.map(|level| Crossing { wallet_id: wallet.id, level, balance: wallet.balance })
            })
            .collect()
    }

    /// Writes everything, and says what follows: jobs, and what only live connections are to be told.
    async fn finish(
        mut self,
        connection: &mut PgConnection,
        way: Way,
    ) -> Result<(Vec<OutboxId>, Vec<Notice>), sqlx::Error> {
        let crossings = self.crossings();
        for crossing in &crossings {
            self.telling.crossed(crossing);
        }
        self.write(connection).await?;
        self.limits.write(connection).await?;
        let mut jobs = check_recharges(connection, self.now, &crossings).await?;
        let (written, live) = self.telling.write(connection, self.now, way).await?;
        jobs.extend(written);
        Ok((jobs, live))
    }

    async fn write(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let wallets: Vec<&WalletState> =
            self.changed.iter().filter_map(|wallet_id| self.wallets.get(wallet_id)).collect();
        if wallets.is_empty() {
            return Ok(());
        }
        let due = |id: &WalletId| self.levels.get(id).and_then(|watched| watched.levels.recharge_due_below);
        let sums = wallets.iter().map(|state| WalletSums {
            state,
            due: due(&state.id),
            last_notice: self.telling.last(state.id),
        });
        let sums: Vec<WalletSums<'_>> = sums.collect();
        store::wallets_write(connection, &sums).await?;
        let left: HashMap<GrantId, GrantLeft> = wallets
            .iter()
            .flat_map(|wallet| wallet.grants())
            .map(|grant| {
                (grant.id, GrantLeft { id: grant.id, remaining: grant.remaining, lapsed: grant.lapsed })
            })
            .collect();
        let burnt: Vec<GrantLeft> = self
            .read
            .iter()
            .filter_map(|(id, was)| left.get(id).filter(|is| (is.remaining, is.lapsed) != *was).copied())
            .collect();
        if !burnt.is_empty() {
            grants::write(connection, &burnt).await?;
        }
        if !self.new_grants.is_empty() {
            grants::insert(connection, self.now, &self.new_grants, &left).await?;
        }
        if !self.entries.is_empty() {
            store::entries_insert(connection, &self.entries).await?;
            self.entries.iter().for_each(totals::count);
        }
        Ok(())
    }
}

/// Takes lapsed grants off the balances.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExpireGrants {}
job!(ExpireGrants: "grants.expire" on Apply, 3 attempts);
