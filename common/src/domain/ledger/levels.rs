//! Levels of a balance that something waits for. The movement that takes a wallet below one writes the job for it, in
//! its own transaction, so that no fall goes unnoticed; and only that movement, so that many debits make one job.

use sqlx::PgConnection;

use crate::clock::Timestamp;
use crate::ids::{OutboxId, WalletId};
use crate::jobs::{AnyJob, CheckRecharge};
use crate::messaging::outbox;
use crate::money::Credits;

/// The levels of a wallet, as its row has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Below it the wallet is recharged.
    pub recharge_below: Option<Credits>,
}

/// A level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Below it the wallet is recharged.
    Recharge,
}

/// A wallet that has fallen below a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// Which wallet.
    pub wallet_id: WalletId,
    /// Which level.
    pub level: Level,
}

impl Levels {
    /// The levels that were crossed: the balance was at or above them, and is strictly below them now.
    pub fn crossed(self, was: Credits, is: Credits) -> impl Iterator<Item = Level> {
        let all = [(Level::Recharge, self.recharge_below)];
        all.into_iter()
            .filter(move |(_, below)| below.is_some_and(|below| was >= below && is < below))
            .map(|(level, _)| level)
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
        let job: AnyJob = match crossing.level {
            Level::Recharge => CheckRecharge { wallet_id: crossing.wallet_id }.into(),
        };
        written.push(outbox::insert(connection, now, &job).await?);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_crossed_once_and_equality_is_not_below() {
        let crossed = |below: Option<i64>, was, is| {
            let levels = Levels { recharge_below: below.map(Credits::from_millionths) };
            levels.crossed(Credits::from_millionths(was), Credits::from_millionths(is)).count()
        };
        assert_eq!(crossed(Some(100), 150, 100), 0);
        assert_eq!(crossed(Some(100), 100, 99), 1);
        assert_eq!(crossed(Some(100), 150, 0), 1);
        assert_eq!(crossed(Some(100), 99, 0), 0);
        assert_eq!(crossed(Some(100), 0, 150), 0);
        assert_eq!(crossed(None, 150, 0), 0);
    }
}
