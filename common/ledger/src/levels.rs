//! Levels that trigger something: of the balance, below which people are notified, and of what can be spent,
//! below which the wallet is recharged. The movement that takes a wallet below one writes the job for it, in its own
//! transaction, so that no fall goes unnoticed; and only that movement, so that many debits make one job.
//!
//! Only a use is a reason to recharge ([`Use`]): credits that lapse, are taken back or are corrected by hand are not.
//! That a recharge is due is kept in the wallet's row, so that every later reader of the wallet decides by the same
//! fact.

use jobs::job;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, WalletId};
use kernel::money::Credits;

use super::{Change, CounterAccount, Movement, Posted, Refusal};

/// The levels of a wallet, as its row has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// A use that leaves less than this to spend makes a recharge due.
    pub recharge_below: Option<Credits>,
    /// A recharge is due while less than this can be spent.
    pub recharge_due_below: Option<Credits>,
    /// Below each of them the people who see the wallet are notified.
    pub alert_below: Vec<Credits>,
}

/// A use of a wallet by those who may spend its credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Credits were spent.
    Spent,
    /// So many were asked for, to be spent or held, and fewer could be spent.
    Refused(Credits),
}

impl Use {
    /// The use that a movement was; none if it was not one. To hold credits is none yet, they may come back: it is one
    /// to be refused them, or to spend them in the end.
    pub fn of(movement: &Movement, posted: &Posted) -> Option<Self> {
        if !movement.counter_account.is_spending() {
            return None;
        }
        match (&movement.change, posted) {
            (Change::Debit(_) | Change::Capture { .. }, Posted::Done { .. }) => Some(Self::Spent),
            (Change::Debit(_) | Change::Hold(_), Posted::Refused(Refusal::Insufficient { needed, .. })) => {
                Some(Self::Refused(*needed))
            }
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// A recharge is due.
    Recharge,
    /// Below it the people who see the wallet are notified.
    Alert(Credits),
}

/// A wallet that has fallen below a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    pub wallet_id: WalletId,
    pub level: Level,
    pub balance: Credits,
}

impl Levels {
    /// The level of an alert that was crossed: the balance was at or above it, and is strictly below it now. Of several
    /// only the lowest: it says what the others would.
    pub fn crossed(&self, was: Credits, is: Credits) -> Option<Level> {
        let fell_below = |level: &Credits| was >= *level && is < *level;
        self.alert_below.iter().copied().filter(fell_below).min().map(Level::Alert)
    }

