//! Reads JSON bodies.

use kernel::database::has_nul;
use kernel::money::{AmountError, Credits};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use warp::http::{HeaderMap, header};

use super::call::Call;
use super::objects::ObjectsOnly;
use crate::problem::{Problem, ProblemKind};

/// A complaint about a body repeats this many letters of its start and of its end.
const SHOWN_MAX: usize = 150;

/// Reads the body as JSON. A missing content type is taken for JSON.
///
/// # Errors
/// When the content type is another, or the body is no JSON or not of the expected shape.
pub fn read_json<T: DeserializeOwned>(call: &Call) -> Result<T, Problem> {
    check_text(call)?;
    serde_json::from_slice(&call.body).map_err(|error| {
        if error.is_data() {
            Problem::invalid(shortened(&error.to_string()))
        } else {
            ProblemKind::NotJson.into()
        }
    })
}

/// As [`read_json`], for a body that may be left out.
///
/// # Errors
/// As [`read_json`].
pub fn read_json_or_default<T: DeserializeOwned + Default>(call: &Call) -> Result<T, Problem> {
    if call.body.is_empty() { Ok(T::default()) } else { read_json(call) }
}

/// Reads the body as a JSON object of this system's own API: whatever is wrong is named by its field.
///
/// # Errors
/// As [`read_json`], and when a field is not known (its type must say `deny_unknown_fields`).
pub fn read_object<T: DeserializeOwned>(call: &Call) -> Result<T, Problem> {
    check_text(call)?;
    let mut reader = serde_json::Deserializer::from_slice(&call.body);
    let read = serde_path_to_error::deserialize(ObjectsOnly(&mut reader));
    let object = read.map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() { complaint(&path, &error.to_string()) } else { ProblemKind::NotJson.into() }
    })?;
    reader.end().map_err(|_| ProblemKind::NotJson)?;
    Ok(object)
}

/// As [`read_object`], for a body that may be left out.
///
/// # Errors
/// As [`read_object`].
pub fn read_object_or_default<T: DeserializeOwned + Default>(call: &Call) -> Result<T, Problem> {
    if call.body.is_empty() { Ok(T::default()) } else { read_object(call) }
}

/// Tells a null from a field that is left out, where a field is `Option<Option<_>>` and left out by default.
///
/// # Errors
/// When the value is neither null nor of the expected shape.
pub fn null_is_given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// What serde finds wrong at a path, in the words of who sent it.
fn complaint(path: &str, text: &str) -> Problem {
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    let place = if path == "." { "" } else { path };
    let within = |field: &str| if place.is_empty() { field.to_owned() } else { format!("{place}.{field}") };
    if let Some((field, known)) = quoted(text, "unknown field ") {
        // The place is the field's own here.
        let parent = place.strip_suffix(field).unwrap_or_default();
        let field = format!("{parent}{}", shortened(field));
        let known = known.strip_prefix(", expected ").unwrap_or("none");
        let known = known.strip_prefix("one of ").unwrap_or(known);
        return Problem::invalid(format!("There is no field `{field}`; the fields are {known}."))
            .about(field);
    }
    if let Some((field, _)) = quoted(text, "missing field ") {
        let field = within(field);
        return Problem::invalid(format!("{field} is missing.")).about(field);
    }
    if let Some((field, _)) = quoted(text, "duplicate field ") {
        let field = within(field);
        return Problem::invalid(format!("{field} is given twice.")).about(field);
    }
    let subject = if place.is_empty() { "The body" } else { place };
    let message = match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("{subject} must be {}.", kind_of(expected)),
        None => format!("{subject}: {}.", shortened(text)),
    };
    let problem = Problem::invalid(message);
    if place.is_empty() { problem } else { problem.about(place) }
}

/// The name in backquotes behind a beginning, and what follows it.
fn quoted<'a>(text: &'a str, beginning: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(beginning)?.strip_prefix('`')?.split_once('`')
}

