//! The limits that count the movements at hand: read and locked together, asked and counted one by one, written
//! together. Where no limit counts, nothing is asked of the database.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

use super::store::{self, LimitRow};
use super::{ReachedLimit, Tally, Whose};
use crate::store::WalletRow;
use crate::{Change, Counted, CounterAccount, Movement};
use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, LimitId, WalletId};
use kernel::money::Credits;

/// What to do about a limit that another transaction has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    Yes,
    /// Do without it: see [`Counting::is_free`].
    No,
}

/// A limit that this transaction has locked.
struct Known {
    whose: Whose,
    tally: Tally,
    has_changed: bool,
}

#[derive(Default)]
pub(crate) struct Counting {
    known: BTreeMap<LimitId, Known>,
    /// Those that another transaction has locked.
    locked: BTreeSet<LimitId>,
    ids: BTreeMap<Whose, LimitId>,
}

/// Whether the limits leave enough for a movement.
pub(crate) enum Verdict {
    Fits,
    /// One leaves too little. `is_told` says whether that was told before in its period.
    Short {
        reached: ReachedLimit,
        is_told: bool,
    },
}

/// What a movement means for limits.
enum Effect<'a> {
    /// It spends so much, and counts for whom it is.
    Spends(Credits),
    /// It spends so much more, or less where that is negative, than was counted before.
    Corrects(Credits, &'a Counted),
}

impl Counting {
    /// One that knows these limits, whatever the database has.
    #[cfg(test)]
    pub(super) fn knowing(limits: impl IntoIterator<Item = (Whose, Tally)>) -> Self {
        let mut counting = Self::default();
        for (whose, tally) in limits {
            let id = LimitId::new();
            counting.ids.insert(whose.clone(), id);
            counting.known.insert(id, Known { whose, tally, has_changed: false });
        }
        counting
    }

    /// What one's limits have counted.
    #[cfg(test)]
    pub(super) fn tally(&self, whose: &Whose) -> Option<&Tally> {
        self.known.values().find(|known| known.whose == *whose).map(|known| &known.tally)
    }

    /// For wallets that this transaction has locked.
    pub(crate) async fn open(
        connection: &mut PgConnection,
        rows: &[WalletRow],
        movements: &[Movement],
        waiting: Waiting,
    ) -> Result<Self, sqlx::Error> {
        let limited: BTreeSet<WalletId> =
            rows.iter().filter(|row| row.members_are_limited).map(|row| row.id).collect();
        let keys_are_limited = rows.iter().any(|row| row.keys_are_limited);
        let (mut whose, mut ids) = (BTreeSet::new(), BTreeSet::new());
        for movement in movements {
            match effect(movement) {
                Some(Effect::Spends(_)) => whose.extend(spenders(movement).filter(|whose| match whose {
                    Whose::Member { wallet_id, .. } => limited.contains(wallet_id),
                    Whose::ApiKey(_) => keys_are_limited,
                })),
                Some(Effect::Corrects(_, counted)) => ids.extend(counted.by.iter().copied()),
                None => {}
            }
        }
        if whose.is_empty() && ids.is_empty() {
            return Ok(Self::default());
        }
        let mut counting = Self::default();
        for LimitRow { id, whose, tally } in store::lock_all(connection, &whose, &ids, waiting).await? {
            counting.ids.insert(whose.clone(), id);
            match tally {
                Some(tally) => {
                    counting.known.insert(id, Known { whose, tally, has_changed: false });
                }
                None => {
                    counting.locked.insert(id);
                }
            }
        }
        Ok(counting)
    }

    /// Whether no other transaction has locked a limit that counts this movement.
    pub(crate) fn is_free(&self, movement: &Movement) -> bool {
        self.locked.is_empty() || !self.counting(movement).iter().any(|id| self.locked.contains(id))
    }

    /// The limits that count a movement.
    fn counting(&self, movement: &Movement) -> Vec<LimitId> {
        match effect(movement) {
            Some(Effect::Spends(_)) => {
                spenders(movement).filter_map(|whose| self.ids.get(&whose).copied()).collect()
            }
            Some(Effect::Corrects(_, counted)) => counted.by.clone(),
            None => Vec::new(),
        }
    }

