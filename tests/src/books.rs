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
    cross join lateral (select coalesce(sum(amount), 0) as total from holds
                        where wallet_id = wallets.id and state = 'active') as active
    where held <> active.total";

/// Entries and grants of wallets that are not there.
const ORPHANS: &str = "
    select format('%s belongs to no wallet', id)
    from (select id, wallet_id from ledger_entries union all select id, wallet_id from grants) as rows
    where not exists (select from wallets where wallets.id = rows.wallet_id)";

const UNPUBLISHED: &str = "select format('outbox: %s for %s', body, role) from outbox";

/// Dead letters that workers have collected and no operator has settled.
const DEAD_LETTERS: &str = "
    select format('a dead letter for %s: %s (%s)', role, kind, reason) from dead_letters where state = 'waiting'";

/// Everything in the database that is not as it must be; empty if all is well.
///
/// # Errors
/// When the database does not answer.
pub async fn findings(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    let mut findings = Vec::new();
    for query in [UNBALANCED, WRONGLY_HELD, ORPHANS, UNPUBLISHED] {
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
