//! Tries to break the wallet's arithmetic with random sequences of movements.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;

use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;

use super::debits::split;
use super::rules::{Burned, GrantState, Moved, WalletState};
use super::{Above, Change, GrantSource, NewGrant, Refusal};
use kernel::clock::Timestamp;
use kernel::ids::{EntryId, GrantId, WalletId};
use kernel::money::Credits;

const START: Timestamp = datetime!(2026-11-01 00:00 UTC);

#[derive(Clone, Debug)]
enum Step {
    Grant { amount: i64, priority: i16, lives_hours: Option<i64> },
    Debit(i64),
    Hold(i64),
    Capture { nth: usize, share: i64, at_most: Option<i64> },
    CapturePart { nth: usize, share: i64 },
    Release { nth: usize },
    ExpireLapsed,
    GiveBack { nth: usize, share: i64 },
    Void { nth: usize },
    Reverse { nth: usize, amount: i64 },
    Wait { hours: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..500_i64, 0..3_i16, proptest::option::of(1..100_i64))
            .prop_map(|(amount, priority, lives_hours)| Step::Grant { amount, priority, lives_hours }),
        (-5..400_i64).prop_map(Step::Debit),
        (-5..200_i64).prop_map(Step::Hold),
        (0..8_usize, 0..160_i64, proptest::option::of(-5..200_i64))
            .prop_map(|(nth, share, at_most)| Step::Capture { nth, share, at_most }),
        (0..8_usize, 1..100_i64).prop_map(|(nth, share)| Step::CapturePart { nth, share }),
        (0..8_usize).prop_map(|nth| Step::Release { nth }),
        Just(Step::ExpireLapsed),
        (0..8_usize, 1..=100_i64).prop_map(|(nth, share)| Step::GiveBack { nth, share }),
        (0..8_usize).prop_map(|nth| Step::Void { nth }),
        (0..8_usize, 1..600_i64).prop_map(|(nth, amount)| Step::Reverse { nth, amount }),
        (1..50_i64).prop_map(|hours| Step::Wait { hours }),
    ]
}

/// A debit or a capture, and what has been given back of it.
struct Taken {
    amount: i64,
    burned: Burned,
    back: i64,
    /// How much went back into which grant.
    parts: HashMap<GrantId, i64>,
}

/// A wallet with the ledger that its movements would have written.
struct Book {
    wallet: WalletState,
    now: Timestamp,
    holds: Vec<Credits>,
    grants: Vec<GrantId>,
    /// What each grant was made with.
    amounts: HashMap<GrantId, Credits>,
    taken: Vec<Taken>,
    ledger: Vec<Credits>,
    /// Whether something may have been taken that was held or spent.
    reversed: bool,
}

impl Book {
    fn new() -> Self {
        let none = Credits::ZERO;
        Self {
            wallet: WalletState::new(WalletId::new(), none, none, none, Vec::new()),
            now: START,
            holds: Vec::new(),
            grants: Vec::new(),
            amounts: HashMap::new(),
            taken: Vec::new(),
            ledger: Vec::new(),
            reversed: false,
        }
    }

    fn apply(&mut self, change: &Change) -> Result<Moved, Refusal> {
        let before = self.wallet.clone();
        let moved = self.wallet.apply(change, self.now).inspect_err(|_| {
            assert_eq!(self.wallet.balance, before.balance);
            assert_eq!(self.wallet.grants(), before.grants());
        })?;
        self.ledger.extend(moved.amount);
        if matches!(change, Change::Debit(_) | Change::Capture { .. }) {
            let (amount, burned) = (-moved.amount.unwrap().millionths(), moved.burned.clone());
            assert!(burned.iter().map(|(_, part)| part.millionths()).sum::<i64>() <= amount);
            self.taken.push(Taken { amount, burned, back: 0, parts: HashMap::new() });
        }
        self.check();
        Ok(moved)
    }

    /// Captures a share of a hold, also more than all of it if so much may be owed.
    fn capture(&mut self, nth: usize, share: i64, at_most: Option<i64>) {
        let Some(held) = self.holds.get(nth).copied() else { return };
        let of = Credits::from_millionths;
        self.lapse();
        let spend = of(held.millionths() * share / 100);
        let above = at_most.map_or(Above::Refuse, |at_most| Above::Debt { at_most: of(at_most) });
        let free = self.wallet.balance.millionths() - self.wallet.held.millionths();
        let beyond = spend.millionths() - held.millionths();
        let may = beyond <= 0 || at_most.is_some_and(|at_most| beyond - free <= at_most.max(0));
        let overdraws = may && beyond > free.max(0);
        self.reversed |= overdraws;
        let done = self.apply(&Change::Capture { held, spend, above }).is_ok();
        assert_eq!(done, may && spend.is_positive(), "{beyond} beyond, {free} free, {at_most:?}");
        if done {
            self.holds.remove(nth);
            if overdraws {
                let short = self.wallet.held.millionths() - self.wallet.balance.millionths();
                assert!(short <= at_most.unwrap(), "the wallet is short of no more than it may be");
            }
        }
    }

