//! How many credits there are, and how fast they move: for those who watch.

use kernel::metrics::catalogue;
use kernel::money::Credits;
use sqlx::PgPool;

use super::store::EntryRow;

/// The credits of all wallets together.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    /// What is in wallets, held or not.
    pub outstanding: Credits,
    pub held: Credits,
    /// What wallets owe.
    pub owed: Credits,
}

/// Adds up all wallets, by a scan, as no other statement may.
///
/// # Errors
/// Database errors only.
pub async fn totals(pool: &PgPool) -> Result<Totals, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("set local enable_seqscan = on").execute(&mut *transaction).await?;
    sqlx::query_as!(
        Totals,
        r#"select coalesce(least(sum(greatest(balance, 0)), 9223372036854775807), 0)::bigint as "#
            + r#""outstanding!: Credits",
                  coalesce(least(sum(held), 9223372036854775807), 0)::bigint as "held!: Credits",
                  coalesce(least(sum(debt), 9223372036854775807), 0)::bigint as "owed!: Credits"
           from wallets"#
    )
    .fetch_one(&mut *transaction)
    .await
}

/// Counts and logs what an entry moves. A transaction that fails after it was written is counted all the same, and
/// again when it is repeated: the books are in the database, this shows how fast they move.
pub(super) fn count(entry: &EntryRow) {
    let direction = if entry.amount.is_positive() { "in" } else { "out" };
    let account = entry.counter_account.as_str();
    catalogue::CREDITS_MOVED.add([account, direction], entry.amount.millionths().unsigned_abs());
    let EntryRow { id, wallet_id, amount, balance_after, .. } = entry;
    let balance = balance_after;
    tracing::debug!(entry = %id, wallet = %wallet_id, account, %amount, %balance, "an entry is written");
}
