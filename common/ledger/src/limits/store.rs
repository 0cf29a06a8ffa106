//! The SQL of limits.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use time::Date;
use uuid::Uuid;

use super::rules::Counter;
use super::{Limits, Tally, Waiting, Whose};
use kernel::clock::Timestamp;
use kernel::ids::{ApiKeyId, LimitId, UserId, WalletId};
use kernel::money::Credits;

/// A limit that counts.
pub(super) struct LimitRow {
    pub(super) id: LimitId,
    pub(super) whose: Whose,
    /// None if another transaction has it locked.
    pub(super) tally: Option<Tally>,
}

/// Limits and counters as the database has them.
struct TallyRow {
    id: LimitId,
    wallet_id: Option<WalletId>,
    user_id: Option<UserId>,
    api_key_id: Option<ApiKeyId>,
    /// None, as all that follows, if another transaction has it locked.
    counted_on: Option<Date>,
    day_limit: Option<Credits>,
    month_limit: Option<Credits>,
    day_used: Option<Credits>,
    month_used: Option<Credits>,
    day_told: Option<bool>,
    month_told: Option<bool>,
}

impl TallyRow {
    fn tally(&self) -> Option<Tally> {
        let counter = |used: Option<Credits>, told: Option<bool>| Counter {
            used: used.unwrap_or_default(),
            told: told.unwrap_or_default(),
        };
        Some(Tally {
            limits: Limits { day: self.day_limit, month: self.month_limit },
            on: self.counted_on?,
            day: counter(self.day_used, self.day_told),
            month: counter(self.month_used, self.month_told),
        })
    }

    /// The database has each limit of one.
    fn whose(&self) -> Option<Whose> {
        match (self.wallet_id, &self.user_id, self.api_key_id) {
            (Some(wallet_id), Some(user_id), None) => {
                Some(Whose::Member { wallet_id, user_id: user_id.clone() })
            }
            (None, None, Some(key)) => Some(Whose::ApiKey(key)),
            _ => None,
        }
    }
}

macro_rules! select_limits {
    ($rest:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            TallyRow,
            r#"select id as "id: LimitId", wallet_id as "wallet_id: WalletId", user_id as "user_id: UserId",
                      api_key_id as "api_key_id: ApiKeyId", counted_on as "counted_on?",
                      day_limit as "day_limit: Credits", month_limit as "month_limit: Credits",
                      day_used as "day_used?: Credits", month_used as "month_used?: Credits",
                      day_told as "day_told?", month_told as "month_told?"
               from limits "#
                + $rest
            $(, $argument)*
        )
    };
}

macro_rules! lock_limits {
    ($waiting:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            TallyRow,
            r#"with wanted as (
                   select id, wallet_id, user_id, api_key_id from limits where id = any($1)
                   union
                   select id, wallet_id, user_id, api_key_id from limits where api_key_id = any($2)
                   union
                   select l.id, l.wallet_id, l.user_id, l.api_key_id
                   from unnest($3::uuid[], $4::text[]) as member (wallet_id, user_id)
                   join limits l on l.wallet_id = member.wallet_id and l.user_id = member.user_id),
               free as (
                   select * from limits where id = any(array(select id from wanted))
                   order by id for no key update"#
                + $waiting
                + r#")
               select wanted.id as "id!: LimitId", wanted.wallet_id as "wallet_id: WalletId",
                      wanted.user_id as "user_id: UserId", wanted.api_key_id as "api_key_id: ApiKeyId",
                      free.counted_on as "counted_on?", free.day_limit as "day_limit?: Credits",
                      free.month_limit as "month_limit?: Credits", free.day_used as "day_used?: Credits",
                      free.month_used as "month_used?: Credits", free.day_told as "day_told?",
                      free.month_told as "month_told?"
               from wanted left join free on free.id = wanted.id"#
            $(, $argument)*
        )
    };
}

/// Locks limits in the order of their ids: those of some spenders, where they have any, and those of some ids.
pub(super) async fn lock_all(
    connection: &mut PgConnection,
    whose: &BTreeSet<Whose>,
    ids: &BTreeSet<LimitId>,
    waiting: Waiting,
) -> Result<Vec<LimitRow>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let (mut wallets, mut users, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for whose in whose {
        match whose {
            Whose::Member { wallet_id, user_id } => {
                wallets.push(wallet_id.0);
                users.push(user_id.as_str());
            }
            Whose::ApiKey(key) => keys.push(key.0),
        }
    }
    let found = match waiting {
        Waiting::Yes => {
            lock_limits!("", &ids, &keys, &wallets, &users as &[&str]).fetch_all(connection).await?
        }
        Waiting::No => {
            lock_limits!(" skip locked", &ids, &keys, &wallets, &users as &[&str])
                .fetch_all(connection)
                .await?
        }
    };
    let rows = found.into_iter().filter_map(|row| {
        let (whose, tally) = (row.whose()?, row.tally());
        Some(LimitRow { id: row.id, whose, tally })
    });
    Ok(rows.collect())
}

