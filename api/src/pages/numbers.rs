//! Numbers as people type them.

/// The number with a point before its decimals and nothing between thousands. What may be either is refused.
pub(crate) fn plain_number(text: &str) -> Option<String> {
    let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let marks: Vec<(usize, char)> =
        text.char_indices().filter(|(_, letter)| ".,".contains(*letter)).collect();
    match marks.as_slice() {
        [] => Some(text),
        // Three digits behind a single mark are thousands in one language and decimals in another.
        [(at, mark)] if text.len().saturating_sub(*at) == 4 && is_grouped(&text, *mark) => None,
        [(_, _)] => Some(text.replace(',', ".")),
        [(_, mark), rest @ ..] if rest.iter().all(|(_, other)| other == mark) => {
            is_grouped(&text, *mark).then(|| text.replace(*mark, ""))
        }
        [(_, mark), .., (_, last)] => {
            let (whole, fraction) = text.rsplit_once(*last)?;
            let is_regular = mark != last && !whole.contains(*last) && is_grouped(whole, *mark);
            is_regular.then(|| format!("{}.{fraction}", whole.replace(*mark, "")))
        }
    }
}

/// Whether the mark stands between thousands.
fn is_grouped(text: &str, mark: char) -> bool {
    let mut parts = text.trim_start_matches('-').split(mark);
    let first = parts.next().unwrap_or_default();
    // No number of thousands begins with a nought.
    (1..=3).contains(&first.len()) && !first.starts_with('0') && parts.all(|part| part.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::plain_number;

    #[test]
    fn numbers_are_read_as_people_write_them_and_never_guessed() {
        for (text, plain) in [
            ("2500", Some("2500")),
            (" 2 500 ", Some("2500")),
            ("2.5", Some("2.5")),
            ("2,50", Some("2.50")),
            ("1,234,567", Some("1234567")),
            ("1.234.567,8", Some("1234567.8")),
            ("1,234.50", Some("1234.50")),
            ("-1,234.50", Some("-1234.50")),
            ("0.125", Some("0.125")),
            ("0,125", Some("0.125")),
            // One credit, or a thousand?
            ("1,000", None),
            ("1.000", None),
            ("-1,000", None),
            ("1.2.3", None),
            ("1.2,3", None),
            ("1,2.3,4", None),
        ] {
            assert_eq!(plain_number(text).as_deref(), plain, "{text}");
        }
    }
}
