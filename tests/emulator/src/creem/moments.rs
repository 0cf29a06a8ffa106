//! Moments as Creem writes them: ISO 8601 with milliseconds in most places, milliseconds since 1970 in some.

use time::OffsetDateTime;

/// `2026-01-31T12:00:00.000Z`, from Unix seconds.
pub(crate) fn iso(seconds: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = moment.to_calendar_date();
    let (hour, minute, second) = moment.to_hms();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z", u8::from(month))
}

/// Milliseconds since 1970, from Unix seconds.
pub(crate) fn milliseconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1000)
}

/// Unix seconds of a moment that a caller sent; fractions of a second are dropped.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let format = &time::format_description::well_known::Rfc3339;
    OffsetDateTime::parse(text, format).ok().map(OffsetDateTime::unix_timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_back() {
        let text = "2026-02-28T09:05:07.000Z";
        assert_eq!(parse(text).map(iso).as_deref(), Some(text));
    }
}