    /// Takes note of a movement that has left so much to spend: a recharge that was due is not any more if there is
    /// enough, and a use makes one due. Of several needs the least counts: it is met first.
    pub fn note(&mut self, used: Option<Use>, available: Credits) {
        let Some(level) = self.recharge_below else {
            self.recharge_due_below = None;
            return;
        };
        let need = match used {
            None => None,
            Some(_) if available < level => Some(level),
            Some(Use::Spent) => None,
            Some(Use::Refused(needed)) => Some(needed),
        };
        let needs = self.recharge_due_below.into_iter().chain(need);
        self.recharge_due_below = needs.filter(|need| available < *need).min();
    }
}

impl CounterAccount {
    /// Whether what goes there was spent by those who may spend it.
    pub(super) fn is_spending(self) -> bool {
        match self {
            Self::Usage => true,
            Self::Stripe
            | Self::Creem
            | Self::Revenuecat
            | Self::Promotion
            | Self::Expiry
            | Self::Refund
            | Self::Manual
            | Self::Transfer => false,
        }
    }
}

/// Has the wallets checked in which a recharge has become due, in the caller's transaction.
pub(super) async fn check_recharges(
    connection: &mut PgConnection,
    now: Timestamp,
    crossings: &[Crossing],
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let mut written = Vec::new();
    for crossing in crossings.iter().filter(|crossing| crossing.level == Level::Recharge) {
        let job = CheckRecharge { wallet_id: crossing.wallet_id };
        written.push(outbox::insert(connection, now, &job).await?);
    }
    Ok(written)
}

/// Decides whether a wallet is to be recharged now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckRecharge {
    pub wallet_id: WalletId,
}
job!(CheckRecharge: "recharge.check" on Recharge, 8 attempts);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::{LimitStatus, Per, ReachedLimit, Whose};

    fn credits(millionths: i64) -> Credits {
        Credits::from_millionths(millionths)
    }

    /// Levels of a wallet that is recharged below 100, after these movements.
    fn due(steps: &[(Option<Use>, i64)]) -> Option<i64> {
        let mut levels = Levels { recharge_below: Some(credits(100)), ..Levels::default() };
        for (used, available) in steps {
            levels.note(*used, credits(*available));
        }
        levels.recharge_due_below.map(Credits::millionths)
    }

    const SPENT: Option<Use> = Some(Use::Spent);

    fn refused(needed: i64) -> Option<Use> {
        Some(Use::Refused(credits(needed)))
    }

    #[test]
    fn a_use_that_leaves_too_little_makes_a_recharge_due_and_equality_is_not_below() {
        assert_eq!(due(&[(SPENT, 100)]), None);
        assert_eq!(due(&[(SPENT, 99)]), Some(100));
        assert_eq!(due(&[(SPENT, 0)]), Some(100));
        assert_eq!(due(&[(SPENT, 99), (SPENT, 50)]), Some(100));
        // What is there again is not missing.
        assert_eq!(due(&[(SPENT, 99), (None, 100)]), None);
        assert_eq!(due(&[(SPENT, 99), (None, 100), (None, 5)]), None);
        let mut unwatched = Levels::default();
        unwatched.note(SPENT, credits(0));
        assert_eq!(unwatched.recharge_due_below, None);
    }

    #[test]
    fn what_falls_for_another_reason_makes_none_due() {
        assert_eq!(due(&[(None, 99), (None, 0)]), None);
        // A use of what is left afterwards does.
        assert_eq!(due(&[(None, 99), (SPENT, 98)]), Some(100));
    }

    #[test]
    fn a_refused_use_makes_one_due_until_there_is_enough_for_it() {
        assert_eq!(due(&[(refused(170), 160)]), Some(170));
        assert_eq!(due(&[(refused(170), 160), (None, 169)]), Some(170));
        assert_eq!(due(&[(refused(170), 160), (None, 170)]), None);
        // The least that is needed counts, whichever comes first.
        assert_eq!(due(&[(refused(170), 160), (refused(900), 160)]), Some(170));
        assert_eq!(due(&[(refused(900), 160), (refused(170), 160)]), Some(170));
        assert_eq!(due(&[(refused(900), 160), (None, 200)]), Some(900));
        assert_eq!(due(&[(refused(900), 160), (SPENT, 99)]), Some(100));
        assert_eq!(due(&[(refused(900), 50)]), Some(100));
    }

    fn movement(change: Change, counter_account: CounterAccount) -> Movement {
        Movement {
            wallet_id: WalletId::new(),
            cause: super::super::Cause { kind: "test", id: "1".to_owned() },
            change,
            counter_account,
            entry_type: "test".to_owned(),
            description: None,
            note: super::super::EntryNote::default(),
        }
    }

    #[test]
    fn only_spending_and_being_refused_is_a_use() {
        let done = Posted::Done { entry_id: None, balance: credits(0), available: credits(0), counted: None };
        let limit = LimitStatus {
            per: Per::Day,
            credits: credits(5),
            used: credits(0),
            left: credits(5),
            resets_at: Timestamp::UNIX_EPOCH,
        };
        let whose = Whose::ApiKey(kernel::ids::ApiKeyId::new());
        let limited = Posted::Refused(Refusal::LimitReached(Box::new(ReachedLimit { whose, limit })));
        let short = Posted::Refused(Refusal::Insufficient { available: credits(5), needed: credits(10) });
        let grant = kernel::ids::GrantId::new();
        let (debit, hold) = (Change::Debit(credits(10)), Change::Hold(credits(10)));
        let capture =
            Change::Capture { held: credits(10), spend: credits(10), above: super::super::Above::Refuse };
        for (change, account, posted, used) in [
            (debit.clone(), CounterAccount::Usage, &done, SPENT),
            (capture, CounterAccount::Usage, &done, SPENT),
            (debit.clone(), CounterAccount::Usage, &short, refused(10)),
            (hold.clone(), CounterAccount::Usage, &short, refused(10)),
            // What a limit refuses is not short of credits.
            (debit.clone(), CounterAccount::Usage, &limited, None),
            (hold.clone(), CounterAccount::Usage, &limited, None),
            // What is only held may come back, and what is released has.
            (hold, CounterAccount::Usage, &done, None),
            (Change::Release(credits(10)), CounterAccount::Usage, &done, None),
            (debit.clone(), CounterAccount::Usage, &Posted::Refused(Refusal::BadAmount), None),
            // An administrator's correction, made or refused.
            (debit.clone(), CounterAccount::Manual, &done, None),
            (debit, CounterAccount::Manual, &short, None),
            (Change::Expire(grant), CounterAccount::Expiry, &done, None),
            (
                Change::Reverse { grants: vec![grant], amount: credits(10) },
                CounterAccount::Refund,
                &done,
                None,
            ),
        ] {
            let movement = movement(change, account);
            assert_eq!(Use::of(&movement, posted), used, "{movement:?} {posted:?}");
        }
    }

    proptest! {
        /// Whatever happens to a wallet, a recharge is due only if there was a use since there was enough last, and
        /// only while there is less than what is needed.
        #[test]
        fn none_is_due_without_a_use(
            steps in prop::collection::vec((prop::option::of(prop::option::of(1..400_i64)), 0..300_i64), 0..40),
        ) {
            let mut levels = Levels { recharge_below: Some(credits(100)), ..Levels::default() };
            let mut used_since = false;
            for (used, available) in steps {
                // A refusal is of more than there is.
                let used = used.map(|more| more.map_or(Use::Spent, |more| {
                    Use::Refused(credits(available + more))
                }));
                let enough = levels.recharge_due_below.is_none_or(|due| credits(available) >= due);
                levels.note(used, credits(available));
                used_since = used.is_some() || (used_since && !enough);
                if let Some(due) = levels.recharge_due_below {
                    prop_assert!(used_since && credits(available) < due);
                }
                if used.is_some() && available < 100 {
                    prop_assert_eq!(levels.recharge_due_below, Some(credits(100)));
                }
            }
        }
    }

    #[test]
    fn of_several_alerts_the_lowest_is_told_and_each_again_after_a_rise() {
        let of = |amounts: &[i64]| amounts.iter().copied().map(Credits::from_millionths).collect::<Vec<_>>();
        let levels = Levels { alert_below: of(&[100, 10, 50]), ..Levels::default() };
        let mut balance = Credits::from_millionths(200);
        let mut told = Vec::new();
        for next in of(&[100, 99, 60, 5, 4, 70, 50, 49, 200, 0]) {
            told.extend(levels.crossed(balance, next));
            balance = next;
        }
        let alerts: Vec<Level> = of(&[100, 10, 50, 10]).into_iter().map(Level::Alert).collect();
        assert_eq!(told, alerts);
    }
}
