//! Wallets as they are now.

use sqlx::PgConnection;
use uuid::Uuid;

use kernel::clock::Timestamp;
use kernel::ids::WalletId;
use kernel::money::Credits;

/// A wallet, without what has lapsed but is not yet taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub wallet_id: WalletId,
    pub balance: Credits,
    pub held: Credits,
    /// What is owed.
    pub debt: Credits,
    /// The number of the wallet's last notice: what is told after it comes on top of this.
    pub last_notice: i64,
}

impl State {
    /// What can be spent: the balance less what is held, not below zero.
    pub fn available(&self) -> Credits {
        self.balance.checked_sub(self.held).unwrap_or(Credits::ZERO).max(Credits::ZERO)
    }
}

/// The wallets of these ids, in their order.
///
/// # Errors
/// Database errors only.
pub async fn states(
    connection: &mut PgConnection,
    now: Timestamp,
    wallets: &[WalletId],
) -> Result<Vec<State>, sqlx::Error> {
    // The order names the index that reads no more.
    let wallets: Vec<Uuid> = wallets.iter().map(|id| id.0).collect();
    sqlx::query_as!(
        State,
        r#"select id as "wallet_id: WalletId", held as "held: Credits", debt as "debt: Credits", last_notice,
                  balance - greatest(coalesce((
                      select sum(remaining) from (
                          select remaining from grants
                          where wallet_id = wallets.id and is_open and expires_at <= $2 order by expires_at) as lapsed),
                      0)::bigint - held, 0) as "balance!: Credits"
           from wallets where id = any($1) order by id"#,
        &wallets,
        now
    )
    .fetch_all(connection)
    .await
}
