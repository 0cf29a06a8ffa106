//! The arithmetic of a wallet: pure, so that it can be tried on any sequence of movements.
//!
//! Invariants, after every movement, refused ones too:
//! balance = what remains of all grants − debt · debt > 0 only while no grant has anything left · held ≥ 0 ·
//! a debit or hold never takes more than balance − held · what is held is covered by the grants that burn first, so of
//! what has lapsed only max(0, lapsed − held) leaves the balance, and what stays is for the holds. Two movements may
//! take what others hold: a reversal, and a capture above its hold as far as it may become debt. Such a hold is kept
//! nevertheless: its capture owes what is missing.

use super::{Above, Change, NewGrant, Refusal};
use kernel::clock::Timestamp;
use kernel::ids::{GrantId, WalletId};
use kernel::money::Credits;

/// A grant, as far as spending is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantState {
    pub id: GrantId,
    pub remaining: Credits,
    /// What has lapsed of it.
    pub lapsed: Credits,
    pub expires_at: Option<Timestamp>,
    /// Lower burns first.
    pub priority: i16,
    /// Older burns first.
    pub created_at: Timestamp,
}

impl GrantState {
    /// Sorts grants into the order in which they burn: soonest expiry, lowest priority number, oldest.
    fn burn_order(&self) -> (bool, Option<Timestamp>, i16, Timestamp, GrantId) {
        (self.expires_at.is_none(), self.expires_at, self.priority, self.created_at, self.id)
    }

    fn has_lapsed(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// A wallet and those of its grants that the movements at hand can touch, in burn order.
#[derive(Clone, Debug)]
pub struct WalletState {
    pub id: WalletId,
    /// Sum of the ledger.
    pub balance: Credits,
    pub held: Credits,
    pub debt: Credits,
    grants: Vec<GrantState>,
}

/// How much of which grants burned, in the order in which they did.
pub type Burned = Vec<(GrantId, Credits)>;

/// What a movement moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// The amount of its ledger entry, if it made one.
    pub amount: Option<Credits>,
    /// What a debit or a capture was taken from; less than its amount by what is owed.
    pub burned: Burned,
}

const OVERFLOW: Refusal = Refusal::BadAmount;

impl WalletState {
    /// A wallet with its grants in any order.
    pub fn new(
        id: WalletId,
        balance: Credits,
        held: Credits,
        debt: Credits,
        mut grants: Vec<GrantState>,
    ) -> Self {
        grants.sort_by_key(GrantState::burn_order);
        Self { id, balance, held, debt, grants }
    }

    /// The grants, in burn order.
    pub fn grants(&self) -> &[GrantState] {
        &self.grants
    }

    /// What may be spent: the balance less what is held, not below zero.
    pub fn available(&self) -> Credits {
        self.balance.checked_sub(self.held).unwrap_or(Credits::ZERO).max(Credits::ZERO)
    }

    /// The grants that have lapsed but not been taken off the balance, except those that holds need whole.
    pub fn lapsed(&self, now: Timestamp) -> Vec<GrantId> {
        self.free_of_holds()
            .take_while(|(grant, _)| grant.has_lapsed(now))
            .filter(|(_, free)| free.is_positive())
            .map(|(grant, _)| grant.id)
            .collect()
    }

    /// Each grant with what no hold needs of it: holds are covered by the grants that burn first.
    fn free_of_holds(&self) -> impl Iterator<Item = (&GrantState, Credits)> {
        self.grants.iter().scan(self.held, |held, grant| {
            let covered = grant.remaining.min(*held);
            *held = held.checked_sub(covered).ok()?;
            Some((grant, grant.remaining.checked_sub(covered).ok()?))
        })
    }

    /// Makes a movement, or refuses it and changes nothing.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn apply(&mut self, change: &Change, now: Timestamp) -> Result<Moved, Refusal> {
        let before = self.clone();
        let result = match change {
            Change::Grant(grant) => self.grant(grant, now),
            Change::Grants(grants) => self.all_grants(grants, now),
            Change::GiveBack { unknown, parts, .. } => self.give_back(unknown.as_ref(), parts, now),
            Change::Debit(amount) => self.debit(*amount, now),
            Change::Hold(amount) => self.hold(*amount),
            Change::Capture { held, spend, above } => self.capture(*held, *spend, *above, now),
            Change::Release(amount) => self.release(*amount),
            Change::Expire(grant) => self.expire(*grant),
            Change::Void(grant) => self.void(*grant, now),
            Change::Reverse { grants, amount } => self.reverse(grants, *amount, now),
        };
        if result.is_err() {
            *self = before;
        }
        result
    }

