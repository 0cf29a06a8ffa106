//! The verbs of check-ins.

use serde_json::json;
use sqlx::{PgConnection, PgPool};
use time::Date;

use super::rules::{self, CheckinStatus};
use super::{Checkin, CheckinConfig, CheckinError, ConfigChange, Status, store};
use audit::{self, AdminAction};
use kernel::clock::Timestamp;
use kernel::ids::{GrantId, UserId, WalletId};
use kernel::money::Credits;
use ledger::operations::post;
use ledger::{Cause, Change, CounterAccount, EntryNote, GrantSource, Movement, NewGrant, Posted};

/// Where credits from check-ins burn among those that expire together: before what was bought.
const PRIORITY: i16 = 50;

/// Claims today for a user, in the caller's transaction, which also has to see to its being credited.
///
/// # Errors
/// [`CheckinError::Disabled`], [`CheckinError::AlreadyCheckedIn`].
pub async fn check_in(
    connection: &mut PgConnection,
    now: Timestamp,
    user: &UserId,
    wallet: WalletId,
) -> Result<Checkin, CheckinError> {
    let config = store::config(connection).await?;
    if !config.enabled {
        return Err(CheckinError::Disabled);
    }
    // One at a time for each user: the next one sees this one's row, on whichever day it falls.
    store::user_lock(connection, user).await?;
    let last = store::checkin_last(connection, user).await?;
    match rules::standing(now, &config.time_zone, last.as_ref()) {
        CheckinStatus::Done { next_at } => Err(CheckinError::AlreadyCheckedIn { next_reset_at: next_at }),
        CheckinStatus::Open { day, streak, .. } => {
            let credits = rules::credits(&config, streak)
                .map_err(|error| CheckinError::Invalid(format!("check-ins give too much: {error}")))?;
            let checkin = Checkin { day, time_zone: config.time_zone, streak, credits, checked_in_at: now };
            store::checkin_insert(connection, user, wallet, &checkin).await?;
            Ok(checkin)
        }
    }
}

/// Credits a check-in, once, and returns the balance right after it; none when there is no such check-in.
///
/// # Errors
/// Database errors only.
pub async fn apply(
    pool: &PgPool,
    now: Timestamp,
    user: &UserId,
    day: Date,
) -> Result<Option<Credits>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let Some((wallet_id, credits)) = store::checkin_grant(&mut transaction, user, day).await? else {
        return Ok(None);
    };
    let grant = NewGrant {
        id: GrantId::new(),
        source: GrantSource::Checkin,
        amount: credits,
        priority: PRIORITY,
        expires_at: None,
        payment_id: None,
        origin_payment_id: None,
    };
    let movement = Movement {
        wallet_id,
        // A day is written in ten characters, so no two users and days are written alike.
        cause: Cause { kind: "checkin", id: format!("{user}:{day}") },
        change: Change::Grant(grant),
        counter_account: CounterAccount::Promotion,
        entry_type: "checkin".to_owned(),
        description: Some(format!("Check-in of {day}")),
        note: EntryNote::default(),
    };
    let balance = match post(&mut transaction, now, &[movement]).await?.each.into_iter().next() {
        Some(Posted::Done { balance, .. } | Posted::AlreadyPosted { balance, .. }) => balance,
        // Only a balance too large to count refuses a grant.
        Some(Posted::Refused(refusal)) => return Err(sqlx::Error::Encode(Box::new(refusal))),
        None => return Err(sqlx::Error::RowNotFound),
    };
    transaction.commit().await?;
    Ok(Some(balance))
}

/// How a user stands with check-ins.
///
/// # Errors
/// Database errors only.
pub async fn status(
    connection: &mut PgConnection,
    now: Timestamp,
    user: &UserId,
) -> Result<Status, sqlx::Error> {
    let config = store::config(connection).await?;
    let last = store::checkin_last(connection, user).await?;
    let (checked_in_today, streak, next_reset_at) =
        match rules::standing(now, &config.time_zone, last.as_ref()) {
            CheckinStatus::Open { streak, ends_at, .. } => (false, streak.saturating_sub(1), ends_at),
            CheckinStatus::Done { next_at } => (true, last.map_or(0, |last| last.streak), next_at),
        };
    Ok(Status { config, checked_in_today, streak, next_reset_at })
}

/// How check-ins work.
///
/// # Errors
/// Database errors only.
pub async fn config(connection: &mut PgConnection) -> Result<CheckinConfig, sqlx::Error> {
    store::config(connection).await
}

/// Changes how check-ins work, and records who did it.
///
/// # Errors
/// [`CheckinError::Invalid`].
pub async fn config_change(
    pool: &PgPool,
    now: Timestamp,
    actor: &str,
    change: ConfigChange,
) -> Result<CheckinConfig, CheckinError> {
    let mut transaction = pool.begin().await?;
    let before = store::config_lock(&mut transaction).await?;
    let mut config = CheckinConfig {
        enabled: change.enabled.unwrap_or(before.enabled),
        credits_per_day: change.credits_per_day.unwrap_or(before.credits_per_day),
        streak_bonuses: change.streak_bonuses.unwrap_or_else(|| before.streak_bonuses.clone()),
        time_zone: change.time_zone.unwrap_or_else(|| before.time_zone.clone()),
    };
    config.streak_bonuses.sort_by_key(|bonus| bonus.days);
    rules::check_config(&config)?;
    if config != before {
        store::config_write(&mut transaction, now, &config).await?;
        let action = AdminAction {
            actor: actor.to_owned(),
            action: "checkin.configure".to_owned(),
            subject: "checkin_config".to_owned(),
            details: json!({ "before": shown(&before), "after": shown(&config) }),
        };
        audit::record(&mut transaction, now, &action).await?;
        transaction.commit().await?;
    }
    Ok(config)
}

fn shown(config: &CheckinConfig) -> serde_json::Value {
    let bonuses: Vec<serde_json::Value> = config
        .streak_bonuses
        .iter()
        .map(|bonus| json!({ "days": bonus.days, "bonus_credits": bonus.bonus_credits.to_json() }))
        .collect();
    json!({
        "enabled": config.enabled,
        "credits_per_day": config.credits_per_day.to_json(),
        "streak_bonuses": bonuses,
        "time_zone": config.time_zone,
    })
}
