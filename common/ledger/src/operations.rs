//! Posting movements: lock, decide, write, in the caller's transaction.

use std::collections::BTreeSet;

use jobs::job;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::book::{Book, expiry};
use super::grants;
use super::limits::{Waiting, keys_of};
use super::needs::wallets_of;
use super::rules::WalletState;
use super::store::{self, Spendable};
use super::telling::Way;
use super::{Movement, Posted, Postings};
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, WalletId};
use kernel::money::Credits;
use notices::Notice;

/// Makes the movements in their order and says what each led to. Wallets are locked in the order of their ids, so
/// that concurrent callers cannot deadlock; payments, where needed, must be locked before.
///
/// # Errors
/// Database errors only; the transaction is then to be rolled back.
pub async fn post(
    connection: &mut PgConnection,
    now: Timestamp,
    movements: &[Movement],
) -> Result<Postings, sqlx::Error> {
    let mut book = Book::open(connection, now, movements).await?;
    let each = movements.iter().map(|movement| book.post(movement)).collect();
    let (jobs, _) = book.finish(connection, Way::Surely).await?;
    Ok(Postings { each, jobs })
}

/// What a group of debits led to.
#[derive(Clone, Debug)]
pub struct Debited<Outcome> {
    /// Each debit, in their order.
    pub each: Vec<Outcome>,
    /// As those of [`Postings`].
    pub jobs: Vec<OutboxId>,
    /// What live connections are to be told once the transaction has committed. Nobody else wants it, so it is written
    /// nowhere, and costs the database nothing.
    pub live: Vec<Notice>,
}

/// As [`post`], for debits, of which there are many: their movements go through the outbox only while a webhook
/// endpoint takes them.
///
/// # Errors
/// Database errors only; the transaction is then to be rolled back.
pub async fn post_debits(
    connection: &mut PgConnection,
    now: Timestamp,
    movements: &[Movement],
) -> Result<Debited<Posted>, sqlx::Error> {
    let mut book = Book::open(connection, now, movements).await?;
    let each = movements.iter().map(|movement| book.post(movement)).collect();
    let (jobs, live) = book.finish(connection, Way::Cheaply).await?;
    Ok(Debited { each, jobs, live })
}

/// As [`post_debits`], but does not wait for wallets and limits that another transaction has locked: a movement of such
/// a wallet, or of none that exists, and one that such a limit counts, is not made and has no outcome.
///
/// # Errors
/// Database errors only; the transaction is then to be rolled back.
pub async fn post_unlocked(
    connection: &mut PgConnection,
    now: Timestamp,
    movements: &[Movement],
) -> Result<Debited<Option<Posted>>, sqlx::Error> {
    let rows = store::wallets_lock_free(connection, &wallets_of(movements), &keys_of(movements)).await?;
    let free: BTreeSet<WalletId> = rows.iter().map(|row| row.id).collect();
    let is_free = |movement: &&Movement| free.contains(&movement.wallet_id);
    let possible: Vec<Movement> = movements.iter().filter(is_free).cloned().collect();
    let mut book = Book::of(connection, now, rows, &possible, Waiting::No).await?;
    let each = movements.iter().map(|movement| {
        let is_possible = is_free(&movement) && book.limits.is_free(movement);
        is_possible.then(|| book.post(movement))
    });
    let each = each.collect();
    let (jobs, live) = book.finish(connection, Way::Cheaply).await?;
    Ok(Debited { each, jobs, live })
}

/// Locks wallets until the end of the transaction, in the order of their ids.
///
/// # Errors
/// Database errors only.
pub async fn lock(connection: &mut PgConnection, wallets: &BTreeSet<WalletId>) -> Result<(), sqlx::Error> {
    let wallets: Vec<WalletId> = wallets.iter().copied().collect();
    store::wallets_lock(connection, &wallets).await?;
    Ok(())
}

/// The balance of a wallet, without what has lapsed but is not yet taken off.
///
/// # Errors
/// Database errors only.
pub async fn balance(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<Credits, sqlx::Error> {
    store::balance(connection, now, wallet).await
}

/// What can be spent of a wallet, without what has lapsed but is not yet taken off, and whether a recharge is due.
///
/// # Errors
/// Database errors only.
pub async fn spendable(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<Spendable, sqlx::Error> {
    store::spendable(connection, now, wallet).await
}

/// Locks a wallet until the end of the transaction, and says what could be spent of it now.
///
/// # Errors
/// Database errors only.
pub async fn available(connection: &mut PgConnection, wallet: WalletId) -> Result<Credits, sqlx::Error> {
    let row = store::wallets_lock(connection, &[wallet]).await?.pop().ok_or(sqlx::Error::RowNotFound)?;
    Ok(WalletState::new(row.id, row.balance, row.held, row.debt, Vec::new()).available())
}

/// Takes off a wallet what has lapsed, and locks it until the end of the transaction.
///
/// # Errors
/// Database errors only.
pub async fn lapse(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<Vec<OutboxId>, sqlx::Error> {
    store::wallets_lock(connection, &[wallet]).await?;
    let due = grants::due_of(connection, now, wallet).await?;
    let movements: Vec<Movement> = due.iter().map(expiry).collect();
    Ok(post(connection, now, &movements).await?.jobs)
}

/// Lapses the grants whose time has come, oldest first, up to `limit`; returns how many were looked at.
///
/// # Errors
/// Database errors only.
pub async fn expire_grants(pool: &sqlx::PgPool, now: Timestamp, limit: i64) -> Result<usize, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let due = grants::due(&mut transaction, now, limit).await?;
    let movements: Vec<Movement> = due.iter().map(expiry).collect();
    post(&mut transaction, now, &movements).await?;
    transaction.commit().await?;
    Ok(due.len())
}

/// Takes lapsed grants off the balances.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExpireGrants {}
job!(ExpireGrants: "grants.expire" on Apply, 3 attempts);
