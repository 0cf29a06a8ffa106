//! An operation of the API: the request, and how its answer is shown.

use std::io::{self, Write};

use clap::Args;
use hyper::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::client::{Client, Sent};
use crate::failure::Failure;
use crate::json::Json;
use crate::output::{Table, print_record};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Debug)]
pub struct Operation {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<String>,
    pub idempotency_key: Option<String>,
    view: View,
    /// Whether all pages of a list are wanted.
    is_all: bool,
}

/// How an answer is shown.
#[derive(Clone, Copy, Debug)]
enum View {
    Record,
    /// These columns of each item.
    List(&'static [&'static str]),
    /// There is none: what was done.
    Done(&'static str),
    /// As it came.
    Text,
}

/// The path of a resource of the API. An id is one segment, whatever is in it.
pub fn path<const N: usize>(segments: [&str; N]) -> String {
    let encoded = segments.iter().map(|segment| format!("/{}", utf8_percent_encode(segment, UNRESERVED)));
    format!("/purser/v1{}", encoded.collect::<String>())
}

impl Operation {
    pub fn new(method: Method, path: String) -> Self {
        Self {
            method,
            path,
            query: Vec::new(),
            body: None,
            idempotency_key: None,
            view: View::Record,
            is_all: false,
        }
    }

    pub fn get<const N: usize>(segments: [&str; N]) -> Self {
        Self::new(Method::GET, path(segments))
    }

    pub fn post<const N: usize>(segments: [&str; N]) -> Self {
        Self::new(Method::POST, path(segments))
    }

    pub fn put<const N: usize>(segments: [&str; N]) -> Self {
        Self::new(Method::PUT, path(segments))
    }

    pub fn delete<const N: usize>(segments: [&str; N], done: &'static str) -> Self {
        Self { view: View::Done(done), ..Self::new(Method::DELETE, path(segments)) }
    }

    /// Adds fields to the query; those that are none stay out.
    pub fn query(mut self, fields: &[(&str, Option<&str>)]) -> Self {
        let given =
            fields.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned())));
        self.query.extend(given);
        self
    }

    /// Sends these arguments as the body.
    pub fn body(mut self, body: &impl Serialize) -> Result<Self, Failure> {
        let text = serde_json::to_string(body).map_err(|error| Failure::usage(error.to_string()))?;
        self.body = Some(text);
        Ok(self)
    }

    /// Sends this JSON as the body.
    pub fn json(mut self, text: String) -> Result<Self, Failure> {
        Json::parse(&text).map_err(|error| Failure::usage(format!("the body is not JSON: {error}")))?;
        self.body = Some(text);
        Ok(self)
    }

    /// Shows the answer as a table with these columns.
    pub fn list(mut self, columns: &'static [&'static str]) -> Self {
        self.view = View::List(columns);
        self
    }

    /// Shows the answer as a table, page by page.
    pub fn pages(self, page: &Page, columns: &'static [&'static str]) -> Self {
        let limit = page.limit.map(|limit| limit.to_string());
        let this =
            self.query(&[("limit", limit.as_deref()), ("cursor", page.cursor.as_deref())]).list(columns);
        Self { is_all: page.all, ..this }
    }

    /// Shows all pages as a table with these columns.
    pub fn all(self, columns: &'static [&'static str]) -> Self {
        Self { is_all: true, ..self.list(columns) }
    }

    pub fn text(mut self) -> Self {
        self.view = View::Text;
        self
    }

    /// The path of a list, and the columns in which it is shown.
    #[cfg(test)]
    pub fn table(&self) -> Option<(&str, &'static [&'static str])> {
        match self.view {
            View::List(columns) => Some((&self.path, columns)),
            _ => None,
        }
    }

    fn address(&self, cursor: Option<&str>) -> String {
        let given = self.query.iter().filter(|(name, _)| cursor.is_none() || name != "cursor");
        let pairs =
            given.map(|(name, value)| (name.as_str(), value.as_str())).chain(cursor.map(|at| ("cursor", at)));
        let pairs = pairs.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, UNRESERVED)));
        let query = pairs.collect::<Vec<_>>().join("&");
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}

/// Which part of a list.
#[derive(Args, Debug)]
pub struct Page {
    /// How many [default: 50]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Where to go on: the cursor that the page before named
    #[arg(long)]
    cursor: Option<String>,
    /// All pages; with --json, one item a line
    #[arg(long)]
    all: bool,
}

