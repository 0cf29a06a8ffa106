//! The book of a transaction: wallets as they were read, what movements make of them, and what is to be written.

#[cfg(test)]
#[path = "lapse_tests.rs"]
mod lapse_tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::PgConnection;
use sqlx::types::Json;

use super::grants::{self, DueGrant, GrantLeft};
use super::levels::{Crossing, Level, Levels, Use, check_recharges};
use super::limits::{Counting, ReachedLimit, Verdict, Waiting, keys_of};
use super::needs::{named_grants, needs, wallets_of};
use super::recording::{Changes, WalletSums, record, record_unchanged};
use super::rules::{GrantState, WalletState};
use super::store::{self, EntryRow, WalletRow};
use super::telling::{Telling, Way};
use super::totals;
use super::{Cause, Change, CounterAccount, EntryNote, Movement, NewGrant, Posted, Refusal};
use kernel::clock::Timestamp;
use kernel::ids::{EntryId, GrantId, OutboxId, WalletId};
use kernel::metadata::Metadata;
use kernel::money::Credits;
use notices::Notice;

/// The movement that lapses a grant. A grant lapses in parts if a hold kept it alive, and again if something was given
/// back into it: hence what has lapsed of it before in its cause.
pub(super) fn expiry(due: &DueGrant) -> Movement {
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
pub(super) struct Book {
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
    pub(super) limits: Counting,
    telling: Telling,
}

impl Book {
    pub(super) async fn open(
        connection: &mut PgConnection,
        now: Timestamp,
        movements: &[Movement],
    ) -> Result<Self, sqlx::Error> {
        let rows = store::wallets_lock_for(connection, &wallets_of(movements), &keys_of(movements)).await?;
        Self::of(connection, now, rows, movements, Waiting::Yes).await
    }

    /// For wallets that this transaction has locked.
    pub(super) async fn of(
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
        Ok(Self::with(now, rows, grants, before, limits))
    }

    /// For wallets with the grants that are next to burn, and the entries that the movements have made before.
    pub(super) fn with(
        now: Timestamp,
        rows: Vec<WalletRow>,
        mut grants: HashMap<WalletId, Vec<GrantState>>,
        before: Vec<EntryRow>,
        limits: Counting,
    ) -> Self {
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
        Self {
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
        }
    }

    pub(super) fn post(&mut self, movement: &Movement) -> Posted {
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

    /// Writes everything. Returns the jobs that follow, and the notices that only live connections get.
    pub(super) async fn finish(
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

    /// As [`Self::finish`], of wallets that nothing has locked, in one statement. Leaves out those that have changed
    /// since they were read in these versions, and those of which more follows than that statement writes; returns
    /// them, and what only live connections are to be told of the others.
    pub(super) async fn finish_unchanged(
        mut self,
        connection: &mut PgConnection,
        versions: &HashMap<WalletId, String>,
    ) -> Result<(BTreeSet<WalletId>, Vec<Notice>), sqlx::Error> {
        let mut left_out = self.telling.sure(Way::Cheaply);
        left_out.extend(self.crossings().iter().map(|crossing| crossing.wallet_id));
        self.changed.retain(|wallet| !left_out.contains(wallet));
        self.entries.retain(|entry| self.changed.contains(&entry.wallet_id));
        if self.changed.is_empty() {
            return Ok((left_out, Vec::new()));
        }
        let versions = self.changed.iter().map(|id| versions.get(id).map(String::as_str).unwrap_or_default());
        let versions: Vec<&str> = versions.collect();
        let written = self
            .with_changes(async |changes| record_unchanged(connection, self.now, changes, &versions).await);
        let written: BTreeSet<WalletId> = written.await?.into_iter().collect();
        left_out.extend(self.changed.difference(&written));
        self.entries.iter().filter(|entry| written.contains(&entry.wallet_id)).for_each(totals::count);
        Ok((left_out, self.telling.live(self.now, &written)))
    }

    async fn write(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.changed.is_empty() {
            return Ok(());
        }
        self.with_changes(async |changes| record(connection, self.now, changes).await).await?;
        self.entries.iter().for_each(totals::count);
        Ok(())
    }

    /// Calls with what is to be written of the wallets that have changed, in the order of their ids.
    async fn with_changes<R>(&self, work: impl AsyncFnOnce(&Changes<'_>) -> R) -> R {
        let wallets: Vec<&WalletState> =
            self.changed.iter().filter_map(|wallet_id| self.wallets.get(wallet_id)).collect();
        let due = |id: &WalletId| self.levels.get(id).and_then(|watched| watched.levels.recharge_due_below);
        let sums = wallets.iter().map(|state| WalletSums {
            state,
            due: due(&state.id),
            last_notice: self.telling.last(state.id),
        });
        let sums: Vec<WalletSums<'_>> = sums.collect();
        let of = |wallet: &WalletState, grant: &GrantState| GrantLeft {
            id: grant.id,
            wallet_id: wallet.id,
            remaining: grant.remaining,
            lapsed: grant.lapsed,
        };
        let left: HashMap<GrantId, GrantLeft> = wallets
            .iter()
            .flat_map(|wallet| wallet.grants().iter().map(|grant| (grant.id, of(wallet, grant))))
            .collect();
        let burnt: Vec<GrantLeft> = self
            .read
            .iter()
            .filter_map(|(id, was)| left.get(id).filter(|is| (is.remaining, is.lapsed) != *was).copied())
            .collect();
        let changes = Changes {
            wallets: &sums,
            burnt: &burnt,
            new_grants: &self.new_grants,
            left: &left,
            entries: &self.entries,
        };
        work(&changes).await
    }
}
