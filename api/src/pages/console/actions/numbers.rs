//! Numbers as forms of the console have them.

use kernel::money::Credits;

use crate::pages::numbers::plain_number;

/// Credits as a form has them.
pub(super) fn credits(value: &str) -> Option<Credits> {
    plain(value)?.parse().ok()
}

/// An amount in smallest units, read exactly: no more decimals than the currency has.
pub(super) fn minor(text: &str, places: usize) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > places || !text.contains(|letter: char| letter.is_ascii_digit()) {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

/// With a point before the decimals, which the console writes itself; where there is a comma, it must be clear what it
/// is.
pub(super) fn plain(value: &str) -> Option<String> {
    let value = value.replace('−', "-");
    if value.contains(',') { plain_number(&value) } else { Some(value) }
}

#[cfg(test)]
mod tests {
    use super::{minor, plain};

    #[test]
    fn a_comma_is_never_guessed() {
        for (text, number) in [
            ("1.234", Some("1.234")),
            ("−5", Some("-5")),
            ("2,50", Some("2.50")),
            ("1,234.50", Some("1234.50")),
            ("1,234", None),
        ] {
            assert_eq!(plain(text).as_deref(), number, "{text}");
        }
    }

    #[test]
    fn amounts_are_read_exactly() {
        for (text, places, amount) in [
            ("9.90", 2, Some(990)),
            ("9.9", 2, Some(990)),
            ("9", 2, Some(900)),
            ("-0.05", 2, Some(-5)),
            ("1.500", 3, Some(1_500)),
            ("2500", 0, Some(2_500)),
            ("9.999", 2, None),
            ("2500.5", 0, None),
            ("", 2, None),
            ("-", 2, None),
            (".", 2, None),
            ("nine", 2, None),
            ("9.9.9", 2, None),
        ] {
            assert_eq!(minor(text, places), amount, "{text}");
        }
    }
}
