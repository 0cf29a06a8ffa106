//! Levels of a balance that something waits for. The movement that takes a wallet below one writes the job for it, in
//! its own transaction, so that no fall goes unnoticed; and only that movement, so that many debits make one job.

use jobs::job;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;

use jobs::EncodedJob;
use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, WalletId};
use kernel::money::Credits;
use notices::{Notice, SendNotices};

/// The levels of a wallet, as its row has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Below it the wallet is recharged.
    pub recharge_below: Option<Credits>,
    /// Below each of them those who see the wallet are told.
    pub alert_below: Vec<Credits>,
}

/// A level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Below it the wallet is recharged.
    Recharge,
    /// Below it those who see the wallet are told.
    Alert(Credits),
}

/// A wallet that has fallen below a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// Which wallet.
    pub wallet_id: WalletId,
    /// Which level.
    pub level: Level,
    /// What is left.
    pub balance: Credits,
}

impl Levels {
    /// The levels that were crossed: the balance was at or above them, and is strictly below them now. Of several
    /// alerts only the lowest: it says what the others would.
    pub fn crossed(&self, was: Credits, is: Credits) -> impl Iterator<Item = Level> + use<> {
        let fell_below = |level: &Credits| was >= *level && is < *level;
        let recharge = self.recharge_below.filter(fell_below).map(|_| Level::Recharge);
        let alert = self.alert_below.iter().copied().filter(fell_below).min().map(Level::Alert);
        recharge.into_iter().chain(alert)
    }
}

/// Writes the jobs that crossings make necessary, in the caller's transaction.
pub(super) async fn announce(
    connection: &mut PgConnection,
    now: Timestamp,
    crossings: &[Crossing],
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let mut written = Vec::with_capacity(crossings.len());
    for crossing in crossings {
        let job = match crossing.level {
            Level::Recharge => EncodedJob::from(&CheckRecharge { wallet_id: crossing.wallet_id }),
            Level::Alert(level) => {
                let body = json!({"type": "balance.low", "balance": crossing.balance.to_json(),
                                  "level": level.to_json()});
                EncodedJob::from(&SendNotices { notices: vec![Notice::new(now, crossing.wallet_id, body)] })
            }
        };
        written.push(outbox::insert(connection, now, job).await?);
    }
    Ok(written)
}

/// Decides whether a wallet is to be recharged now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckRecharge {
    /// The wallet.
    pub wallet_id: WalletId,
}
job!(CheckRecharge: "recharge.check" on Recharge, 8 attempts);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_crossed_once_and_equality_is_not_below() {
        let crossed = |below: Option<i64>, was, is| {
            let levels =
                Levels { recharge_below: below.map(Credits::from_millionths), alert_below: Vec::new() };
            levels.crossed(Credits::from_millionths(was), Credits::from_millionths(is)).count()
        };
        assert_eq!(crossed(Some(100), 150, 100), 0);
        assert_eq!(crossed(Some(100), 100, 99), 1);
        assert_eq!(crossed(Some(100), 150, 0), 1);
        assert_eq!(crossed(Some(100), 99, 0), 0);
        assert_eq!(crossed(Some(100), 0, 150), 0);
        assert_eq!(crossed(None, 150, 0), 0);
    }

    #[test]
    fn of_several_alerts_the_lowest_is_told_and_each_again_after_a_rise() {
        let of = |amounts: &[i64]| amounts.iter().copied().map(Credits::from_millionths).collect::<Vec<_>>();
        let levels = Levels { recharge_below: None, alert_below: of(&[100, 10, 50]) };
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