    fn grant(&mut self, grant: &NewGrant, now: Timestamp) -> Result<Moved, Refusal> {
        positive(grant.amount)?;
        let to_debt = self.debt.min(grant.amount);
        self.debt = self.debt.checked_sub(to_debt).map_err(|_| OVERFLOW)?;
        let state = GrantState {
            id: grant.id,
            remaining: grant.amount.checked_sub(to_debt).map_err(|_| OVERFLOW)?,
            lapsed: Credits::ZERO,
            expires_at: grant.expires_at,
            priority: grant.priority,
            created_at: now,
        };
        let place = self.grants.partition_point(|other| other.burn_order() < state.burn_order());
        self.grants.insert(place, state);
        self.move_balance(grant.amount)
    }

    fn all_grants(&mut self, grants: &[NewGrant], now: Timestamp) -> Result<Moved, Refusal> {
        let mut sum = Credits::ZERO;
        for grant in grants {
            self.grant(grant, now)?;
            sum = sum.checked_add(grant.amount).map_err(|_| OVERFLOW)?;
        }
        positive(sum)?;
        Ok(Moved { amount: Some(sum), burned: Burned::new() })
    }

    fn give_back(
        &mut self,
        unknown: Option<&NewGrant>,
        parts: &Burned,
        now: Timestamp,
    ) -> Result<Moved, Refusal> {
        let mut sum = Credits::ZERO;
        if let Some(grant) = unknown {
            self.grant(grant, now)?;
            sum = grant.amount;
        }
        for (id, part) in parts {
            positive(*part)?;
            let to_debt = self.debt.min(*part);
            self.debt = self.debt.checked_sub(to_debt).map_err(|_| OVERFLOW)?;
            let rest = part.checked_sub(to_debt).map_err(|_| OVERFLOW)?;
            let grant = self.grants.iter_mut().find(|grant| grant.id == *id).ok_or(Refusal::NoGrant)?;
            grant.remaining = grant.remaining.checked_add(rest).map_err(|_| OVERFLOW)?;
            self.move_balance(*part)?;
            sum = sum.checked_add(*part).map_err(|_| OVERFLOW)?;
        }
        positive(sum)?;
        Ok(Moved { amount: Some(sum), burned: Burned::new() })
    }

    fn debit(&mut self, amount: Credits, now: Timestamp) -> Result<Moved, Refusal> {
        self.need(amount)?;
        // What has lapsed and is there still is kept for a hold, and for nothing else.
        let mut burned = Burned::new();
        if self.burn(amount, |grant| !grant.has_lapsed(now), &mut burned)?.is_positive() {
            // Fewer grants were loaded than the balance promises.
            return Err(Refusal::Insufficient { available: self.available(), needed: amount });
        }
        Ok(Moved { burned, ..self.move_balance(negative(amount)?)? })
    }

    fn hold(&mut self, amount: Credits) -> Result<Moved, Refusal> {
        self.need(amount)?;
        self.held = self.held.checked_add(amount).map_err(|_| OVERFLOW)?;
        Ok(Moved::default())
    }

    fn capture(
        &mut self,
        held: Credits,
        spend: Credits,
        above: Above,
        now: Timestamp,
    ) -> Result<Moved, Refusal> {
        positive(spend)?;
        let beyond = spend.checked_sub(held).map_err(|_| OVERFLOW)?.max(Credits::ZERO);
        self.allow(beyond, above, spend)?;
        self.release(held)?;
        let mut burned = Burned::new();
        // A reversal may have taken what was held: the promise is kept, and the shortfall is owed.
        let owed = self.burn(spend.min(held), |_| true, &mut burned)?;
        // What is kept for other holds comes last: those are promises too, and what they lack then is owed.
        let rest = self.burn(beyond, |grant| !grant.has_lapsed(now), &mut burned)?;
        let rest = self.burn(rest, |_| true, &mut burned)?;
        self.owe(owed)?;
        self.owe(rest)?;
        Ok(Moved { burned, ..self.move_balance(negative(spend)?)? })
    }

    /// Whether so much may be spent beyond what was held for it.
    fn allow(&self, beyond: Credits, above: Above, needed: Credits) -> Result<(), Refusal> {
        if !beyond.is_positive() {
            return Ok(());
        }
        let Above::Debt { at_most } = above else { return Err(Refusal::BadAmount) };
        let free = self.balance.checked_sub(self.held).map_err(|_| OVERFLOW)?;
        let short = beyond.checked_sub(free).map_err(|_| OVERFLOW)?;
        if short > at_most.max(Credits::ZERO) {
            let held = needed.checked_sub(beyond).map_err(|_| OVERFLOW)?;
            let available = held.checked_add(self.available()).map_err(|_| OVERFLOW)?;
            return Err(Refusal::Insufficient { available, needed });
        }
        Ok(())
    }