/// Sends the request and shows the answer.
pub async fn carry_out(client: &Client, operation: Operation, as_json: bool) -> Result<(), Failure> {
    let made = (operation.method == Method::POST).then(|| Uuid::new_v4().to_string());
    let idempotency_key = operation.idempotency_key.clone().or(made);
    let mut table = match operation.view {
        View::List(columns) => Some(Table::new(columns)),
        _ => None,
    };
    let mut cursor: Option<String> = None;
    loop {
        let address = operation.address(cursor.as_deref());
        let sent = Sent {
            method: operation.method.clone(),
            path: &address,
            body: operation.body.as_deref(),
            idempotency_key: idempotency_key.as_deref(),
        };
        let answer = client.send(&sent).await?;
        let text = String::from_utf8_lossy(&answer);
        let next = show(&operation, &text, as_json, table.as_mut())?;
        match next {
            Some(next) if operation.is_all && cursor.as_ref() != Some(&next) => cursor = Some(next),
            Some(next) => {
                writeln!(io::stderr(), "There are more: --all shows all, --cursor {next} the next ones.")?;
                return Ok(());
            }
            None => return Ok(()),
        }
    }
}

/// Shows an answer, and says where the next page begins.
fn show(
    operation: &Operation,
    text: &str,
    as_json: bool,
    table: Option<&mut Table>,
) -> Result<Option<String>, Failure> {
    let mut out = io::stdout().lock();
    if matches!(operation.view, View::Text) || text.is_empty() {
        match operation.view {
            View::Done(done) if !as_json => writeln!(out, "{done}")?,
            View::Record if !as_json => writeln!(out, "Done.")?,
            _ => write!(out, "{text}{}", if text.is_empty() || text.ends_with('\n') { "" } else { "\n" })?,
        }
        out.flush()?;
        return Ok(None);
    }
    let unreadable = |error| Failure::Unreachable {
        why: format!("The answer is not JSON: {error}. Is PURSER_URL right?"),
        idempotency_key: None,
    };
    let answer = Json::parse(text).map_err(unreadable)?;
    let next = match answer.at("nextCursor") {
        Some(Json::Text(next)) => Some(next.clone()),
        _ => None,
    };
    match (as_json, table, answer.at("data")) {
        (true, Some(_), _) if operation.is_all => {
            for item in items(text).map_err(unreadable)? {
                writeln!(out, "{item}")?;
            }
        }
        (true, ..) => writeln!(out, "{text}")?,
        (false, Some(table), Some(Json::List(items))) => table.print(&mut out, items)?,
        (false, ..) => print_record(&mut out, &answer)?,
    }
    out.flush()?;
    // Programs read the cursor from the answer.
    Ok(next.filter(|_| operation.is_all || !as_json))
}

/// The items of a list, as they were written.
fn items(text: &str) -> Result<Vec<Box<RawValue>>, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct List {
        data: Vec<Box<RawValue>>,
    }
    serde_json::from_str::<List>(text).map(|list| list.data)
}

/// Credits, as they are written on the command line: every digit is sent.
#[derive(Clone, Debug)]
pub struct Credits(String);

impl std::str::FromStr for Credits {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_amount(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err("credits are a number such as 12.5, with at most six decimals")
        }
    }
}

impl Serialize for Credits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.clone()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// Whether a text is an amount as people write it: digits, and at most six decimals behind a point.
pub fn is_amount(text: &str) -> bool {
    let (whole, decimals) =
        text.split_once('.').map_or((text, None), |(whole, decimals)| (whole, Some(decimals)));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_number(whole)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && decimals.is_none_or(|decimals| is_number(decimals) && decimals.len() <= 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_and_a_value_one_value() {
        assert_eq!(path(["users", "a/b ?#%ü"]), "/purser/v1/users/a%2Fb%20%3F%23%25%C3%BC");
        let listed =
            Operation::get(["users"]).query(&[("query", Some("a&b=c")), ("no", None), ("cursor", Some("x"))]);
        assert_eq!(listed.address(None), "/purser/v1/users?query=a%26b%3Dc&cursor=x");
        assert_eq!(listed.address(Some("y z")), "/purser/v1/users?query=a%26b%3Dc&cursor=y%20z");
    }

    #[test]
    fn amounts_as_people_write_them() {
        for text in ["0", "12.5", "9300000000000.000001", "0.1"] {
            assert!(is_amount(text), "{text}");
            let sent = serde_json::to_string(&text.parse::<Credits>().unwrap()).unwrap();
            assert_eq!(sent, text);
        }
        for text in ["", "1e3", "-1", "+1", ".5", "5.", "007", "1,5", "1 000", "0.1234567", "٣", "NaN"] {
            assert!(!is_amount(text), "{text}");
        }
    }
}
