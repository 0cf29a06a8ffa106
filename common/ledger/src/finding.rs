//! Finds the wallet of something that the ledger knows by its id.

use kernel::ids::WalletId;
use sqlx::PgConnection;
use uuid::Uuid;

/// What an id is the id of.
#[derive(Clone, Debug)]
pub struct Found {
    /// `debit`, `grant`, `hold`, or `entry` for another entry.
    pub kind: String,
    pub wallet_id: WalletId,
}

/// The entry, grant or hold with this id.
///
/// # Errors
/// Database errors only.
pub async fn by_id(connection: &mut PgConnection, id: Uuid) -> Result<Vec<Found>, sqlx::Error> {
    sqlx::query_as!(
        Found,
        r#"select case when amount < 0 and counter_account = 'usage' then 'debit' else 'entry' end as "kind!",
                  wallet_id as "wallet_id!: WalletId"
           from ledger_entries where id = $1
           union all select 'grant', wallet_id from grants where id = $1
           union all select 'hold', wallet_id from holds where id = $1"#,
        id
    )
    .fetch_all(connection)
    .await
}
