//! Reads JSON bodies.

use kernel::database::has_nul;
use kernel::money::{AmountError, Credits};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use warp::http::{HeaderMap, header};

use super::call::Call;
use crate::problem::{Problem, ProblemKind};

/// A complaint about a body repeats this many letters of its start and of its end.
const SHOWN_MAX: usize = 150;

/// Reads the body as JSON. A missing content type is taken for JSON.
///
/// # Errors
/// When the content type is another, or the body is no JSON or not of the expected shape.
pub fn read_json<T: DeserializeOwned>(call: &Call) -> Result<T, Problem> {
    if !says_json(&call.headers) {
        return Err(ProblemKind::UnsupportedMediaType.into());
    }
    if has_nul(&call.body) {
        return Err(Problem::invalid("Texts must not have the character U+0000."));
    }
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
