//! The SQL of check-ins.

use sqlx::PgConnection;
use sqlx::types::Json;
use time::Date;

use super::{Checkin, CheckinConfig, StreakBonus};
use kernel::clock::Timestamp;
use kernel::ids::{UserId, WalletId};
use kernel::money::Credits;

struct ConfigRow {
    enabled: bool,
    credits_per_day: Credits,
    streak_bonuses: Json<Vec<StreakBonus>>,
    time_zone: String,
}

impl From<ConfigRow> for CheckinConfig {
    fn from(row: ConfigRow) -> Self {
        Self {
            enabled: row.enabled,
            credits_per_day: row.credits_per_day,
            streak_bonuses: row.streak_bonuses.0,
            time_zone: row.time_zone,
        }
    }
}

pub(super) async fn config(connection: &mut PgConnection) -> Result<CheckinConfig, sqlx::Error> {
    let row = sqlx::query_as!(
        ConfigRow,
        r#"select enabled, credits_per_day as "credits_per_day: Credits",
                  streak_bonuses as "streak_bonuses: Json<Vec<StreakBonus>>", time_zone
           from checkin_config"#
    );
    row.fetch_one(connection).await.map(CheckinConfig::from)
}

/// The same, for a change.
pub(super) async fn config_lock(connection: &mut PgConnection) -> Result<CheckinConfig, sqlx::Error> {
    let row = sqlx::query_as!(
        ConfigRow,
        r#"select enabled, credits_per_day as "credits_per_day: Credits",
                  streak_bonuses as "streak_bonuses: Json<Vec<StreakBonus>>", time_zone
           from checkin_config for update"#
    );
    row.fetch_one(connection).await.map(CheckinConfig::from)
}

pub(super) async fn config_write(
    connection: &mut PgConnection,
    now: Timestamp,
    config: &CheckinConfig,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update checkin_config
         set enabled = $1, credits_per_day = $2, streak_bonuses = $3, time_zone = $4, updated_at = $5",
        config.enabled,
        config.credits_per_day.millionths(),
        Json(&config.streak_bonuses) as Json<&Vec<StreakBonus>>,
        config.time_zone,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets one transaction at a time go on for a user. Those that only refer to the user are not held up.
pub(super) async fn user_lock(connection: &mut PgConnection, user: &UserId) -> Result<(), sqlx::Error> {
    sqlx::query!("select id from users where id = $1 for no key update", user.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(())
}

pub(super) async fn checkin_last(
    connection: &mut PgConnection,
    user: &UserId,
) -> Result<Option<Checkin>, sqlx::Error> {
    sqlx::query_as!(
        Checkin,
        r#"select day, time_zone, streak, credits as "credits: Credits", checked_in_at
           from checkins where user_id = $1 order by day desc limit 1"#,
        user.as_str()
    )
    .fetch_optional(connection)
    .await
}

/// The wallet that a check-in is for, and what it gives.
pub(super) async fn checkin_grant(
    connection: &mut PgConnection,
    user: &UserId,
    day: Date,
) -> Result<Option<(WalletId, Credits)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select wallet_id as "wallet_id: WalletId", credits as "credits: Credits"
           from checkins where user_id = $1 and day = $2"#,
        user.as_str(),
        day
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.wallet_id, row.credits)))
}

pub(super) async fn checkin_insert(
    connection: &mut PgConnection,
    user: &UserId,
    wallet: WalletId,
    checkin: &Checkin,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into checkins (user_id, day, time_zone, wallet_id, streak, credits, checked_in_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        user.as_str(),
        checkin.day,
        checkin.time_zone,
        wallet.0,
        checkin.streak,
        checkin.credits.millionths(),
        checkin.checked_in_at
    )
    .execute(connection)
    .await?;
    Ok(())
}
