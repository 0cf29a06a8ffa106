//! Days, streaks and what they give. Pure.
//!
//! A day begins where the configuration says. When it comes to say otherwise, a user's next check-in must fall on a
//! later day both there and where the days of the last one began: otherwise moving the border would give two.

use std::collections::HashSet;

use jiff::tz::TimeZone;
use time::{Date, UtcOffset};

use super::{Checkin, CheckinConfig, CheckinError};
use kernel::clock::Timestamp;
use kernel::money::{AmountError, Credits};

/// The most that a day, or a bonus, can give.
const CREDITS_MAX: i64 = 1_000_000;
/// The longest streak that a bonus can be for.
const STREAK_MAX: i64 = 3_650;
const BONUSES_MAX: usize = 50;

/// Whether a user may check in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckinStatus {
    Open {
        day: Date,
        /// How many days in a row it would be.
        streak: i64,
        /// When today is over.
        ends_at: Timestamp,
    },
    /// No: it was done.
    Done {
        /// When the next one can be made.
        next_at: Timestamp,
    },
}

/// How a user stands who made this last check-in.
pub fn standing(now: Timestamp, time_zone: &str, last: Option<&Checkin>) -> CheckinStatus {
    let zone = zone_or_utc(time_zone);
    let today = day(now, &zone);
    let open = |streak| CheckinStatus::Open { day: today, streak, ends_at: start(next(today), &zone) };
    let Some(last) = last else { return open(1) };
    let last_zone = zone_or_utc(&last.time_zone);
    // The last day, as it would be called now.
    let last_day = last.day.max(day(last.checked_in_at, &zone));
    if today > last_day && day(now, &last_zone) > last.day {
        let is_in_a_row = today == next(last_day);
        return open(if is_in_a_row { last.streak.saturating_add(1) } else { 1 });
    }
    CheckinStatus::Done { next_at: start(next(last_day), &zone).max(start(next(last.day), &last_zone)) }
}

/// What the day gives that makes a streak so long.
///
/// # Errors
/// [`AmountError::Overflow`], which a checked configuration cannot cause.
pub fn credits(config: &CheckinConfig, streak: i64) -> Result<Credits, AmountError> {
    let bonus = config.streak_bonuses.iter().find(|bonus| bonus.days == streak);
    config.credits_per_day.checked_add(bonus.map_or(Credits::ZERO, |bonus| bonus.bonus_credits))
}

/// Checks a configuration.
///
/// # Errors
/// [`CheckinError::Invalid`].
pub fn check_config(config: &CheckinConfig) -> Result<(), CheckinError> {
    let invalid = |text: String| Err(CheckinError::Invalid(text));
    if !is_acceptable(config.credits_per_day) {
        return invalid(format!("credits_per_day must be a whole number from 1 to {CREDITS_MAX}"));
    }
    if config.streak_bonuses.len() > BONUSES_MAX {
        return invalid(format!("streak_bonuses can have at most {BONUSES_MAX} entries"));
    }
    let mut lengths = HashSet::new();
    for bonus in &config.streak_bonuses {
        if !(2..=STREAK_MAX).contains(&bonus.days) {
            return invalid(format!("the days of a streak bonus must be from 2 to {STREAK_MAX}"));
        }
        if !is_acceptable(bonus.bonus_credits) {
            return invalid(format!(
                "the credits of a streak bonus must be a whole number from 1 to {CREDITS_MAX}"
            ));
        }
        if !lengths.insert(bonus.days) {
            return invalid(format!("there are two streak bonuses for {} days", bonus.days));
        }
    }
    if zone(&config.time_zone).is_none() {
        return invalid("time_zone must be an IANA name, such as UTC or Europe/Rome".to_owned());
    }
    Ok(())
}

fn is_acceptable(credits: Credits) -> bool {
    let whole = credits.floor_whole();
    (1..=CREDITS_MAX).contains(&whole) && Credits::from_whole(whole) == Ok(credits)
}

fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())
}

/// Names are checked before they are stored; one that a later table of time zones lacks stands for UTC.
fn zone_or_utc(name: &str) -> TimeZone {
    zone(name).unwrap_or(TimeZone::UTC)
}

