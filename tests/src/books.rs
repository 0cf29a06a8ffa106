//! The books of a system, read from the database once it is idle.

use sqlx::PgPool;

/// Wallets whose balance is not what their ledger entries and grants say.
const UNBALANCED: &str = "
    select format('wallet %s: balance %s, ledger %s, grants %s, debt %s',
                  wallets.id, balance, entries.total, lots.total, debt)
    from wallets
    cross join lateral (select coalesce(sum(amount), 0) as total from ledger_entries
                        where wallet_id = wallets.id) as entries
    cross join lateral (select coalesce(sum(remaining), 0) as total from grants
                        where wallet_id = wallets.id) as lots
    where balance <> entries.total or balance <> lots.total - debt";

/// Wallets that have not reserved what their active holds say.
const WRONGLY_HELD: &str = "
    select format('wallet %s: held %s, active holds %s', wallets.id, held, active.total)
    from wallets
    cross join lateral (select coalesce(sum(amount - captured), 0) as total from holds
                        where wallet_id = wallets.id and state = 'active') as active
    where held <> active.total";

/// Debits of which more was given back than they took, or that burned more than they took.
const GIVEN_BACK: &str = "
    select format('debit %s: %s taken, %s burned, %s given back', debits.id, -amount, burned.total, back.total)
    from ledger_entries debits
    cross join lateral (select coalesce(sum((part ->> 1)::bigint), 0) as total
                        from jsonb_array_elements(coalesce(burned, '[]')) as parts (part)) as burned
    left join (select debit_id, sum(amount) as total from ledger_entries group by 1) as back
        on back.debit_id = debits.id
    where (burned is not null or back.total is not null) and greatest(burned.total, back.total) > -amount";

/// Transfers of which not as much arrived as left.
const TRANSFERRED: &str = "
    select format('transfer %s: %s', split_part(source_id, ':', 1), sum(amount))
    from ledger_entries where counter_account = 'transfer' group by split_part(source_id, ':', 1)
    having sum(amount) <> 0 or count(*) <> 2";

/// Holds of which not as much was captured as the ledger says.
const CAPTURED: &str = "
    select format('hold %s: %s captured, %s in the ledger', holds.id, captured, entries.total)
    from holds
    left join (select split_part(source_id, ':', 1) as hold, -sum(amount) as total
               from ledger_entries where source_kind = 'capture' group by 1) as entries
        on entries.hold = holds.id::text
    where captured <> coalesce(entries.total, 0)";

/// Grants of which not as much lapsed or was voided as the ledger says.
const LAPSED: &str = "
    select format('grant %s: %s lapsed, %s in the ledger', grants.id, lapsed, entries.total)
    from grants
    left join (select split_part(source_id, ':', 1) as gone, -sum(amount) as total
               from ledger_entries where source_kind in ('expiry', 'void') group by 1) as entries
        on entries.gone = grants.id::text
    where lapsed <> coalesce(entries.total, 0)";

/// Hours of the statistics that are not what the entries and payments of that hour say. When money went back is kept
/// nowhere else: of that, the sums are compared.
const MISCOUNTED: &str = "
    select format('statistics of %s at %s, %s: %s too much', account, starts_at, currency, sum(amount))
    from (select case when account <> 'returned' then starts_at end as starts_at, account, currency, amount
          from (select starts_at, account, currency, amount from statistics where unit = 'hour'
                union all select starts_at, account, currency, amount from statistics_changes) as counted
          union all
          select date_trunc('hour', created_at, 'UTC'), counter_account, '', -amount from ledger_entries
          union all
          select date_trunc('hour', completed_at, 'UTC'), 'paid', coalesce(accepted_currency, currency),
                 -coalesce(charged_minor, accepted_minor, amount_minor)
          from payments where completed_at is not null and provider <> 'manual'
          union all
          select null, 'returned', coalesce(accepted_currency, currency), -refunded_minor - withdrawn_minor
          from payments) as books
    group by account, starts_at, currency having sum(amount) <> 0";

/// Days and months of the statistics that are not the sums of their hours.
const MISADDED: &str = "
    select format('statistics of the %s %s: %s too much in %s', unit, starts_at, sum(amount), account)
    from (select unit, starts_at, account, currency, amount from statistics where unit <> 'hour'
          union all
          select units.unit, date_trunc(units.unit, starts_at, 'UTC'), account, currency, -amount
          from statistics cross join (values ('day'), ('month')) as units (unit)
          where statistics.unit = 'hour') as sums
    group by unit, starts_at, account, currency having sum(amount) <> 0";
/// Limits that have counted less of their month than was spent in it and is held.
const COUNTED: &str = "
    select format('limit %s: %s counted, %s spent and held', limits.id, month_used, uses.total)
    from limits
    cross join lateral (
        select coalesce(sum(amount), 0) as total
        from (select -amount as amount, counted from ledger_entries where counted is not null
              union all
              select amount - captured, counted from holds where counted is not null and state = 'active') as uses
        where counted -> 'by' ? limits.id::text
              and (counted ->> 'on')::date >= date_trunc('month', limits.counted_on)) as uses
    where month_used < uses.total";

/// Entries and grants of wallets that are not there.
const ORPHANS: &str = "
    select format('%s belongs to no wallet', id)
    from (select id, wallet_id from ledger_entries union all select id, wallet_id from grants) as rows
    where not exists (select from wallets where wallets.id = rows.wallet_id)";

/// Dead letters that workers have collected and no operator has settled.
const DEAD_LETTERS: &str = "
    select format('a dead letter for %s: %s (%s)', role, kind, reason) from dead_letters where state = 'waiting'";

/// Everything in the database of an idle system that is not as it must be; empty if all is well. A job in the outbox is
/// none of it: a system is not idle before its outbox is empty, and then a schedule may come due at any time.
///
/// # Errors
/// When the database does not answer.
pub async fn findings(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    let mut findings = Vec::new();
    let all = [
        UNBALANCED,
        WRONGLY_HELD,
        GIVEN_BACK,
        TRANSFERRED,
        CAPTURED,
        LAPSED,
        MISCOUNTED,
        MISADDED,
        COUNTED,
        ORPHANS,
    ];
    for query in all {
        let found: Vec<String> = sqlx::query_scalar(query).fetch_all(pool).await?;
        findings.extend(found);
    }
    Ok(findings)
}

/// The dead letters that wait in the database.
///
/// # Errors
/// When the database does not answer.
pub async fn dead_letters(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(DEAD_LETTERS).fetch_all(pool).await
}
