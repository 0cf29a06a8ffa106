//! Limits: how much a member may spend of an organization's wallet, or may be spent with an API key, in a day and in a
//! month. Days and months are those of UTC.
//!
//! A limit counts what is spent while it is there: debits, transfers out, and holds when they are placed. What is given
//! back, is not captured or lapses with its hold counts no more, if that happens in the period in which it was counted.
//! An entry and a hold note which limits counted them, and on which day.
//!
//! A limit is locked after the wallets, in the order of ids, by the transaction that moves the credits. That of a
//! member
//! is only touched with its wallet locked.

mod counting;
mod rules;
mod store;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{PgConnection, PgPool};

pub(crate) use counting::{Counting, Verdict, Waiting, keys_of};
pub use rules::Tally;

use super::store as wallets;
use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, LimitId, UserId, WalletId};
use kernel::money::Credits;
use kernel::text_enum;

text_enum! {
    /// How long a limit counts before it begins anew.
    Per {
        Day => "day",
        Month => "month",
    }
}

/// Whose limits they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// Those of a member, for the wallet of the organization.
    Member { wallet_id: WalletId, user_id: UserId },
    /// Those of a key, for all wallets together.
    ApiKey(ApiKeyId),
}

/// How much may be spent at the most; as much as there is where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub day: Option<Credits>,
    pub month: Option<Credits>,
}

impl Limits {
    /// The one limit of a period.
    pub fn of(per: Per, credits: Credits) -> Self {
        match per {
            Per::Day => Self { day: Some(credits), month: None },
            Per::Month => Self { day: None, month: Some(credits) },
        }
    }

    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    fn of_period(self, per: Per) -> Option<Credits> {
        match per {
            Per::Day => self.day,
            Per::Month => self.month,
        }
    }
}

/// A limit, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitStatus {
    pub per: Per,
    pub credits: Credits,
    /// What is counted in the present period.
    pub used: Credits,
    /// What may be spent before it ends; not below zero.
    pub left: Credits,
    /// When the next period begins.
    pub resets_at: Timestamp,
}

/// A limit that leaves less than was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReachedLimit {
    pub whose: Whose,
    pub limit: LimitStatus,
}

/// Sets limits, at once for everything that is posted afterwards. What was counted stays counted: so a limit that is
/// taken away and set again within its period does not begin anew. It locks the member's wallet.
///
/// # Errors
/// Database errors only; the owner of the limits must be there.
pub async fn put(
    connection: &mut PgConnection,
    now: Timestamp,
    whose: &Whose,
    limits: Limits,
) -> Result<(), sqlx::Error> {
    if let Whose::Member { wallet_id, .. } = whose {
        wallets::wallets_lock(connection, &[*wallet_id]).await?;
    }
    if !limits.is_none() {
        store::insert(connection, now, LimitId::new(), whose).await?;
    }
    let Some((id, mut tally)) = store::lock(connection, whose).await? else { return Ok(()) };
    tally.set(limits, now);
    store::write(connection, &[(id, tally)]).await?;
    match whose {
        Whose::Member { wallet_id, .. } => store::flag(connection, *wallet_id).await,
        Whose::ApiKey(_) => Ok(()),
    }
}

/// Locks limits until the end of the transaction, which has locked their wallets.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    limits: &BTreeSet<LimitId>,
) -> Result<(), sqlx::Error> {
    if !limits.is_empty() {
        store::lock_all(connection, &BTreeSet::new(), limits, Waiting::Yes).await?;
    }
    Ok(())
}

/// The limits of the members of an organization with this wallet.
///
/// # Errors
/// Database errors only.
pub async fn of_members(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<BTreeMap<UserId, Vec<LimitStatus>>, sqlx::Error> {
    let found = store::of_members(connection, wallet).await?;
    Ok(found.into_iter().map(|(user, tally)| (user, tally.status(now))).collect())
}

/// The limits of API keys.
///
/// # Errors
/// Database errors only.
pub async fn of_api_keys(
    connection: &mut PgConnection,
    now: Timestamp,
    keys: &[ApiKeyId],
) -> Result<BTreeMap<ApiKeyId, Vec<LimitStatus>>, sqlx::Error> {
    let found = store::of_api_keys(connection, keys).await?;
    Ok(found.into_iter().map(|(key, tally)| (key, tally.status(now))).collect())
}

/// Deletes the counters of limits that were taken away before this month, up to `limit`; returns how many.
///
/// # Errors
/// Database errors only.
pub async fn forget(pool: &PgPool, now: Timestamp, limit: i64) -> Result<u64, sqlx::Error> {
    store::delete_idle(&mut *pool.acquire().await?, rules::month_of(now.date()), limit).await
}
