//! The SQL of what the ledger keeps of recharging in the wallets' rows, and of what is being bought for them. Settings
//! are locked first.

use sqlx::PgConnection;
use uuid::Uuid;

use kernel::clock::Timestamp;
use kernel::ids::WalletId;
use kernel::money::Credits;

/// Writes the level at which the ledger notices a fall. After the settings: they are locked first. A recharge that is
/// due by a level stays so by the new one; one is due as well where the owner asks for it, and the new level is the
/// first, or the first above what can be spent.
pub(super) async fn wallet_watch(
    connection: &mut PgConnection,
    wallet: WalletId,
    recharge_below: Option<Credits>,
    asked_for: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update wallets
         set recharge_below = $2,
             recharge_due_below = case
                 when $2::bigint is null then null
                 when balance - held < $2
                      and (recharge_due_below is not null
                           or $3 and (recharge_below is null or balance - held >= recharge_below))
                     then $2
                 when recharge_due_below > recharge_below and balance - held < recharge_due_below
                     then recharge_due_below
             end
         where id = $1",
        wallet.0,
        recharge_below.map(Credits::millionths),
        asked_for
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets that recharges are due, for wallets that this transaction has locked, or whose settings it has.
pub(super) async fn wallets_forget_due(
    connection: &mut PgConnection,
    wallets: &[WalletId],
) -> Result<(), sqlx::Error> {
    let wallets: Vec<Uuid> = wallets.iter().map(|id| id.0).collect();
    sqlx::query!(
        "update wallets set recharge_due_below = null where id = any($1) and recharge_due_below is not null",
        &wallets
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets that recharges were due for wallets that this transaction has locked and whose recharge has come: one fall,
/// one charge. Returns those in which there is less to spend than their level all the same.
pub(super) async fn wallets_recharged(
    connection: &mut PgConnection,
    wallets: &[WalletId],
) -> Result<Vec<WalletId>, sqlx::Error> {
    let wallets: Vec<Uuid> = wallets.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"update wallets set recharge_due_below = null where id = any($1)
           returning id as "id: WalletId", coalesce(balance - held < recharge_below, false) as "is_low!""#,
        &wallets
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().filter(|row| row.is_low).map(|row| row.id).collect())
}

/// Whether the user has completed a page for credits of this wallet, whose money is not here yet.
pub(super) async fn purchase_under_way(
    connection: &mut PgConnection,
    wallet: WalletId,
    since: Timestamp,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (
               select from payments
               where wallet_id = $1 and state in ('created', 'pending') and mode <> 'setup'
                 and kind <> 'auto_recharge' and session_status = 'complete' and created_at > $2) as "exists!""#,
        wallet.0,
        since
    )
    .fetch_one(connection)
    .await
}

/// The sessions of pages on which the user of a wallet that is low may be buying at this moment.
pub(super) async fn pages_open(
    connection: &mut PgConnection,
    wallet: WalletId,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select p.provider_session as "session!"
           from payments p join wallets w on w.id = p.wallet_id
           where p.wallet_id = $1 and w.balance - w.held < w.recharge_due_below and p.state in ('created', 'pending')
             and p.provider = 'stripe' and p.kind = 'one_time' and p.mode = 'payment'
             and p.provider_session is not null and p.session_status = 'open' and p.created_at > $2
           order by p.created_at desc limit $3"#,
        wallet.0,
        since,
        limit
    )
    .fetch_all(connection)
    .await
}