    fn new_grant(&mut self, amount: Credits, priority: i16, lives_hours: Option<i64>) -> NewGrant {
        let id = GrantId::new();
        self.amounts.insert(id, amount);
        NewGrant {
            id,
            source: GrantSource::Purchase,
            amount,
            priority,
            expires_at: lives_hours.map(|hours| self.now + Duration::hours(hours)),
            payment_id: None,
            origin_payment_id: None,
        }
    }

    /// Gives back a share of what is left of something that was taken.
    fn give_back(&mut self, nth: usize, share: i64) {
        let Some(taken) = self.taken.get(nth) else { return };
        let credits = Credits::from_millionths((taken.amount - taken.back) * share / 100);
        if !credits.is_positive() {
            return;
        }
        let of = Credits::from_millionths;
        let (unknown, parts) = split(&taken.burned, of(taken.amount), of(taken.back), credits).unwrap();
        let unknown = unknown.is_positive().then(|| self.new_grant(unknown, 0, None));
        let change = Change::GiveBack { debit: EntryId::new(), unknown, parts: parts.clone() };
        assert_eq!(self.apply(&change).unwrap().amount, Some(credits));
        let taken = &mut self.taken[nth];
        taken.back += credits.millionths();
        for (grant, part) in parts {
            let back = taken.parts.entry(grant).or_default();
            *back += part.millionths();
            let burned = taken.burned.iter().filter(|(burned, _)| *burned == grant);
            assert!(*back <= burned.map(|(_, part)| part.millionths()).sum(), "more than was taken from it");
        }
        self.lapse();
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Grant { amount, priority, lives_hours } => {
                let grant = self.new_grant(Credits::from_millionths(amount), priority, lives_hours);
                self.grants.push(grant.id);
                self.apply(&Change::Grant(grant)).unwrap();
            }
            Step::Debit(amount) => {
                self.lapse();
                let available = self.wallet.available();
                let amount = Credits::from_millionths(amount);
                let done = self.apply(&Change::Debit(amount)).is_ok();
                assert_eq!(done, amount.is_positive() && amount <= available);
            }
            Step::Hold(amount) => {
                let amount = Credits::from_millionths(amount);
                if self.apply(&Change::Hold(amount)).is_ok() {
                    self.holds.push(amount);
                }
            }
            Step::Capture { nth, share, at_most } => self.capture(nth, share, at_most),
            Step::CapturePart { nth, share } => {
                if nth < self.holds.len() {
                    let held = self.holds[nth];
                    let part = Credits::from_millionths(held.millionths() * share / 100);
                    if part.is_positive() {
                        self.lapse();
                        let above = Above::Refuse;
                        self.apply(&Change::Capture { held: part, spend: part, above }).unwrap();
                        self.holds[nth] = held.checked_sub(part).unwrap();
                    }
                }
            }
            Step::Release { nth } => {
                if nth < self.holds.len() {
                    let held = self.holds.remove(nth);
                    self.apply(&Change::Release(held)).unwrap();
                }
            }
            Step::ExpireLapsed => self.lapse(),
            Step::GiveBack { nth, share } => self.give_back(nth, share),
            Step::Void { nth } => {
                if let Some(grant) = self.grants.get(nth).copied() {
                    let (held, balance) = (self.wallet.held, self.wallet.balance);
                    self.lapse();
                    self.apply(&Change::Void(grant)).unwrap();
                    assert!(self.wallet.held == held && (self.reversed || held <= self.wallet.balance));
                    assert!(self.wallet.balance <= balance);
                    // Nothing of it is left to be spent, nor to lapse while the holds are there.
                    assert!(!self.wallet.lapsed(self.now).contains(&grant));
                }
            }
            Step::Reverse { nth, amount } => {
                if let Some(grant) = self.grants.get(nth).copied() {
                    self.reversed = true;
                    let amount = Credits::from_millionths(amount);
                    self.apply(&Change::Reverse { grants: vec![grant], amount }).unwrap();
                }
            }
            Step::Wait { hours } => self.now += Duration::hours(hours),
        }
    }

    fn lapse(&mut self) {
        for id in self.wallet.lapsed(self.now) {
            self.apply(&Change::Expire(id)).unwrap();
        }
    }

    fn check(&self) {
        let sum =
            |amounts: &mut dyn Iterator<Item = Credits>| -> i64 { amounts.map(Credits::millionths).sum() };
        let remaining = sum(&mut self.wallet.grants().iter().map(|grant| grant.remaining));
        let balance = self.wallet.balance.millionths();
        let debt = self.wallet.debt.millionths();
        assert_eq!(balance, sum(&mut self.ledger.iter().copied()), "balance = Σ ledger");
        assert_eq!(balance, remaining - debt, "balance = Σ grants − debt");
        assert!(debt == 0 || remaining == 0, "debt only while nothing is left");
        assert!(self.reversed || balance >= 0, "only a reversal, or a capture that may, goes below zero");
        for grant in self.wallet.grants() {
            let (is, gone) = (grant.remaining, grant.lapsed);
            let in_all = is.checked_add(gone).unwrap();
            assert!(is >= Credits::ZERO && gone >= Credits::ZERO && in_all <= self.amounts[&grant.id]);
        }
        assert!(self.reversed || self.wallet.held <= self.wallet.balance, "holds are covered");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_keeps_the_books(steps in proptest::collection::vec(step(), 1..60)) {
        let mut book = Book::new();
        for step in &steps {
            book.take(step);
            let held: i64 = book.holds.iter().map(|held| held.millionths()).sum();
            prop_assert_eq!(book.wallet.held.millionths(), held, "held = Σ active holds");
        }
    }
}

