//! Saying that credits lapse soon, while there is time to spend them: once for each grant.

use jobs::job;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use time::Duration;
use uuid::Uuid;

use kernel::clock::Timestamp;
use kernel::ids::{GrantId, OutboxId, WalletId};
use kernel::money::Credits;
use notices::{Amount, Event, Moment, tell_all};

/// Tells of the grants that lapse within so long, soonest first, up to `limit`; returns how many were told of, and the
/// job that was written.
///
/// # Errors
/// Database errors only.
pub async fn tell_expiring(
    pool: &PgPool,
    now: Timestamp,
    within: Duration,
    limit: i64,
) -> Result<(usize, Option<OutboxId>), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let due = untold(&mut transaction, now, now.saturating_add(within), limit).await?;
    let mut grants = mark(&mut transaction, &due).await?;
    grants.sort_unstable_by_key(|grant| (grant.expires_at, grant.id));
    let events = grants.iter().map(|grant| {
        let (credits, expires_at) = (Amount(grant.remaining), Moment(grant.expires_at));
        (grant.wallet_id, Event::GrantExpiring { grant_id: grant.id, credits, expires_at })
    });
    let events: Vec<(WalletId, Event)> = events.collect();
    let written = tell_all(&mut transaction, now, &events).await?;
    transaction.commit().await?;
    Ok((due.len(), written))
}

/// A grant that lapses soon.
struct Expiring {
    wallet_id: WalletId,
    id: GrantId,
    remaining: Credits,
    expires_at: Timestamp,
}

/// Those that are not told of, with their wallets locked. A wallet that another transaction has locked is left for the
/// next time, so that this waits for none.
async fn untold(
    connection: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<GrantId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select g.id as "id: GrantId" from grants g join wallets w on w.id = g.wallet_id
           where g.is_open and not g.expiry_told and g.expires_at > $1 and g.expires_at <= $2
           order by g.expires_at limit $3
           for no key update of w skip locked"#,
        now,
        until,
        limit
    )
    .fetch_all(connection)
    .await
}

/// Marks those of which something is left, now that nobody else spends of them, and returns them.
async fn mark(connection: &mut PgConnection, grants: &[GrantId]) -> Result<Vec<Expiring>, sqlx::Error> {
    let ids: Vec<Uuid> = grants.iter().map(|grant| grant.0).collect();
    sqlx::query_as!(
        Expiring,
        r#"update grants set expiry_told = true where id = any($1) and is_open and not expiry_told
           returning wallet_id as "wallet_id: WalletId", id as "id: GrantId", remaining as "remaining: Credits",
                     expires_at as "expires_at!""#,
        &ids
    )
    .fetch_all(connection)
    .await
}

/// Tells of grants that lapse soon.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TellExpiringGrants {}
job!(TellExpiringGrants: "grants.tell_expiring" on Apply, 3 attempts);
