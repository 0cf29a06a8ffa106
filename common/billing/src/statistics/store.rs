//! The SQL of statistics.

use kernel::clock::Timestamp;
use kernel::money::Currency;
use sqlx::PgConnection;

use super::Interval;
use super::rules::{Account, Sum};

struct Row {
    /// None for what was before.
    starts_at: Option<Timestamp>,
    account: Account,
    currency: String,
    amount: String,
}

/// What happened in each interval from `from` until `to`, and all that was done to credits before; read in one
/// statement, because what it reads is being added up meanwhile. Both times are where intervals begin.
pub(super) async fn sums(
    connection: &mut PgConnection,
    interval: Interval,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Sum>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"with added as (
               select starts_at, account, currency, amount from statistics
               where unit = $1 and starts_at >= $2 and starts_at < $3),
           noted as (
               select starts_at, account, currency, amount from statistics_changes where starts_at < $3),
           months as (
               select account, currency, amount from statistics
               where unit = 'month' and starts_at < date_trunc('month', $2, 'UTC')),
           days as (
               select account, currency, amount from statistics
               where unit = 'day' and starts_at >= date_trunc('month', $2, 'UTC')
                 and starts_at < date_trunc('day', $2, 'UTC')),
           hours as (
               select account, currency, amount from statistics
               where unit = 'hour' and starts_at >= date_trunc('day', $2, 'UTC') and starts_at < $2)
           select date_trunc($1, starts_at, 'UTC') as starts_at, account as "account!: Account",
                  currency as "currency!", sum(amount)::text as "amount!"
           from (select * from added union all select * from noted where starts_at >= $2) as within
           group by 1, 2, 3
           union all
           select null, account, currency, sum(amount)::text
           from (select * from months union all select * from days union all select * from hours union all
                 select account, currency, amount from noted where starts_at < $2) as before
           where currency = ''
           group by 2, 3"#,
        interval.as_str(),
        from,
        to
    )
    .fetch_all(connection)
    .await?;
    let sum = |row: Row| {
        let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
        let currency = match row.currency.as_str() {
            "" => None,
            currency => Some(currency.parse::<Currency>().map_err(|error| decode(error.into()))?),
        };
        let amount = row.amount.parse().map_err(|error: std::num::ParseIntError| decode(error.into()))?;
        Ok(Sum { starts_at: row.starts_at, account: row.account, currency, amount })
    };
    rows.into_iter().map(sum).collect()
}

/// Adds up the oldest changes, `most` of them; says how many there were.
pub(super) async fn add_up(connection: &mut PgConnection, most: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"with taken as (
               delete from statistics_changes
               where id in (select id from statistics_changes order by id limit $1 for update skip locked)
               returning starts_at, account, currency, amount),
           added as (
               insert into statistics (unit, starts_at, account, currency, amount)
               select unit, date_trunc(unit, starts_at, 'UTC'), account, currency, sum(amount)
               from taken cross join unnest(array['hour', 'day', 'month']) as units (unit)
               group by 1, 2, 3, 4 order by 1, 2, 3, 4
               on conflict on constraint statistics_pkey
               do update set amount = statistics.amount + excluded.amount)
           select count(*) as "count!" from taken"#,
        most
    )
    .fetch_one(connection)
    .await
}