    /// Whether the limits leave enough for a movement: the member's is asked before the key's.
    pub(crate) fn check(&mut self, movement: &Movement, now: Timestamp) -> Verdict {
        let more = match effect(movement) {
            Some(Effect::Spends(amount) | Effect::Corrects(amount, _)) if amount.is_positive() => amount,
            _ => return Verdict::Fits,
        };
        for id in self.counting(movement) {
            let Some(known) = self.known.get_mut(&id) else { continue };
            if let Some(limit) = known.tally.short(more, now) {
                let is_told = !known.tally.tell(limit.per);
                known.has_changed |= !is_told;
                return Verdict::Short {
                    reached: ReachedLimit { whose: known.whose.clone(), limit },
                    is_told,
                };
            }
        }
        Verdict::Fits
    }

    /// Counts a movement that was made; returns which limits count it, to be noted with it, and those that have nothing
    /// left since.
    pub(crate) fn count(
        &mut self,
        movement: &Movement,
        now: Timestamp,
    ) -> (Option<Counted>, Vec<ReachedLimit>) {
        let (amount, before) = match effect(movement) {
            None => return (None, Vec::new()),
            Some(Effect::Spends(amount)) => (amount, None),
            Some(Effect::Corrects(amount, counted)) => (amount, Some(counted)),
        };
        let (mut counted, mut reached) = (before.cloned(), Vec::new());
        for id in self.counting(movement) {
            let Some(known) = self.known.get_mut(&id) else { continue };
            match (before, amount.checked_neg()) {
                (Some(before), Ok(back)) if back.is_positive() => known.tally.give_back(back, before.on, now),
                _ => {
                    let on = known.tally.count(amount, now);
                    let used_up = known.tally.newly_used_up().into_iter();
                    reached.extend(used_up.map(|limit| ReachedLimit { whose: known.whose.clone(), limit }));
                    if before.is_none() {
                        counted.get_or_insert_with(|| Counted { on, by: Vec::new() }).by.push(id);
                    }
                }
            }
            known.has_changed = true;
        }
        (counted, reached)
    }

    /// Writes what has changed.
    pub(crate) async fn write(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let changed = self.known.iter().filter(|(_, known)| known.has_changed);
        let changed: Vec<(LimitId, Tally)> = changed.map(|(id, known)| (*id, known.tally.clone())).collect();
        if changed.is_empty() { Ok(()) } else { store::write(connection, &changed).await }
    }
}

/// Who spends with a movement, the member first.
fn spenders(movement: &Movement) -> impl Iterator<Item = Whose> {
    let member = movement.note.by.member.clone();
    let member = member.map(|user_id| Whose::Member { wallet_id: movement.wallet_id, user_id });
    let key = movement.note.by.api_key.map(Whose::ApiKey);
    member.into_iter().chain(key)
}

/// None if limits do not count it, or no wallet could move so much.
fn effect(movement: &Movement) -> Option<Effect<'_>> {
    let corrects = |by: Credits| movement.note.counted.as_ref().map(|counted| Effect::Corrects(by, counted));
    match &movement.change {
        Change::Debit(amount) | Change::Hold(amount) => {
            let is_spending =
                matches!(movement.counter_account, CounterAccount::Usage | CounterAccount::Transfer);
            is_spending.then_some(Effect::Spends(*amount))
        }
        Change::Capture { held, spend, .. } => corrects(spend.checked_sub(*held).ok()?),
        Change::Release(held) => corrects(held.checked_neg().ok()?),
        Change::GiveBack { unknown, parts, .. } => {
            let mut sum = unknown.as_ref().map_or(Credits::ZERO, |grant| grant.amount);
            for (_, part) in parts {
                sum = sum.checked_add(*part).ok()?;
            }
            corrects(sum.checked_neg().ok()?)
        }
        Change::Grant(_)
        | Change::Grants(_)
        | Change::Expire(_)
        | Change::Void(_)
        | Change::Reverse { .. } => None,
    }
}

/// The keys with which movements are made, whose limits are looked for with the wallets.
pub(crate) fn keys_of(movements: &[Movement]) -> Vec<ApiKeyId> {
    let spends = |movement: &&Movement| matches!(effect(movement), Some(Effect::Spends(_)));
    let keys = movements.iter().filter(spends).filter_map(|movement| movement.note.by.api_key);
    keys.collect::<BTreeSet<ApiKeyId>>().into_iter().collect()
}
