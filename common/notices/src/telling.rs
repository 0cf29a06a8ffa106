//! Telling what happened, in the transaction in which it does.
//!
//! The number of a wallet's last notice is in the wallet's row. Whoever takes the next one has the row locked until the
//! end of the transaction, as whoever moves credits has anyway: so the numbers are in the order of the commits, and one
//! that is rolled back is taken again. Wallets are locked last, after payments and settings, and in the order of their
//! ids.

use std::collections::BTreeMap;

use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, WalletId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Event, Notice, SendNotices};

/// Tells an event of a wallet, once the caller's transaction commits. It locks the wallet.
///
/// # Errors
/// Database errors only.
pub async fn tell(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
    event: Event,
) -> Result<OutboxId, sqlx::Error> {
    let next = numbers(connection, &BTreeMap::from([(wallet, 1)])).await?;
    write(connection, now, vec![Notice::new(now, wallet, next.get(&wallet).copied(), &event)]).await
}

/// As [`tell`], for events of several wallets in the order in which they happened; nothing for none.
///
/// # Errors
/// Database errors only.
pub async fn tell_all(
    connection: &mut PgConnection,
    now: Timestamp,
    events: &[(WalletId, Event)],
) -> Result<Option<OutboxId>, sqlx::Error> {
    if events.is_empty() {
        return Ok(None);
    }
    let mut counts: BTreeMap<WalletId, i64> = BTreeMap::new();
    for (wallet, _) in events {
        let count = counts.entry(*wallet).or_default();
        *count = count.saturating_add(1);
    }
    let mut next = numbers(connection, &counts).await?;
    let notices = events.iter().map(|(wallet, event)| {
        let number = next.get_mut(wallet).map(|next| {
            let number = *next;
            *next = next.saturating_add(1);
            number
        });
        Notice::new(now, *wallet, number, event)
    });
    let notices = notices.collect();
    write(connection, now, notices).await.map(Some)
}

/// Has numbered notices sent, once the caller's transaction commits.
///
/// # Errors
/// Database errors only.
pub async fn write(
    connection: &mut PgConnection,
    now: Timestamp,
    notices: Vec<Notice>,
) -> Result<OutboxId, sqlx::Error> {
    outbox::insert(connection, now, &SendNotices { notices }).await
}

/// Takes so many numbers for each wallet, and returns the first of each.
async fn numbers(
    connection: &mut PgConnection,
    counts: &BTreeMap<WalletId, i64>,
) -> Result<BTreeMap<WalletId, i64>, sqlx::Error> {
    let (ids, wanted): (Vec<Uuid>, Vec<i64>) = counts.iter().map(|(id, count)| (id.0, count)).unzip();
    let taken = sqlx::query!(
        r#"with locked as (select id from wallets where id = any($1) order by id for no key update)
           update wallets set last_notice = last_notice + wanted.count
           from locked join unnest($1::uuid[], $2::bigint[]) as wanted (id, count) on wanted.id = locked.id
           where wallets.id = locked.id
           returning wallets.id as "id: WalletId", last_notice - wanted.count + 1 as "first!""#,
        &ids,
        &wanted
    )
    .fetch_all(connection)
    .await?;
    Ok(taken.into_iter().map(|row| (row.id, row.first)).collect())
}