/// A kind of value, as people who write JSON call it.
fn kind_of(expected: &str) -> &str {
    match expected {
        "i8" | "i16" | "i32" | "i64" | "isize" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "a boolean" => "true or false",
        "a string" | "str" | "a borrowed string" => "a text",
        "a map" => "an object",
        "a sequence" => "a list",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

/// Checks that the request says its body is JSON, and that the texts in it can be stored.
fn check_text(call: &Call) -> Result<(), Problem> {
    if !says_json(&call.headers) {
        return Err(ProblemKind::UnsupportedMediaType.into());
    }
    if has_nul(&call.body) {
        return Err(Problem::invalid("Texts must not have the character U+0000."));
    }
    Ok(())
}

/// The exact amount that a JSON number stands for.
///
/// # Errors
/// [`AmountError`] when it is no number (a number in quotes is none) or has more than six decimals.
pub fn credits(raw: &RawValue) -> Result<Credits, AmountError> {
    raw.get().parse()
}

/// Leaves the middle of a long complaint out: its start repeats what was sent, its end says what was expected, and
/// where.
fn shortened(text: &str) -> String {
    let letters = text.chars().count();
    if letters <= 2 * SHOWN_MAX {
        return text.to_owned();
    }
    let start = text.chars().take(SHOWN_MAX);
    let end = text.chars().skip(letters.saturating_sub(SHOWN_MAX));
    start.chain(['…']).chain(end).collect()
}

fn says_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let Ok(text) = value.to_str() else { return false };
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_come_from_the_text_of_the_number() {
        let of = |text: &str| credits(&RawValue::from_string(text.to_owned()).unwrap());
        assert_eq!(of("0.1"), Ok(Credits::from_millionths(100_000)));
        // As a float this would lose its last digits.
        let many = Credits::from_millionths(9_007_199_254_740_993_001);
        assert_eq!(of("9007199254740.993001"), Ok(many));
        assert_eq!(of("9300000000000"), Err(AmountError::Overflow));
        assert_eq!(of("0.0000001"), Err(AmountError::TooPrecise));
        for text in ["\"5\"", "null", "true", "[1]", "{}"] {
            assert_eq!(of(text), Err(AmountError::NotANumber), "{text}");
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Order {
        #[allow(dead_code)]
        wallet: String,
        items: Vec<Item>,
        #[allow(dead_code)]
        price: Option<Price>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Item {
        #[allow(dead_code)]
        pack_id: String,
        credits: Box<RawValue>,
    }

    #[derive(Debug, Deserialize)]
    struct Price {
        #[allow(dead_code)]
        minor: i64,
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        let read = |body: &str| {
            let mut reader = serde_json::Deserializer::from_str(body);
            let read: Result<Order, _> = serde_path_to_error::deserialize(ObjectsOnly(&mut reader));
            read.map(|order| order.items.into_iter().map(|item| item.credits.get().to_owned()).collect())
                .map_err(|error| {
                    let path = error.path().to_string();
                    let problem = complaint(&path, &error.into_inner().to_string());
                    (problem.param.unwrap_or_default().into_string(), problem.message.into_owned())
                })
        };
        let whole = r#"{"wallet":"me","items":[{"packId":"a","credits":0.10000000000000001}]}"#;
        // Numbers come through as they were written.
        assert_eq!(read(whole), Ok(vec!["0.10000000000000001".to_owned()]));
        for (body, param, message) in [
            (r#"["me",[],null]"#, "", "The body must be an object."),
            (r#"{"wallet":"me"}"#, "items", "items is missing."),
            (r#"{"wallet":7,"items":[]}"#, "wallet", "wallet must be a text."),
            (r#"{"wallet":"me","items":{}}"#, "items", "items must be a list."),
            (r#"{"wallet":"me","items":[["a",1]]}"#, "items[0]", "items[0] must be an object."),
            (r#"{"wallet":"me","items":[],"price":[5]}"#, "price", "price must be an object."),
            (
                r#"{"wallet":"me","items":[],"price":{"minor":1.5}}"#,
                "price.minor",
                "price.minor must be a whole number.",
            ),
            (r#"{"wallet":"a","wallet":"b","items":[]}"#, "wallet", "wallet is given twice."),
            (
                r#"{"wallet":"me","items":[{"packId":"a","credits":1,"packid":"a"}]}"#,
                "items[0].packid",
                "There is no field `items[0].packid`; the fields are `packId` or `credits`.",
            ),
        ] {
            assert_eq!(read(body), Err((param.to_owned(), message.to_owned())), "{body}");
        }
    }

    #[test]
    fn what_was_sent_is_not_repeated_at_length() {
        let long = format!("unknown variant `{}`, expected `a` or `b`", "é".repeat(5_000));
        let short = shortened(&long);
        assert!(short.starts_with("unknown variant `é") && short.ends_with("é`, expected `a` or `b`"));
        assert_eq!((short.chars().count(), shortened("missing field").as_str()), (301, "missing field"));
    }

    #[test]
    fn content_types() {
        let says = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, text.parse().unwrap());
            says_json(&headers)
        };
        assert!(says("application/json") && says("Application/JSON; charset=utf-8"));
        assert!(says("application/problem+json") && says_json(&HeaderMap::new()));
        assert!(
            !says("text/plain") && !says("application/jsonp") && !says("application/x-www-form-urlencoded")
        );
    }
}