fn grant(amount: i64, priority: i16, lives_hours: Option<i64>, age: i64) -> GrantState {
    GrantState {
        id: GrantId::new(),
        remaining: Credits::from_millionths(amount),
        lapsed: Credits::ZERO,
        expires_at: lives_hours.map(|hours| START + Duration::hours(hours)),
        priority,
        created_at: START - Duration::hours(age),
    }
}

#[test]
fn grants_burn_by_expiry_then_priority_then_age() {
    let never_old = grant(10, 5, None, 9);
    let never_preferred = grant(10, 1, None, 1);
    let soon = grant(10, 9, Some(2), 0);
    let later = grant(10, 0, Some(5), 9);
    let soon_preferred = grant(10, 1, Some(2), 0);
    let expected = [&soon_preferred, &soon, &later, &never_preferred, &never_old].map(|grant| grant.id);
    let all =
        vec![never_old.clone(), never_preferred.clone(), soon.clone(), later.clone(), soon_preferred.clone()];
    let none = Credits::ZERO;
    let mut wallet = WalletState::new(WalletId::new(), Credits::from_millionths(50), none, none, all);
    let mut emptied = Vec::new();
    for _ in 0..5 {
        wallet.apply(&Change::Debit(Credits::from_millionths(10)), START).unwrap();
        let gone = wallet.grants().iter().filter(|grant| grant.remaining == none);
        emptied.extend(gone.map(|grant| grant.id).filter(|id| !emptied.contains(id)).collect::<Vec<_>>());
    }
    assert_eq!(emptied, expected);
}

#[test]
fn a_hold_keeps_its_credits_from_lapsing_and_from_being_spent() {
    let lapsing = grant(100, 0, Some(1), 0);
    let none = Credits::ZERO;
    let mut wallet =
        WalletState::new(WalletId::new(), Credits::from_millionths(100), none, none, vec![lapsing.clone()]);
    let forty = Credits::from_millionths(40);
    wallet.apply(&Change::Hold(forty), START).unwrap();
    let after = START + Duration::hours(2);
    assert_eq!(wallet.lapsed(after), [lapsing.id]);
    wallet.apply(&Change::Expire(lapsing.id), after).unwrap();
    assert_eq!(wallet.balance, forty);
    assert!(wallet.apply(&Change::Debit(Credits::from_millionths(1)), after).is_err());
    let above = Above::Refuse;
    wallet.apply(&Change::Capture { held: forty, spend: forty, above }, after).unwrap();
    assert_eq!(wallet.balance, none);
}

#[test]
fn a_reversal_of_spent_credits_is_owed_and_the_next_grant_pays_it() {
    let mut book = Book::new();
    book.take(&Step::Grant { amount: 100, priority: 0, lives_hours: None });
    book.take(&Step::Debit(80));
    book.take(&Step::Reverse { nth: 0, amount: 100 });
    assert_eq!(book.wallet.balance.millionths(), -80);
    assert_eq!(book.wallet.debt.millionths(), 80);
    book.take(&Step::Debit(1));
    assert_eq!(book.wallet.balance.millionths(), -80);
    book.take(&Step::Grant { amount: 100, priority: 0, lives_hours: None });
    assert_eq!(book.wallet.balance.millionths(), 20);
    assert_eq!(book.wallet.debt.millionths(), 0);
}

