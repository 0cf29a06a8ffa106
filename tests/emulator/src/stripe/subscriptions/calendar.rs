//! When the periods of a subscription end.

use time::{Date, Duration, Month, OffsetDateTime};

/// The moment `count` intervals after `anchor` (Unix seconds). A month without the anchor's day ends on
/// its last one, and the next month has the anchor's day again.
pub(crate) fn after(anchor: i64, interval: &str, count: i64) -> i64 {
    let Ok(start) = OffsetDateTime::from_unix_timestamp(anchor) else { return anchor };
    let end = match interval {
        "day" => start.checked_add(Duration::days(count)),
        "week" => start.checked_add(Duration::weeks(count)),
        "year" => months_later(start, count.saturating_mul(12)),
        _ => months_later(start, count),
    };
    end.map_or(anchor, OffsetDateTime::unix_timestamp)
}

fn months_later(start: OffsetDateTime, count: i64) -> Option<OffsetDateTime> {
    let months = i64::from(start.year()) * 12 + i64::from(u8::from(start.month())) - 1 + count;
    let year = i32::try_from(months.div_euclid(12)).ok()?;
    let month = Month::try_from(u8::try_from(months.rem_euclid(12) + 1).ok()?).ok()?;
    let day = start.day().min(month.length(year));
    Some(start.replace_date(Date::from_calendar_date(year, month, day).ok()?))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn months_are_clamped_and_come_back_to_the_anchors_day() {
        let anchor = datetime!(2026-01-31 12:00 UTC).unix_timestamp();
        assert_eq!(after(anchor, "month", 1), datetime!(2026-02-28 12:00 UTC).unix_timestamp());
        assert_eq!(after(anchor, "month", 2), datetime!(2026-03-31 12:00 UTC).unix_timestamp());
        assert_eq!(after(anchor, "month", 13), datetime!(2027-02-28 12:00 UTC).unix_timestamp());
        assert_eq!(after(anchor, "year", 1), datetime!(2027-01-31 12:00 UTC).unix_timestamp());
    }
}
