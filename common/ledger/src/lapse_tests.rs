//! Tries the book of a wallet whose grants lapse while some of it is held against a model that knows only lots and
//! sums.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;

use super::*;
use crate::{Above, GrantSource};

const START: Timestamp = datetime!(2026-11-01 00:00 UTC);

fn millionths(amount: i64) -> Credits {
    Credits::from_millionths(amount)
}

/// A wallet as the ledger keeps it.
struct Kept {
    book: Book,
    wallet: WalletId,
    causes: usize,
}

impl Kept {
    fn new() -> Self {
        let (none, wallet) = (Credits::ZERO, WalletId::new());
        let book = Book {
            now: START,
            wallets: BTreeMap::from([(wallet, WalletState::new(wallet, none, none, none, Vec::new()))]),
            levels: HashMap::new(),
            read: HashMap::new(),
            before: HashMap::new(),
            new_grants: Vec::new(),
            entries: Vec::new(),
            changed: BTreeSet::new(),
            limits: Counting::default(),
            telling: Telling::default(),
        };
        Self { book, wallet, causes: 0 }
    }

    fn state(&self) -> &WalletState {
        self.book.wallets.get(&self.wallet).unwrap()
    }

    fn post(&mut self, change: Change) -> Option<i64> {
        self.causes += 1;
        let posted = self.book.post(&Movement {
            wallet_id: self.wallet,
            cause: Cause { kind: "test", id: self.causes.to_string() },
            change,
            counter_account: CounterAccount::Usage,
            entry_type: "test".to_owned(),
            description: None,
            note: EntryNote::default(),
        });
        match posted {
            Posted::Done { balance, .. } => Some(balance.millionths()),
            Posted::Refused(_) => None,
            Posted::AlreadyPosted { .. } => panic!("{posted:?}"),
        }
    }

    fn grant(&mut self, amount: i64, lives_hours: Option<i64>) -> Option<i64> {
        self.post(Change::Grant(NewGrant {
            id: GrantId::new(),
            source: GrantSource::Purchase,
            amount: millionths(amount),
            priority: 0,
            expires_at: lives_hours.map(|hours| self.book.now + Duration::hours(hours)),
            payment_id: None,
            origin_payment_id: None,
        }))
    }

    fn debit(&mut self, amount: i64) -> Option<i64> {
        self.post(Change::Debit(millionths(amount)))
    }

    fn hold(&mut self, amount: i64) -> Option<i64> {
        self.post(Change::Hold(millionths(amount)))
    }

    fn capture(&mut self, held: i64, spend: i64) -> Option<i64> {
        self.post(Change::Capture { held: millionths(held), spend: millionths(spend), above: Above::Refuse })
    }

    fn release(&mut self, held: i64) -> Option<i64> {
        self.post(Change::Release(millionths(held)))
    }

    fn wait(&mut self, hours: i64) {
        self.book.now += Duration::hours(hours);
    }

    fn sweep(&mut self) {
        self.book.lapse(self.wallet);
    }

    /// As [`store::balance`] computes it: what has lapsed and is needed by no hold is not shown, swept or not.
    fn shown(&self) -> i64 {
        let has_lapsed = |grant: &&GrantState| grant.expires_at.is_some_and(|at| at <= self.book.now);
        let lapsed: i64 =
            self.state().grants().iter().filter(has_lapsed).map(|grant| grant.remaining.millionths()).sum();
        self.state().balance.millionths() - (lapsed - self.state().held.millionths()).max(0)
    }
}

#[test]
fn what_is_held_is_captured_from_what_has_lapsed() {
    for sweeps in [false, true] {
        let mut kept = Kept::new();
        kept.grant(60, Some(1));
        kept.grant(100, None);
        assert_eq!(kept.hold(60), Some(160));
        kept.wait(2);
        if sweeps {
            kept.sweep();
        }
        assert_eq!(kept.shown(), 160);
        assert_eq!(kept.debit(101), None, "what is kept for the hold is not spent otherwise");
        assert_eq!(kept.capture(60, 60), Some(100));
    }
}

#[test]
fn what_was_kept_for_a_hold_only_lapses_with_it() {
    let mut kept = Kept::new();
    kept.grant(60, Some(1));
    kept.grant(100, None);
    kept.hold(60);
    kept.wait(2);
    // Spent is what has not lapsed, though what has lapsed would burn first.
    assert_eq!(kept.debit(50), Some(110));
    assert_eq!(kept.release(60), Some(50));
    kept.grant(30, Some(1));
    kept.hold(40);
    kept.wait(2);
    // 20 of the 30 lapse with the part of the hold that is not captured.
    assert_eq!(kept.capture(40, 10), Some(50));
}

#[test]
fn holds_are_covered_by_what_burns_first_and_the_rest_lapses() {
    let mut kept = Kept::new();
    kept.grant(50, Some(3));
    kept.grant(40, Some(1));
    kept.grant(30, Some(2));
    kept.grant(20, None);
    kept.hold(45);
    kept.hold(10);
    kept.wait(1);
    kept.sweep();
    assert_eq!(kept.shown(), 140);
    kept.wait(1);
    kept.sweep();
    // 70 have lapsed, 55 are held.
    assert_eq!(kept.shown(), 125);
    assert_eq!(kept.capture(45, 40), Some(80), "of 15 kept for two holds 10 are needed");
    kept.wait(1);
    kept.sweep();
    assert_eq!(kept.shown(), 30, "10 held and 20 that never lapse");
    assert_eq!(kept.release(10), Some(20));
}