    fn release(&mut self, amount: Credits) -> Result<Moved, Refusal> {
        positive(amount)?;
        if amount > self.held {
            return Err(Refusal::BadAmount);
        }
        self.held = self.held.checked_sub(amount).map_err(|_| OVERFLOW)?;
        Ok(Moved::default())
    }

    fn expire(&mut self, id: GrantId) -> Result<Moved, Refusal> {
        let lapsing = self.free_of_holds().find(|(grant, _)| grant.id == id).map(|(_, free)| free);
        let lapsing = lapsing.ok_or(Refusal::NoGrant)?;
        let grant = self.grants.iter_mut().find(|grant| grant.id == id).ok_or(Refusal::NoGrant)?;
        if !lapsing.is_positive() {
            return Ok(Moved::default());
        }
        grant.remaining = grant.remaining.checked_sub(lapsing).map_err(|_| OVERFLOW)?;
        grant.lapsed = grant.lapsed.checked_add(lapsing).map_err(|_| OVERFLOW)?;
        self.move_balance(negative(lapsing)?)
    }

    /// Takes off what no hold needs, and has the rest be for holds alone, which is to have lapsed.
    fn void(&mut self, id: GrantId, now: Timestamp) -> Result<Moved, Refusal> {
        let moved = self.expire(id)?;
        let grant = self.grants.iter_mut().find(|grant| grant.id == id).ok_or(Refusal::NoGrant)?;
        grant.expires_at = Some(grant.expires_at.map_or(now, |at| at.min(now)));
        self.grants.sort_by_key(GrantState::burn_order);
        Ok(moved)
    }

    fn reverse(&mut self, paid: &[GrantId], amount: Credits, now: Timestamp) -> Result<Moved, Refusal> {
        positive(amount)?;
        let mut rest = amount;
        for id in paid {
            let grant = self.grants.iter_mut().find(|grant| grant.id == *id).ok_or(Refusal::NoGrant)?;
            let from_grant = grant.remaining.min(rest);
            grant.remaining = grant.remaining.checked_sub(from_grant).map_err(|_| OVERFLOW)?;
            rest = rest.checked_sub(from_grant).map_err(|_| OVERFLOW)?;
        }
        let mut burned = Burned::new();
        let rest = self.burn(rest, |grant| !grant.has_lapsed(now), &mut burned)?;
        let owed = self.burn(rest, |_| true, &mut burned)?;
        self.owe(owed)?;
        self.move_balance(negative(amount)?)
    }

    fn need(&self, amount: Credits) -> Result<(), Refusal> {
        positive(amount)?;
        let available = self.available();
        if amount > available {
            return Err(Refusal::Insufficient { available, needed: amount });
        }
        Ok(())
    }

    /// Takes `amount` from these grants in burn order, and notes it; returns what they did not have.
    fn burn(
        &mut self,
        amount: Credits,
        from: impl Fn(&GrantState) -> bool,
        burned: &mut Burned,
    ) -> Result<Credits, Refusal> {
        let mut rest = amount;
        for grant in self.grants.iter_mut().filter(|grant| from(grant) && grant.remaining.is_positive()) {
            let part = grant.remaining.min(rest);
            if !part.is_positive() {
                break;
            }
            grant.remaining = grant.remaining.checked_sub(part).map_err(|_| OVERFLOW)?;
            rest = rest.checked_sub(part).map_err(|_| OVERFLOW)?;
            burned.push((grant.id, part));
        }
        Ok(rest)
    }

    fn owe(&mut self, amount: Credits) -> Result<(), Refusal> {
        self.debt = self.debt.checked_add(amount).map_err(|_| OVERFLOW)?;
        Ok(())
    }

    fn move_balance(&mut self, by: Credits) -> Result<Moved, Refusal> {
        self.balance = self.balance.checked_add(by).map_err(|_| OVERFLOW)?;
        Ok(Moved { amount: Some(by), burned: Burned::new() })
    }
}

fn positive(amount: Credits) -> Result<(), Refusal> {
    if amount.is_positive() { Ok(()) } else { Err(Refusal::BadAmount) }
}

fn negative(amount: Credits) -> Result<Credits, Refusal> {
    amount.checked_neg().map_err(|_| OVERFLOW)
}