/// The day of a moment.
fn day(at: Timestamp, zone: &TimeZone) -> Date {
    let offset = jiff::Timestamp::from_second(at.unix_timestamp())
        .ok()
        .and_then(|moment| UtcOffset::from_whole_seconds(zone.to_offset(moment).seconds()).ok())
        .unwrap_or(UtcOffset::UTC);
    at.to_offset(offset).date()
}

fn next(day: Date) -> Date {
    day.next_day().unwrap_or(day)
}

/// The first moment of a day; where midnight is skipped, the moment after.
fn start(day: Date, zone: &TimeZone) -> Timestamp {
    let in_utc = day.midnight().assume_utc();
    let civil = i16::try_from(day.year()).ok().and_then(|year| {
        let month = i8::try_from(u8::from(day.month())).ok()?;
        jiff::civil::Date::new(year, month, i8::try_from(day.day()).ok()?).ok()
    });
    civil
        .and_then(|civil| civil.to_zoned(zone.clone()).ok())
        .and_then(|zoned| Timestamp::from_unix_timestamp(zoned.timestamp().as_second()).ok())
        .unwrap_or(in_utc)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::checkins::StreakBonus;
    use proptest::prelude::*;
    use time::Duration;
    use time::macros::{date, datetime};

    fn made(at: Timestamp, time_zone: &str, streak: i64) -> Checkin {
        Checkin {
            day: day(at, &zone(time_zone).unwrap()),
            time_zone: time_zone.to_owned(),
            streak,
            credits: Credits::ZERO,
            checked_in_at: at,
        }
    }

    fn streak_of(standing: CheckinStatus) -> Option<i64> {
        match standing {
            CheckinStatus::Open { streak, .. } => Some(streak),
            CheckinStatus::Done { .. } => None,
        }
    }

    #[test]
    fn a_streak_grows_day_by_day_and_ends_with_a_day_left_out() {
        let last = made(datetime!(2026-11-24 23:59:59 UTC), "UTC", 4);
        let at = |now| streak_of(standing(now, "UTC", Some(&last)));
        assert_eq!(at(datetime!(2026-11-24 23:59:59.9 UTC)), None);
        assert_eq!(at(datetime!(2026-11-25 00:00:00 UTC)), Some(5));
        assert_eq!(at(datetime!(2026-11-25 23:59:59 UTC)), Some(5));
        assert_eq!(at(datetime!(2026-11-26 00:00:00 UTC)), Some(1));
        assert_eq!(streak_of(standing(datetime!(2026-11-24 08:00 UTC), "UTC", None)), Some(1));
    }

    #[test]
    fn days_begin_where_the_configuration_says_also_when_clocks_change() {
        let rome = |now| day(now, &zone("Europe/Rome").unwrap());
        assert_eq!(rome(datetime!(2026-10-24 21:59:59 UTC)), date!(2026 - 10 - 24));
        assert_eq!(rome(datetime!(2026-10-24 22:00:00 UTC)), date!(2026 - 10 - 25));
        // A day of 25 hours.
        assert_eq!(rome(datetime!(2026-10-25 22:59:59 UTC)), date!(2026 - 10 - 25));
        let last = made(datetime!(2026-10-24 22:00:00 UTC), "Europe/Rome", 1);
        let after = standing(datetime!(2026-10-25 22:30:00 UTC), "Europe/Rome", Some(&last));
        assert_eq!(after, CheckinStatus::Done { next_at: datetime!(2026-10-25 23:00:00 UTC) });
        // Midnight does not happen on this day in Cairo: it begins at one.
        assert_eq!(
            start(date!(2026 - 04 - 24), &zone("Africa/Cairo").unwrap()),
            datetime!(2026-04-23 22:00 UTC)
        );
    }

    #[test]
    fn moving_the_border_of_days_does_not_give_two_check_ins() {
        // Half an hour before midnight in UTC; in Tokyo it is the morning of the next day.
        let last = made(datetime!(2026-11-24 23:30 UTC), "UTC", 1);
        let in_tokyo = |now| standing(now, "Asia/Tokyo", Some(&last));
        assert_eq!(
            in_tokyo(datetime!(2026-11-24 23:31 UTC)),
            CheckinStatus::Done { next_at: datetime!(2026-11-25 15:00 UTC) }
        );
        // The streak goes on, though the days have numbers that are two apart.
        assert_eq!(streak_of(in_tokyo(datetime!(2026-11-25 15:00 UTC))), Some(2));
        // Half an hour after midnight in UTC: Tokyo's next day begins within the same day of UTC.
        let last = made(datetime!(2026-11-24 00:30 UTC), "UTC", 1);
        assert_eq!(
            standing(datetime!(2026-11-24 15:00 UTC), "Asia/Tokyo", Some(&last)),
            CheckinStatus::Done { next_at: datetime!(2026-11-25 00:00 UTC) }
        );
    }

    #[test]
    fn bonuses_come_with_the_day_that_makes_the_streak_so_long() {
        let whole = |credits| Credits::from_whole(credits).unwrap();
        let config = CheckinConfig {
            enabled: true,
            credits_per_day: whole(10),
            streak_bonuses: vec![StreakBonus { days: 3, bonus_credits: whole(50) }],
            time_zone: "UTC".to_owned(),
        };
        let given: Vec<i64> = (1..=4).map(|streak| credits(&config, streak).unwrap().floor_whole()).collect();
        assert_eq!(given, [10, 10, 60, 10]);
        assert!(check_config(&config).is_ok());
        let bad = [
            CheckinConfig { credits_per_day: Credits::ZERO, ..config.clone() },
            CheckinConfig { credits_per_day: Credits::from_millionths(1_500_000), ..config.clone() },
            CheckinConfig { credits_per_day: whole(1_000_001), ..config.clone() },
            CheckinConfig { time_zone: "Mars/Olympus".to_owned(), ..config.clone() },
            CheckinConfig { time_zone: "Etc/Unknown".to_owned(), ..config.clone() },
            CheckinConfig { time_zone: String::new(), ..config.clone() },
            CheckinConfig { streak_bonuses: vec![config.streak_bonuses[0]; 2], ..config.clone() },
            CheckinConfig {
                streak_bonuses: vec![StreakBonus { days: 1, bonus_credits: whole(5) }],
                ..config.clone()
            },
        ];
        for config in bad {
            assert!(matches!(check_config(&config), Err(CheckinError::Invalid(_))), "{config:?}");
        }
    }

    const ZONES: [&str; 9] = [
        "UTC",
        "Europe/Rome",
        "Asia/Tokyo",
        "America/Los_Angeles",
        "Pacific/Kiritimati",
        "Etc/GMT+12",
        "Africa/Cairo",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
    ];

    proptest! {
        /// Someone tries every few hours, while administrators move the border of days around.
        #[test]
        fn no_two_check_ins_fall_on_one_day(
            steps in proptest::collection::vec((0_usize..ZONES.len(), 1_i64..2_000), 1..60),
        ) {
            let mut now = datetime!(2026-03-20 00:00 UTC);
            let mut last: Option<Checkin> = None;
            for (zone_index, minutes) in steps {
                now += Duration::minutes(minutes);
                let name = ZONES[zone_index];
                match standing(now, name, last.as_ref()) {
                    CheckinStatus::Open { day: today, streak, ends_at } => {
                        if let Some(last) = &last {
                            for name in [name, last.time_zone.as_str()] {
                                let zone = zone(name).unwrap();
                                prop_assert!(day(now, &zone) > day(last.checked_in_at, &zone));
                            }
                            prop_assert!(today > last.day);
                        }
                        prop_assert!(ends_at > now && ends_at <= now + Duration::hours(26));
                        last = Some(made(now, name, streak));
                    }
                    // The reported moment is the first one at which it works.
                    CheckinStatus::Done { next_at } => {
                        prop_assert!(next_at > now && next_at <= now + Duration::hours(50));
                        prop_assert!(streak_of(standing(next_at, name, last.as_ref())).is_some());
                        let before = next_at - Duration::seconds(1);
                        prop_assert!(streak_of(standing(before, name, last.as_ref())).is_none());
                        // In time, so that the streak goes on.
                        let streak = last.as_ref().map_or(0, |last| last.streak) + 1;
                        prop_assert_eq!(streak_of(standing(next_at, name, last.as_ref())), Some(streak));
                    }
                }
            }
        }
    }
}