#[test]
fn a_grant_that_something_is_given_back_to_lapses_again_with_a_cause_of_its_own() {
    let mut kept = Kept::new();
    kept.grant(60, Some(1));
    let grant = kept.state().grants()[0].id;
    kept.debit(50);
    kept.wait(2);
    kept.sweep();
    for _ in 0..5 {
        let change =
            Change::GiveBack { debit: EntryId::new(), unknown: None, parts: vec![(grant, millionths(10))] };
        assert_eq!(kept.post(change), Some(0));
    }
    let lapses = kept.book.entries.iter().filter(|entry| entry.cause_kind == "expiry");
    let causes: BTreeSet<&str> = lapses.map(|entry| entry.cause_id.as_str()).collect();
    assert_eq!(causes.len(), 6, "{causes:?}");
    assert_eq!(kept.state().grants()[0].lapsed, millionths(60));
}

/// The same wallet as lots in the order in which they burn. What lapses is taken from the last lots that have lapsed.
#[derive(Default)]
struct Model {
    lots: Vec<(Option<i64>, i64)>,
    held: i64,
    hour: i64,
}

impl Model {
    fn balance(&self) -> i64 {
        self.lots.iter().map(|(_, amount)| amount).sum()
    }

    fn lapse(&mut self) {
        let hour = self.hour;
        let lapsed = self.lots.partition_point(|(end, _)| end.is_some_and(|end| end <= hour));
        let mut excess = self.lots[..lapsed].iter().map(|(_, amount)| amount).sum::<i64>() - self.held;
        for (_, amount) in self.lots[..lapsed].iter_mut().rev() {
            let part = excess.clamp(0, *amount);
            *amount -= part;
            excess -= part;
        }
    }

    fn grant(&mut self, amount: i64, lives: Option<i64>) {
        let end = lives.map(|hours| self.hour + hours);
        let key = |end: Option<i64>| end.unwrap_or(i64::MAX);
        let place = self.lots.partition_point(|(other, _)| key(*other) <= key(end));
        self.lots.insert(place, (end, amount));
    }

    fn spend(&mut self, mut amount: i64, also_lapsed: bool) {
        let hour = self.hour;
        for (_, left) in
            self.lots.iter_mut().filter(|(end, _)| also_lapsed || end.is_none_or(|end| end > hour))
        {
            let part = amount.min(*left);
            *left -= part;
            amount -= part;
        }
        assert_eq!(amount, 0, "a promise was not covered");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Grant(i64, Option<i64>),
    Debit(i64),
    Hold(i64),
    Capture(usize, i64),
    Release(usize),
    Sweep,
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..200_i64, proptest::option::weighted(0.8, 1..20_i64))
            .prop_map(|(amount, lives)| Step::Grant(amount, lives)),
        2 => (1..150_i64).prop_map(Step::Debit),
        3 => (1..200_i64).prop_map(Step::Hold),
        1 => (0..3_usize, 1..=100_i64).prop_map(|(nth, share)| Step::Capture(nth, share)),
        1 => (0..3_usize).prop_map(Step::Release),
        1 => Just(Step::Sweep),
        3 => (1..8_i64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_lapses_is_what_no_hold_needs_whenever_it_is_swept(steps in prop::collection::vec(step(), 1..50)) {
        let (mut kept, mut model, mut holds) = (Kept::new(), Model::default(), Vec::new());
        for step in steps {
            model.lapse();
            match step {
                Step::Grant(amount, lives) => {
                    kept.grant(amount, lives);
                    model.grant(amount, lives);
                }
                Step::Debit(amount) => {
                    let is_there = amount <= model.balance() - model.held;
                    prop_assert_eq!(kept.debit(amount).is_some(), is_there);
                    if is_there {
                        model.spend(amount, false);
                    }
                }
                Step::Hold(amount) => {
                    let is_there = amount <= model.balance() - model.held;
                    prop_assert_eq!(kept.hold(amount).is_some(), is_there);
                    if is_there {
                        model.held += amount;
                        holds.push(amount);
                    }
                }
                Step::Capture(nth, share) if nth < holds.len() => {
                    let held = holds.remove(nth);
                    let spend = (held * share / 100).max(1);
                    model.held -= held;
                    model.spend(spend, true);
                    model.lapse();
                    prop_assert_eq!(kept.capture(held, spend), Some(model.balance()));
                }
                Step::Release(nth) if nth < holds.len() => {
                    let held = holds.remove(nth);
                    model.held -= held;
                    model.lapse();
                    prop_assert_eq!(kept.release(held), Some(model.balance()));
                }
                Step::Capture(..) | Step::Release(_) => {}
                Step::Sweep => kept.sweep(),
                Step::Wait(hours) => {
                    kept.wait(hours);
                    model.hour += hours;
                    model.lapse();
                }
            }
            prop_assert_eq!(kept.shown(), model.balance());
            prop_assert!(kept.state().held <= kept.state().balance, "every hold is covered");
            prop_assert_eq!(kept.state().debt, Credits::ZERO);
        }
        let entries = kept.book.entries.iter().filter(|entry| entry.cause_kind == "expiry");
        let lapsed: i64 = entries.map(|entry| -entry.amount.millionths()).sum();
        let noted: i64 = kept.state().grants().iter().map(|grant| grant.lapsed.millionths()).sum();
        prop_assert_eq!(lapsed, noted, "each grant knows what lapsed of it");
    }
}
