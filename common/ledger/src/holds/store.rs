//! The SQL of holds.

use sqlx::PgConnection;
use sqlx::types::Json;

use super::{Counted, Hold, HoldState};
use kernel::clock::Timestamp;
use kernel::ids::{HoldId, UserId, WalletId};
use kernel::metadata::Metadata;
use kernel::money::Credits;

macro_rules! select_holds {
    ($rest:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Hold,
            r#"select id as "id: HoldId", wallet_id as "wallet_id: WalletId", user_id as "user_id: UserId",
                      amount as "amount: Credits", captured as "captured: Credits", state as "state: HoldState",
                      entry_type, description, created_at, expires_at, ended_key,
                      coalesce(metadata, '{}') as "metadata!: Metadata", placed_until,
                      counted as "counted: Json<Counted>"
               from holds "#
                + $rest
            $(, $argument)*
        )
    };
}

pub(super) async fn find(connection: &mut PgConnection, id: HoldId) -> Result<Option<Hold>, sqlx::Error> {
    select_holds!("where id = $1", id.0).fetch_optional(connection).await
}

pub(super) async fn lock(connection: &mut PgConnection, id: HoldId) -> Result<Option<Hold>, sqlx::Error> {
    select_holds!("where id = $1 for update", id.0).fetch_optional(connection).await
}

/// The hold that a request with this key placed, locked.
pub(super) async fn by_key(
    connection: &mut PgConnection,
    user: &UserId,
    key: &str,
) -> Result<Option<Hold>, sqlx::Error> {
    select_holds!("where user_id = $1 and placed_key = $2 for update", user.as_str(), key)
        .fetch_optional(connection)
        .await
}

/// Those of a user, locked in the order of their ids.
pub(super) async fn open_of(
    connection: &mut PgConnection,
    wallet: WalletId,
    user: &UserId,
) -> Result<Vec<Hold>, sqlx::Error> {
    select_holds!(
        "where wallet_id = $1 and user_id = $2 and state = 'active' order by id for update",
        wallet.0,
        user.as_str()
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn open(
    connection: &mut PgConnection,
    wallet: WalletId,
    user: Option<&UserId>,
    limit: i64,
) -> Result<Vec<Hold>, sqlx::Error> {
    select_holds!(
        "where wallet_id = $1 and state = 'active' and ($2::text is null or user_id = $2) order by id desc limit $3",
        wallet.0,
        user.map(UserId::as_str),
        limit
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn list(
    connection: &mut PgConnection,
    wallet: WalletId,
    state: Option<HoldState>,
    before: Option<HoldId>,
    limit: i64,
) -> Result<Vec<Hold>, sqlx::Error> {
    let end = before.map_or(uuid::Uuid::max(), |before| before.0);
    match state {
        Some(state) => {
            select_holds!(
                "where wallet_id = $1 and state = $2 and id < $3 order by id desc limit $4",
                wallet.0,
                state.as_str(),
                end,
                limit
            )
            .fetch_all(connection)
            .await
        }
        None => {
            select_holds!("where wallet_id = $1 and id < $2 order by id desc limit $3", wallet.0, end, limit)
                .fetch_all(connection)
                .await
        }
    }
}

/// Those whose time is up, oldest first.
pub(super) async fn due(
    connection: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<HoldId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select id as "id: HoldId" from holds
           where state = 'active' and expires_at <= $1 order by expires_at limit $2"#,
        now,
        limit
    )
    .fetch_all(connection)
    .await
}

/// Adds a hold; false when its key was used at the same moment.
pub(super) async fn insert(
    connection: &mut PgConnection,
    hold: &Hold,
    key: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let metadata = (!hold.metadata.is_empty()).then_some(&hold.metadata);
    let done = sqlx::query!(
        "insert into holds (id, wallet_id, user_id, amount, entry_type, description, placed_key, created_at, expires_at,
                            metadata, counted)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing",
        hold.id.0,
        hold.wallet_id.0,
        hold.user_id.as_str(),
        hold.amount.millionths(),
        hold.entry_type,
        hold.description,
        key,
        hold.created_at,
        hold.expires_at,
        metadata as Option<&Metadata>,
        hold.counted.as_ref() as Option<&Json<Counted>>
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes how a hold has ended, or what of it was captured, that this transaction has locked.
pub(super) async fn end(
    connection: &mut PgConnection,
    now: Timestamp,
    hold: &Hold,
) -> Result<(), sqlx::Error> {
    let ended_at = (hold.state != HoldState::Active).then_some(now);
    sqlx::query!(
        "update holds set state = $2, captured = $3, ended_key = $4, ended_at = $5 where id = $1",
        hold.id.0,
        hold.state.as_str(),
        hold.captured.millionths(),
        hold.ended_key,
        ended_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes when a hold ends by itself that this transaction has locked.
pub(super) async fn extend(connection: &mut PgConnection, hold: &Hold) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update holds set expires_at = $2, placed_until = $3 where id = $1",
        hold.id.0,
        hold.expires_at,
        hold.placed_until
    )
    .execute(connection)
    .await?;
    Ok(())
}
