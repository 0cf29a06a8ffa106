//! Tries to break the wallet's arithmetic with random sequences of movements.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;

use super::rules::{GrantState, WalletState};
use super::{Change, GrantSource, NewGrant, Refusal};
use kernel::clock::Timestamp;
use kernel::ids::{GrantId, WalletId};
use kernel::money::Credits;

const START: Timestamp = datetime!(2026-11-01 00:00 UTC);

#[derive(Clone, Debug)]
enum Step {
    Grant { amount: i64, priority: i16, lives_hours: Option<i64> },
    Debit(i64),
    Hold(i64),
    Capture { nth: usize, share: i64 },
    Release { nth: usize },
    ExpireLapsed,
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
        (0..8_usize, 0..120_i64).prop_map(|(nth, share)| Step::Capture { nth, share }),
        (0..8_usize).prop_map(|nth| Step::Release { nth }),
        Just(Step::ExpireLapsed),
        (0..8_usize).prop_map(|nth| Step::Void { nth }),
        (0..8_usize, 1..600_i64).prop_map(|(nth, amount)| Step::Reverse { nth, amount }),
        (1..50_i64).prop_map(|hours| Step::Wait { hours }),
    ]
}

/// A wallet with the ledger that its movements would have written.
struct Book {
    wallet: WalletState,
    now: Timestamp,
    holds: Vec<Credits>,
    grants: Vec<GrantId>,
    ledger: Vec<Credits>,
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
            ledger: Vec::new(),
            reversed: false,
        }
    }

    fn apply(&mut self, change: &Change) -> Result<(), Refusal> {
        let before = self.wallet.clone();
        match self.wallet.apply(change, self.now) {
            Ok(moved) => self.ledger.extend(moved.amount),
            Err(refusal) => {
                assert_eq!(self.wallet.balance, before.balance);
                assert_eq!(self.wallet.grants(), before.grants());
                return Err(refusal);
            }
        }
        self.check();
        Ok(())
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Grant { amount, priority, lives_hours } => {
                let id = GrantId::new();
                self.grants.push(id);
                let expires_at = lives_hours.map(|hours| self.now + Duration::hours(hours));
                let amount = Credits::from_millionths(amount);
                self.apply(&Change::Grant(NewGrant {
                    id,
                    source: GrantSource::Purchase,
                    amount,
                    priority,
                    expires_at,
                    payment_id: None,
                    origin_payment_id: None,
                }))
                .unwrap();
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
            Step::Capture { nth, share } => {
                if nth < self.holds.len() {
                    let held = self.holds[nth];
                    let spend = Credits::from_millionths(held.millionths() * share / 100);
                    if self.apply(&Change::Capture { held, spend }).is_ok() {
                        self.holds.remove(nth);
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
                    self.apply(&Change::Reverse { grant, amount }).unwrap();
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
        assert!(self.reversed || balance >= 0, "only a reversal goes below zero");
        assert!(self.wallet.grants().iter().all(|grant| grant.remaining >= Credits::ZERO));
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
    wallet.apply(&Change::Capture { held: forty, spend: forty }, after).unwrap();
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
