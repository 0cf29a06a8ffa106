//! Daily check-ins: free credits once a day, more after days in a row. A check-in is claimed first, as the one row
//! for its user and day, and credited once by a worker.

pub mod operations;
pub mod rules;
mod store;

use jobs::job;
use kernel::ids::UserId;
use serde::{Deserialize, Serialize};
use time::Date;

use kernel::clock::Timestamp;
use kernel::money::Credits;

/// How check-ins work here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckinConfig {
    /// Whether there are any.
    pub enabled: bool,
    /// What a day gives; whole credits.
    pub credits_per_day: Credits,
    /// What long streaks give besides, by length.
    pub streak_bonuses: Vec<StreakBonus>,
    /// Where days begin: an IANA name.
    pub time_zone: String,
}

/// Given once in a streak, on the day that makes it so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreakBonus {
    /// How many days in a row.
    pub days: i64,
    /// Whole credits.
    pub bonus_credits: Credits,
}

/// A change of [`CheckinConfig`]: what is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ConfigChange {
    /// Whether there are any.
    pub enabled: Option<bool>,
    /// What a day gives; whole credits.
    pub credits_per_day: Option<Credits>,
    /// All of the bonuses.
    pub streak_bonuses: Option<Vec<StreakBonus>>,
    /// Where days begin.
    pub time_zone: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkin {
    /// Its day, where days began then.
    pub day: Date,
    /// Where days began then.
    pub time_zone: String,
    /// Days in a row, this one included.
    pub streak: i64,
    /// What it gives.
    pub credits: Credits,
    /// When it was made.
    pub checked_in_at: Timestamp,
}

/// How a user stands with check-ins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How check-ins work.
    pub config: CheckinConfig,
    /// Whether today's is made.
    pub checked_in_today: bool,
    /// Days in a row up to today, or to yesterday while today's is not made.
    pub streak: i64,
    /// When the next one can be made, or, while today's is not made, when today is over.
    pub next_reset_at: Timestamp,
}

/// Why there is no check-in, or why it cannot be set up so.
#[derive(Debug, thiserror::Error)]
pub enum CheckinError {
    /// There are none here.
    #[error("check-ins are switched off")]
    Disabled,
    /// Today's is made.
    #[error("today's check-in is made")]
    AlreadyCheckedIn {
        /// When the next one can be made.
        next_reset_at: Timestamp,
    },
    /// A setting cannot be accepted; the text says which and why.
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Credits a check-in whose day is claimed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplyCheckin {
    pub user_id: UserId,
    #[serde(with = "calendar_day")]
    pub day: Date,
}
job!(ApplyCheckin: "checkin.apply" on Apply, 8 attempts);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckinReply {
    /// The wallet's balance right after it.
    pub balance: Credits,
}

time::serde::format_description!(calendar_day, Date, "[year]-[month]-[day]");
