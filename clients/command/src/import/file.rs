//! Reads the file, and finds all that is wrong with it by itself.

use std::collections::HashMap;
use std::io::{self, Write};

use csv::{ReaderBuilder, StringRecord};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::failure::Failure;
use crate::operation::{Credits, is_amount};
use crate::output::printable;

const COLUMNS: [&str; 7] = ["userId", "email", "name", "credits", "expiresAt", "stripeCustomerId", "kind"];

/// A user, as the file has them.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where the row begins, from 1.
    pub line: u64,
    pub user_id: String,
    /// As the API takes it.
    pub json: String,
}

/// The row on the wire; the names of the columns are those of the fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credits: Option<Credits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stripe_customer_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
}

/// What is wrong, line by line.
#[derive(Default)]
struct Mistakes(Vec<(u64, String)>);

impl Mistakes {
    fn add(&mut self, line: u64, text: impl Into<String>) {
        self.0.push((line, text.into()));
    }
}

/// The rows, or all that is wrong with them.
pub fn rows(text: &str) -> Result<Vec<Row>, Failure> {
    let mut mistakes = Mistakes::default();
    let rows = read(text.trim_start_matches('\u{feff}'), &mut mistakes);
    if mistakes.0.is_empty() {
        return Ok(rows);
    }
    let mut out = io::stderr().lock();
    for (line, text) in &mistakes.0 {
        writeln!(out, "line {line}: {}", printable(text))?;
    }
    let count = mistakes.0.len();
    Err(Failure::usage(format!(
        "{count} {}. Nothing was sent.",
        if count == 1 { "mistake" } else { "mistakes" }
    )))
}

fn read(text: &str, mistakes: &mut Mistakes) -> Vec<Row> {
    let mut lines = Lines { text: text.as_bytes(), at: 0, line: 1 };
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(header)) => header,
        _ => {
            mistakes.add(
                1,
                format!("the file is empty; its first line names the columns: {}", COLUMNS.join(", ")),
            );
            return Vec::new();
        }
    };
    let Some(columns) = columns(&header, mistakes) else { return Vec::new() };
    let (mut rows, mut seen) = (Vec::new(), Seen::default());
    for record in records {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                mistakes.add(lines.of(error.position()), "this cannot be read as CSV");
                continue;
            }
        };
        let line = lines.of(record.position());
        if record.len() != header.len() {
            mistakes.add(line, format!("there are {} values for {} columns", record.len(), header.len()));
            continue;
        }
        let value = |name: &str| {
            let place = columns.get(name)?;
            record.get(*place).filter(|value| !value.is_empty())
        };
        rows.extend(row(line, value, &mut seen, mistakes));
    }
    if rows.is_empty() && mistakes.0.is_empty() {
        mistakes.add(1, "there are no users in the file");
    }
    rows
}

/// Counts lines, as people do: the reader takes the end of a line, and lines that are empty, for the begin of the next
/// record.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of a record, which is behind those that were asked for before.
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let begin = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(self.at);
        let ends = self.text.iter().skip(begin).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let begin = begin.saturating_add(ends);
        let passed = self.text.get(self.at..begin).unwrap_or_default();
        let breaks = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u64::try_from(breaks).unwrap_or(u64::MAX));
        self.at = begin.max(self.at);
        self.line
    }
}

/// The place of each column.
fn columns<'a>(header: &'a StringRecord, mistakes: &mut Mistakes) -> Option<HashMap<&'a str, usize>> {
    let before = mistakes.0.len();
    let mut places = HashMap::new();
    for (place, name) in header.iter().enumerate() {
        if !COLUMNS.contains(&name) {
            mistakes.add(1, format!("there is no column `{name}`; the columns are {}", COLUMNS.join(", ")));
        } else if places.insert(name, place).is_some() {
            mistakes.add(1, format!("the column {name} is there twice"));
        }
    }
    if !places.contains_key("userId") {
        mistakes.add(1, "the column userId is missing");
    }
    (mistakes.0.len() == before).then_some(places)
}

/// The lines on which users and customers were named.
#[derive(Default)]
struct Seen {
    users: HashMap<String, u64>,
    customers: HashMap<String, u64>,
}

