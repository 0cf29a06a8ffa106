//! What movements tell: each what it changed, with the next number of its wallet, which this transaction has locked.

use std::collections::{BTreeSet, HashMap};

use sqlx::PgConnection;

use super::levels::{Crossing, Level};
use super::limits::{ReachedLimit, Whose};
use super::rules::WalletState;
use super::store::WalletRow;
use super::{Change, Movement};
use kernel::clock::Timestamp;
use kernel::ids::{EntryId, OutboxId, WalletId};
use kernel::money::Credits;
use notices::{Amount, Event, Moment, Notice, Reason};

/// How movements are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Through the outbox, so that nothing is lost.
    Surely,
    /// Through the outbox only while a webhook endpoint takes them. Otherwise the caller passes them on to live
    /// connections after the commit: if it dies before, or the broker is away, they are lost, and who listens sees by
    /// their numbers that some are missing.
    Cheaply,
}

/// What is to be told.
#[derive(Default)]
pub(super) struct Telling {
    /// The number of each wallet's last notice.
    last: HashMap<WalletId, i64>,
    /// Whether a webhook endpoint takes every movement.
    is_wanted: bool,
    events: Vec<(WalletId, i64, Event)>,
}

impl Telling {
    /// For wallets that this transaction has locked.
    pub(super) fn new(rows: &[WalletRow]) -> Self {
        Self {
            last: rows.iter().map(|row| (row.id, row.last_notice)).collect(),
            is_wanted: rows.iter().any(|row| row.is_told),
            events: Vec::new(),
        }
    }

    /// The number of a wallet's last notice, with those that are to be told.
    pub(super) fn last(&self, wallet: WalletId) -> i64 {
        self.last.get(&wallet).copied().unwrap_or_default()
    }

    /// Takes note of a movement that has left a wallet like this.
    pub(super) fn moved(
        &mut self,
        wallet: &WalletState,
        movement: &Movement,
        amount: Option<Credits>,
        entry_id: Option<EntryId>,
    ) {
        let credits = match (&movement.change, amount) {
            (_, Some(amount)) => amount,
            (Change::Hold(held), None) => *held,
            (Change::Release(held), None) => held.checked_neg().unwrap_or(Credits::ZERO),
            // Nothing moved: of what lapses a hold needs all.
            _ => return,
        };
        let changed = Event::WalletChanged {
            reason: reason(movement),
            credits: Amount(credits),
            balance: Amount(wallet.balance),
            available: Amount(wallet.available()),
            held: Amount(wallet.held),
            debt: Amount(wallet.debt),
            entry_id,
        };
        self.add(wallet.id, changed);
        if let Change::Expire(grant_id) = movement.change {
            let lapsed = credits.checked_neg().unwrap_or(Credits::ZERO);
            let balance = Amount(wallet.balance);
            self.add(wallet.id, Event::GrantExpired { grant_id, credits: Amount(lapsed), balance });
        }
    }

    /// Takes note of a level of an alert that a wallet fell below.
    pub(super) fn crossed(&mut self, crossing: &Crossing) {
        if let Level::Alert(level) = crossing.level {
            let event = Event::BalanceLow { balance: Amount(crossing.balance), level: Amount(level) };
            self.add(crossing.wallet_id, event);
        }
    }

    /// Takes note of a limit that has nothing left for a use of a wallet, or too little.
    pub(super) fn reached(&mut self, wallet: WalletId, reached: &ReachedLimit) {
        let limit = &reached.limit;
        let (per, resets_at) = (limit.per.as_str(), Moment(limit.resets_at));
        let event = match &reached.whose {
            Whose::Member { user_id, .. } => Event::LimitReached {
                member_id: Some(user_id.clone()),
                api_key_id: None,
                per,
                credits: Some(Amount(limit.credits)),
                left: Some(Amount(limit.left)),
                resets_at,
            },
            // Who sees the wallet need not know what the key may spend elsewhere.
            Whose::ApiKey(key) => Event::LimitReached {
                member_id: None,
                api_key_id: Some(*key),
                per,
                credits: None,
                left: None,
                resets_at,
            },
        };
        self.add(wallet, event);
    }

    fn add(&mut self, wallet: WalletId, event: Event) {
        let last = self.last.entry(wallet).or_default();
        *last = last.saturating_add(1);
        self.events.push((wallet, *last, event));
    }

    /// The wallets of which something goes through the outbox.
    pub(super) fn sure(&self, way: Way) -> BTreeSet<WalletId> {
        let sure = self.events.iter().filter(|(.., event)| self.is_sure(way, event));
        sure.map(|(wallet, ..)| *wallet).collect()
    }

    fn is_sure(&self, way: Way, event: &Event) -> bool {
        way == Way::Surely || self.is_wanted || !matches!(event, Event::WalletChanged { .. })
    }

    /// What there is to tell of these wallets, for live connections alone.
    pub(super) fn live(&self, now: Timestamp, wallets: &BTreeSet<WalletId>) -> Vec<Notice> {
        let events = self.events.iter().filter(|(wallet, ..)| wallets.contains(wallet));
        events.map(|(wallet, number, event)| Notice::new(now, *wallet, Some(*number), event)).collect()
    }

    /// Writes what goes through the outbox, and returns what does not.
    pub(super) async fn write(
        self,
        connection: &mut PgConnection,
        now: Timestamp,
        way: Way,
    ) -> Result<(Option<OutboxId>, Vec<Notice>), sqlx::Error> {
        let (mut sure, mut live) = (Vec::new(), Vec::new());
        for (wallet, number, event) in &self.events {
            let notice = Notice::new(now, *wallet, Some(*number), event);
            if self.is_sure(way, event) { sure.push(notice) } else { live.push(notice) }
        }
        let written = match sure.is_empty() {
            true => None,
            false => Some(notices::write(connection, now, sure).await?),
        };
        Ok((written, live))
    }
}

/// Why a movement changes a wallet, in the words of events.
fn reason(movement: &Movement) -> Reason {
    match (&movement.change, movement.cause.kind) {
        (Change::Grant(_) | Change::Debit(_), "adjustment") => Reason::Adjustment,
        (Change::Grants(_) | Change::Debit(_), "transfer") => Reason::Transfer,
        (Change::Grant(_), "reversal") | (Change::Reverse { .. }, _) => Reason::Reversal,
        (Change::Grant(_) | Change::Grants(_), _) => Reason::Grant,
        (Change::GiveBack { .. }, _) => Reason::DebitRefund,
        (Change::Void(_), _) => Reason::Void,
        (Change::Debit(_), _) => Reason::Debit,
        (Change::Hold(_), _) => Reason::Hold,
        (Change::Capture { .. }, _) => Reason::Capture,
        (Change::Release(_), _) => Reason::Release,
        (Change::Expire(_), _) => Reason::Lapse,
    }
}
