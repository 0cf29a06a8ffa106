//! Amounts and addresses.

use api::http::json;
use api::http::values::Amount;
use api::return_urls::ReturnOrigins;
use kernel::money::{AmountError, Credits, Currency, parse_scaled};
use serde_json::value::RawValue;
use url::Url;

use super::assert_discreet;

/// A text is read as exactly the amount that it stands for, or refused for the right reason.
pub(super) fn amounts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for decimals in [0_u8, 2, 6] {
        let read = parse_scaled(text, decimals.into());
        assert_eq!(read, by_hand(text, decimals.into()), "{text:?} with {decimals} decimals");
    }
    let credits = text.parse::<Credits>();
    match &credits {
        Ok(amount) => {
            assert_eq!(amount.to_string().parse().as_ref(), Ok(amount));
            let answered = serde_json::to_string(&Amount(*amount)).unwrap_or_default();
            assert_eq!(answered.parse().as_ref(), Ok(amount), "{text:?} in an answer");
        }
        Err(error) => assert_discreet(error, &[]),
    }
    // In JSON a number is read as its text is, and nothing else is a number.
    if let Ok(raw) = serde_json::from_str::<&RawValue>(text) {
        let is_number = raw.get().starts_with(|start: char| start == '-' || start.is_ascii_digit());
        let expected = if is_number { raw.get().parse() } else { Err(AmountError::NotANumber) };
        assert_eq!(json::credits(raw), expected, "{text:?} in JSON");
        assert!(!is_number || expected != Err(AmountError::NotANumber), "{text:?} is a number");
    }
    if let Ok(currency) = text.parse::<Currency>() {
        assert_eq!(currency.as_str(), text.to_ascii_lowercase());
    }
}

/// The same rule again, digit by digit: the amount is written out in full, and only then a number.
fn by_hand(text: &str, decimals: usize) -> Result<i64, AmountError> {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let (shrinks, exponent) = match exponent.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, exponent.strip_prefix('+').unwrap_or(exponent)),
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if ![whole, fraction, exponent].into_iter().all(is_digits) {
        return Err(AmountError::NotANumber);
    }
    let digits = format!("{whole}{fraction}");
    if digits.bytes().all(|digit| digit == b'0') {
        return Ok(0);
    }
    // Beyond this, what is not zero is too small or too large whatever its digits are.
    let far = digits.len() + 40;
    let exponent = exponent.parse().unwrap_or(far).min(far);
    let (before, after) = if shrinks {
        let digits = format!("{}{digits}", "0".repeat(exponent));
        let (before, after) = digits.split_at(whole.len());
        (before.to_owned(), after.to_owned())
    } else {
        let digits = format!("{digits}{}", "0".repeat(exponent));
        let (before, after) = digits.split_at(whole.len() + exponent);
        (before.to_owned(), after.to_owned())
    };
    let after = format!("{after}{}", "0".repeat(decimals));
    let (kept, lost) = after.split_at(decimals);
    if lost.bytes().any(|digit| digit != b'0') {
        return Err(AmountError::TooPrecise);
    }
    let units = format!("{before}{kept}");
    format!("{sign}{}", units.trim_start_matches('0')).parse().map_err(|_| AmountError::Overflow)
}

/// Whatever passes leads to one of the origins, and says so in plain letters.
pub(super) fn return_urls(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let origins = ReturnOrigins::new("http://localhost:8080", &["https://app.example.com".to_owned()]);
    if !origins.allow(text) {
        return;
    }
    let authority = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let (host, port) = authority.split_once(':').unwrap_or((&authority, ""));
    let expected = [("app.example.com", None), ("app.example.com", Some(443)), ("localhost", Some(8080))];
    assert!(expected.contains(&(host, port.parse().ok())), "{text:?} leads to {authority:?}");
    assert!(!text.contains(['\r', '\n', '\t', ' ', '\\']), "{text:?}");
    let parsed = Url::parse(text).map(|url| url.origin().ascii_serialization());
    let expected = ["https://app.example.com", "http://localhost:8080"];
    assert!(parsed.is_ok_and(|origin| expected.contains(&origin.as_str())), "{text:?}");
}