#[test]
fn a_reversal_takes_what_was_paid_for_first_in_its_order() {
    let mut book = Book::new();
    for priority in 0..3 {
        book.take(&Step::Grant { amount: 100, priority, lives_hours: None });
    }
    book.reversed = true;
    let grants = vec![book.grants[2], book.grants[1]];
    let mut take = |amount| {
        let amount = Credits::from_millionths(amount);
        book.apply(&Change::Reverse { grants: grants.clone(), amount }).unwrap();
        book.wallet.grants().iter().map(|grant| grant.remaining.millionths()).collect::<Vec<_>>()
    };
    assert_eq!(take(130), [100, 70, 0]);
    assert_eq!(take(100), [70, 0, 0]);
}

#[test]
fn a_debit_is_given_back_to_what_burned_last_first_and_part_by_part() {
    let (early, late) = (GrantId::new(), GrantId::new());
    let of = Credits::from_millionths;
    let burned = vec![(early, of(30)), (late, of(50))];
    let back = |taken, before, credits| split(&burned, of(taken), of(before), of(credits)).unwrap();
    let none = Credits::ZERO;
    assert_eq!(back(80, 0, 20), (none, vec![(late, of(20))]));
    assert_eq!(back(80, 20, 40), (none, vec![(late, of(30)), (early, of(10))]));
    assert_eq!(back(80, 60, 20), (none, vec![(early, of(20))]));
    // 10 of it were owed: taken from no grant, and last.
    assert_eq!(back(90, 0, 15), (of(10), vec![(late, of(5))]));
    assert_eq!(back(90, 4, 86), (of(6), vec![(late, of(50)), (early, of(30))]));
}

#[test]
fn a_debit_given_back_pays_a_debt_first_and_what_has_lapsed_lapses_again() {
    let mut book = Book::new();
    book.take(&Step::Grant { amount: 100, priority: 0, lives_hours: Some(1) });
    book.take(&Step::Debit(80));
    book.take(&Step::Wait { hours: 2 });
    book.take(&Step::ExpireLapsed);
    book.take(&Step::GiveBack { nth: 0, share: 50 });
    assert_eq!(book.wallet.balance.millionths(), 0);
    assert_eq!(book.wallet.grants()[0].lapsed.millionths(), 60);
    book.take(&Step::Reverse { nth: 0, amount: 30 });
    assert_eq!(book.wallet.debt.millionths(), 30);
    book.take(&Step::GiveBack { nth: 0, share: 100 });
    assert_eq!((book.wallet.balance.millionths(), book.wallet.debt.millionths()), (0, 0));
    assert_eq!(book.wallet.grants()[0].lapsed.millionths(), 70);
}

#[test]
fn what_a_hold_needs_of_a_voided_grant_is_for_the_hold_alone() {
    let mut book = Book::new();
    book.take(&Step::Grant { amount: 30, priority: 0, lives_hours: None });
    book.take(&Step::Grant { amount: 100, priority: 1, lives_hours: None });
    book.take(&Step::Hold(50));
    // 20 of the second grant cover the hold.
    book.take(&Step::Void { nth: 1 });
    assert_eq!(book.wallet.balance.millionths(), 50);
    assert_eq!(book.wallet.available(), Credits::ZERO);
    let held = book.holds.pop().unwrap();
    book.apply(&Change::Release(held)).unwrap();
    book.lapse();
    assert_eq!(book.wallet.balance.millionths(), 30, "what was kept for the hold goes with it");
}

#[test]
fn what_is_captured_above_a_hold_is_taken_of_what_is_available_and_then_owed() {
    let of = Credits::from_millionths;
    let capture = |spend, at_most| {
        let mut book = Book::new();
        book.take(&Step::Grant { amount: 100, priority: 0, lives_hours: None });
        book.take(&Step::Hold(40));
        book.take(&Step::Hold(50));
        let above = Above::Debt { at_most: of(at_most) };
        let change = Change::Capture { held: of(40), spend: of(spend), above };
        let done = book.wallet.apply(&change, book.now).map(|_| book.wallet.balance.millionths());
        done.map(|balance| (balance, book.wallet.debt.millionths(), book.wallet.held.millionths()))
    };
    assert_eq!(capture(50, 0), Ok((50, 0, 50)));
    let short = Refusal::Insufficient { available: of(50), needed: of(51) };
    assert_eq!(capture(51, 0), Err(short.clone()));
    assert_eq!(capture(51, -1), Err(short));
    // It is taken of what the other hold needs, whose capture owes it then.
    assert_eq!(capture(60, 10), Ok((40, 0, 50)));
    assert!(capture(61, 10).is_err());
    assert_eq!(capture(130, 80), Ok((-30, 30, 50)));
}
