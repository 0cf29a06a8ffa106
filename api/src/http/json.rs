//! Reading JSON bodies.

use kernel::database::has_nul;
use kernel::money::{AmountError, Credits};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use warp::http::{HeaderMap, header};

use super::Call;

/// Of what a body is not, this many letters of the start and of the end are repeated.
const SHOWN_MAX: usize = 150;

/// Why a body cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It says that it is something else.
    #[error("The content type must be application/json.")]
    ContentType,
    /// It is no JSON.
    #[error("The body is not valid JSON.")]
    Syntax,
    /// It is JSON, but not what is expected; the text says where, and is short.
    #[error("{0}")]
    Shape(String),
}

/// Reads the body as JSON. A missing content type is taken for JSON.
///
/// # Errors
/// [`Unreadable`].
pub fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Unreadable> {
    if !says_json(&call.headers) {
        return Err(Unreadable::ContentType);
    }
    if has_nul(&call.body) {
        return Err(Unreadable::Shape("Texts must not have the character U+0000.".to_owned()));
    }
    serde_json::from_slice(&call.body).map_err(|error| {
        if error.is_data() { Unreadable::Shape(shortened(&error.to_string())) } else { Unreadable::Syntax }
    })
}

/// As [`read`], where leaving the body out means the same as an empty object.
///
/// # Errors
/// [`Unreadable`].
pub fn read_or_default<T: DeserializeOwned + Default>(call: &Call) -> Result<T, Unreadable> {
    if call.body.is_empty() { Ok(T::default()) } else { read(call) }
}

/// The exact amount that a JSON number stands for.
///
/// # Errors
/// [`AmountError`] when it is no number, also when it is a number in quotes, or has more than six decimals.
pub fn credits(raw: &RawValue) -> Result<Credits, AmountError> {
    raw.get().parse()
}

/// Without the middle, if it is long: it repeats what was sent, and says at its end what was expected, and where.
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
    #![allow(clippy::unwrap_used)]
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