/// The limits of one, locked.
pub(super) async fn lock(
    connection: &mut PgConnection,
    whose: &Whose,
) -> Result<Option<(LimitId, Tally)>, sqlx::Error> {
    let all = BTreeSet::from([whose.clone()]);
    let found = lock_all(connection, &all, &BTreeSet::new(), Waiting::Yes).await?.pop();
    Ok(found.and_then(|row| Some((row.id, row.tally?))))
}

/// Adds counters of one who has none.
pub(super) async fn insert(
    connection: &mut PgConnection,
    now: Timestamp,
    id: LimitId,
    whose: &Whose,
) -> Result<(), sqlx::Error> {
    let (wallet, user, key) = match whose {
        Whose::Member { wallet_id, user_id } => (Some(wallet_id.0), Some(user_id.as_str()), None),
        Whose::ApiKey(key) => (None, None, Some(key.0)),
    };
    sqlx::query!(
        "insert into limits (id, wallet_id, user_id, api_key_id, counted_on) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
        id.0,
        wallet,
        user,
        key,
        now.date()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes limits and counters that this transaction has locked.
pub(super) async fn write(
    connection: &mut PgConnection,
    tallies: &[(LimitId, Tally)],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = tallies.iter().map(|(id, _)| id.0).collect();
    let of = |limit: fn(&Tally) -> Option<Credits>| -> Vec<Option<i64>> {
        tallies.iter().map(|(_, tally)| limit(tally).map(Credits::millionths)).collect()
    };
    let (day_limits, month_limits) = (of(|tally| tally.limits.day), of(|tally| tally.limits.month));
    let (day_used, month_used) = (of(|tally| Some(tally.day.used)), of(|tally| Some(tally.month.used)));
    let days: Vec<Date> = tallies.iter().map(|(_, tally)| tally.on).collect();
    let day_told: Vec<bool> = tallies.iter().map(|(_, tally)| tally.day.told).collect();
    let month_told: Vec<bool> = tallies.iter().map(|(_, tally)| tally.month.told).collect();
    sqlx::query!(
        "update limits set day_limit = new.day_limit, month_limit = new.month_limit, counted_on = new.counted_on,
                           day_used = new.day_used, month_used = new.month_used, day_told = new.day_told,
                           month_told = new.month_told
         from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::date[], $5::bigint[], $6::bigint[], $7::boolean[],
                     $8::boolean[])
              as new (id, day_limit, month_limit, counted_on, day_used, month_used, day_told, month_told)
         where limits.id = new.id",
        &ids,
        &day_limits as &[Option<i64>],
        &month_limits as &[Option<i64>],
        &days,
        &day_used as &[Option<i64>],
        &month_used as &[Option<i64>],
        &day_told,
        &month_told
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes with a wallet, which this transaction has locked, whether any of its members is limited.
pub(super) async fn flag(connection: &mut PgConnection, wallet: WalletId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update wallets set members_are_limited = exists (
             select from limits where wallet_id = wallets.id and coalesce(day_limit, month_limit) is not null)
         where id = $1",
        wallet.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn of_members(
    connection: &mut PgConnection,
    wallet: WalletId,
) -> Result<Vec<(UserId, Tally)>, sqlx::Error> {
    let found = select_limits!("where wallet_id = $1", wallet.0).fetch_all(connection).await?;
    let tallies = found.into_iter().filter_map(|row| {
        let tally = row.tally()?;
        Some((row.user_id?, tally))
    });
    Ok(tallies.collect())
}

pub(super) async fn of_api_keys(
    connection: &mut PgConnection,
    keys: &[ApiKeyId],
) -> Result<Vec<(ApiKeyId, Tally)>, sqlx::Error> {
    let keys: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
    let found = select_limits!("where api_key_id = any($1)", &keys).fetch_all(connection).await?;
    Ok(found.into_iter().filter_map(|row| Some((row.api_key_id?, row.tally()?))).collect())
}

pub(super) async fn delete_idle(
    connection: &mut PgConnection,
    month: Date,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "delete from limits where id in (
             select id from limits where coalesce(day_limit, month_limit) is null and counted_on < $1
             order by counted_on limit $2 for update skip locked)",
        month,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