fn row<'a>(
    line: u64,
    value: impl Fn(&str) -> Option<&'a str>,
    seen: &mut Seen,
    mistakes: &mut Mistakes,
) -> Option<Row> {
    let before = mistakes.0.len();
    for (name, value) in COLUMNS.iter().filter_map(|name| Some((name, value(name)?))) {
        if value.trim() != value {
            mistakes.add(line, format!("{name} has spaces around it"));
        }
    }
    let (user_id, credits, expires_at) =
        (value("userId").unwrap_or_default(), value("credits"), value("expiresAt"));
    if user_id.is_empty() {
        mistakes.add(line, "userId is missing");
    } else if let Some(first) = seen.users.insert(user_id.to_owned(), line) {
        mistakes.add(line, format!("{user_id} is on line {first} already"));
    }
    let customer = value("stripeCustomerId");
    if let Some((customer, first)) =
        customer.and_then(|one| Some((one, seen.customers.insert(one.to_owned(), line)?)))
    {
        mistakes.add(line, format!("{customer} is on line {first} already"));
    }
    if let Some(credits) = credits.filter(|credits| !is_amount(credits)) {
        mistakes.add(
            line,
            format!("credits are a number such as 120.5, with at most six decimals, not {credits}"),
        );
    }
    if let Some(at) = expires_at.filter(|at| OffsetDateTime::parse(at, &Rfc3339).is_err()) {
        mistakes.add(line, format!("expiresAt is a time such as 2027-01-31T00:00:00Z, not {at}"));
    }
    if let Some(kind) = value("kind").filter(|kind| !matches!(*kind, "paid" | "promotional")) {
        mistakes.add(line, format!("kind is paid or promotional, not {kind}"));
    }
    if mistakes.0.len() > before {
        return None;
    }
    let user = User {
        user_id,
        email: value("email"),
        name: value("name"),
        credits: credits.and_then(|credits| credits.parse().ok()),
        expires_at,
        stripe_customer_id: customer,
        kind: value("kind"),
    };
    match serde_json::to_string(&user) {
        Ok(json) => Some(Row { line, user_id: user_id.to_owned(), json }),
        Err(error) => {
            mistakes.add(line, error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<(u64, String)> {
        let mut mistakes = Mistakes::default();
        read(text, &mut mistakes);
        mistakes.0
    }

    #[test]
    fn a_file_as_a_spreadsheet_writes_it() {
        let text = "\u{feff}credits,userId,name,email\r\n\
                    120.50,kim,\"Kim, \"\"the\"\" K.\",kim@example.com\r\n\r\n,kai,,\r\n";
        let rows = rows(text).unwrap();
        let json: Vec<&str> = rows.iter().map(|row| row.json.as_str()).collect();
        assert_eq!(
            json,
            [
                r#"{"userId":"kim","email":"kim@example.com","name":"Kim, \"the\" K.","credits":120.50}"#,
                r#"{"userId":"kai"}"#
            ]
        );
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn all_that_is_wrong_is_said_with_its_line() {
        let text = "userId,credits,expiresAt,kind,stripeCustomerId\n\
                    kim,1e3,2027-01-31,gift,cus_1\n\
                    kai,-5,,,cus_1\n\
                    kim,1.1234567,,,\n\
                    ,1,,,\n\
                    \"two\nlines\",\"1,000\",,,\n\
                    few,1\n\
                    \x20kay,1,,,\n";
        let lines: Vec<u64> = mistakes(text).iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 2, 2, 3, 3, 4, 4, 5, 6, 8, 9]);
        let said = mistakes(text);
        assert!(said[5].1.contains("kim is on line 2"), "{said:?}");
        assert!(said[8].1.contains("1,000"), "{said:?}");
    }

    #[test]
    fn headers_that_are_not_understood_are_named_and_no_row_is_read() {
        let wrong = mistakes("user,e-mail,credits,credits\n,,x,\n");
        assert_eq!(wrong.len(), 4, "{wrong:?}");
        assert!(wrong[0].1.contains("`user`") && wrong[0].1.contains("stripeCustomerId"));
        assert!(wrong[2].1.contains("twice") && wrong[3].1.contains("userId is missing"));
        for nothing in ["", "userId,credits\n", "\n\n"] {
            assert_eq!(mistakes(nothing).len(), 1, "{nothing:?}");
        }
        assert_eq!(mistakes("kim;kim@example.com\n").len(), 2);
    }
}
