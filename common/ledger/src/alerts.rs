//! The levels of a balance below which the people who see a wallet are notified.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use kernel::ids::WalletId;
use kernel::money::Credits;

/// The levels of a wallet, ascending.
///
/// # Errors
/// Database errors only.
pub async fn levels(connection: &mut PgConnection, wallet: WalletId) -> Result<Vec<Credits>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select alert_below as "alert_below: Vec<Credits>" from wallets where id = $1"#,
        wallet.0
    )
    .fetch_one(connection)
    .await
}

/// Replaces the levels of a wallet, and returns the new ones. A balance that is below one already triggers a notice
/// when
/// it falls below it again.
///
/// # Errors
/// Database errors only.
pub async fn put(
    connection: &mut PgConnection,
    wallet: WalletId,
    levels: BTreeSet<Credits>,
) -> Result<Vec<Credits>, sqlx::Error> {
    let millionths: Vec<i64> = levels.iter().map(|level| level.millionths()).collect();
    sqlx::query!("update wallets set alert_below = $2 where id = $1", wallet.0, &millionths)
        .execute(connection)
        .await?;
    Ok(levels.into_iter().collect())
}
