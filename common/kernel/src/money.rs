//! Amounts: credits and money, as whole numbers of their smallest unit, with checked arithmetic only.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How many millionths make one credit.
pub const MILLIONTHS_PER_CREDIT: i64 = 1_000_000;

/// A number of credits, counted in millionths of a credit. May be negative (a debit, a debt).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Credits(i64);

/// An amount that does not fit, or a text that is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The result is outside of what 64 bits hold.
    #[error("the amount is too large")]
    Overflow,
    /// Not a decimal number.
    #[error("not a decimal number")]
    NotANumber,
    /// More decimals than a millionth.
    #[error("credits have at most six decimals")]
    TooPrecise,
}

impl Credits {
    pub const ZERO: Self = Self(0);

    /// From millionths of a credit.
    pub const fn from_millionths(millionths: i64) -> Self {
        Self(millionths)
    }

    /// From whole credits.
    pub fn from_whole(credits: i64) -> Result<Self, AmountError> {
        credits.checked_mul(MILLIONTHS_PER_CREDIT).map(Self).ok_or(AmountError::Overflow)
    }

    /// In millionths of a credit.
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// Whole credits, rounded towards minus infinity, as dialects with integer balances show them.
    pub const fn floor_whole(self) -> i64 {
        self.0.div_euclid(MILLIONTHS_PER_CREDIT)
    }

    pub fn checked_add(self, other: Self) -> Result<Self, AmountError> {
        self.0.checked_add(other.0).map(Self).ok_or(AmountError::Overflow)
    }

    pub fn checked_sub(self, other: Self) -> Result<Self, AmountError> {
        self.0.checked_sub(other.0).map(Self).ok_or(AmountError::Overflow)
    }

    /// This many times as much.
    pub fn checked_mul(self, times: i64) -> Result<Self, AmountError> {
        self.0.checked_mul(times).map(Self).ok_or(AmountError::Overflow)
    }

    /// The same amount with the other sign.
    pub fn checked_neg(self) -> Result<Self, AmountError> {
        self.0.checked_neg().map(Self).ok_or(AmountError::Overflow)
    }

    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The amount as a JSON number: `2500`, `0.25`. With a fraction it is a float, which is exact below nine thousand
    /// million credits.
    pub fn to_json(self) -> serde_json::Value {
        // The text of `Display` is always a JSON number.
        serde_json::from_str(&self.to_string()).unwrap_or(serde_json::Value::Null)
    }
}

/// For `#[serde(with = "exact")]`: credits as the JSON number that they are, `2500` or `0.25`. Written as its text: a
/// float would round large amounts with a fraction.
pub mod exact {
    use serde::ser::{Error, Serialize, Serializer};
    use serde_json::value::RawValue;

    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(credits: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(credits.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        CreditsTotal(self.0.into()).fmt(formatter)
    }
}

impl fmt::Debug for Credits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self} credits")
    }
}

/// Credits of all wallets together, in millionths: they may be more than one wallet can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CreditsTotal(pub i128);

impl CreditsTotal {
    /// # Errors
    /// When the sum does not fit.
    pub fn checked_add(self, millionths: i128) -> Result<Self, AmountError> {
        self.0.checked_add(millionths).map(Self).ok_or(AmountError::Overflow)
    }
}

impl fmt::Display for CreditsTotal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_credit = u128::from(MILLIONTHS_PER_CREDIT.unsigned_abs());
        let whole = self.0.unsigned_abs() / per_credit;
        let fraction = self.0.unsigned_abs() % per_credit;
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction == 0 {
            write!(formatter, "{sign}{whole}")
        } else {
            let digits = format!("{fraction:06}");
            write!(formatter, "{sign}{whole}.{}", digits.trim_end_matches('0'))
        }
    }
}

impl FromStr for Credits {
    type Err = AmountError;

    /// Reads a decimal number as JSON writes it, also with an exponent (`1e3`), exactly: never through a float.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_scaled(text, 6).map(Self)
    }
}

/// Reads a decimal text as a whole number of 10^-`decimals`.
///
/// # Errors
/// [`AmountError`] when it is no number, does not fit, or has more decimals than asked for.
pub fn parse_scaled(text: &str, decimals: i32) -> Result<i64, AmountError> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let both = [whole, fraction].concat();
    if whole.is_empty() || !both.bytes().all(|byte| byte.is_ascii_digit()) || mantissa.ends_with('.') {
        return Err(AmountError::NotANumber);
    }
    let significant = both.trim_end_matches('0');
    let cut = both.len().saturating_sub(significant.len());
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    // The value is `significant` × 10^scale, in units of 10^-decimals.
    let scale = i64::try_from(cut)
        .unwrap_or(i64::MAX)
        .saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX));
    let scale = scale.saturating_add(exponent).saturating_add(decimals.into());
    if scale < 0 {
        return Err(AmountError::TooPrecise);
    }
    let scale = u32::try_from(scale).map_err(|_| AmountError::Overflow)?;
    // Wider than the result, whose least value has no positive counterpart.
    let value: i128 = significant.parse().map_err(|_| AmountError::Overflow)?;
    let value = if negative { value.checked_neg() } else { Some(value) };
    let factor = 10_i128.checked_pow(scale);
    let value = value.zip(factor).and_then(|(value, factor)| value.checked_mul(factor));
    value.and_then(|value| i64::try_from(value).ok()).ok_or(AmountError::Overflow)
}

/// What stands behind the `e`. One that does not fit counts as the largest that does.
fn parse_exponent(text: &str) -> Result<i64, AmountError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AmountError::NotANumber);
    }
    let size: i64 = digits.parse().unwrap_or(i64::MAX);
    Ok(if negative { size.saturating_neg() } else { size })
}

/// An ISO 4217 code in lower case, as Stripe writes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// A text that is no currency code.
#[derive(Debug, thiserror::Error)]
#[error("a currency is three letters, such as usd")]
pub struct InvalidCurrency;

impl Currency {
    pub const USD: Self = Self(*b"usd");

    /// The code in lower case.
    pub fn as_str(&self) -> &str {
        // Only ASCII letters are ever stored.
        std::str::from_utf8(&self.0).unwrap_or("usd")
    }

    /// The code in upper case.
    pub fn upper(self) -> String {
        self.as_str().to_ascii_uppercase()
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidCurrency)?;
        if bytes.iter().all(u8::is_ascii_alphabetic) {
            Ok(Self(bytes.map(|byte| byte.to_ascii_lowercase())))
        } else {
            Err(InvalidCurrency)
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidCurrency;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An amount of money in the smallest unit of its currency (cents for usd), as providers count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Smallest units.
    pub minor: i64,
    pub currency: Currency,
}

impl Money {
    /// An amount in a currency.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.minor, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn credits_are_read_exactly() {
        for (text, millionths) in [
            ("2500", 2_500_000_000),
            ("0.25", 250_000),
            ("-1.000001", -1_000_001),
            ("1e3", 1_000_000_000),
            ("25E-2", 250_000),
            ("1.50e1", 15_000_000),
            ("0e99999", 0),
            ("0.0000000", 0),
            ("1.0000000000", 1_000_000),
        ] {
            assert_eq!(text.parse::<Credits>(), Ok(Credits(millionths)), "{text}");
        }
        for text in ["", "-", ".5", "1.", "NaN", "inf", "1e", "1_000", "0x10", " 1", "+1", "--1", "1e1e1"] {
            assert_eq!(text.parse::<Credits>(), Err(AmountError::NotANumber), "{text}");
        }
        assert_eq!("0.0000001".parse::<Credits>(), Err(AmountError::TooPrecise));
        assert_eq!("1e-7".parse::<Credits>(), Err(AmountError::TooPrecise));
        assert_eq!("1e30".parse::<Credits>(), Err(AmountError::Overflow));
        assert_eq!("1e2147483647".parse::<Credits>(), Err(AmountError::Overflow));
        assert_eq!("99999999999999999999".parse::<Credits>(), Err(AmountError::Overflow));
    }

    #[test]
    fn whole_credits_round_down_also_below_zero() {
        assert_eq!(Credits(-1).floor_whole(), -1);
        assert_eq!(Credits(1_999_999).floor_whole(), 1);
    }

    #[test]
    fn exponents_of_any_size_are_understood() {
        let endless = "9".repeat(400);
        for (text, expected) in [
            (format!("0e{endless}"), Ok(0)),
            (format!("-0.00e-{endless}"), Ok(0)),
            (format!("1e{endless}"), Err(AmountError::Overflow)),
            (format!("1e-{endless}"), Err(AmountError::TooPrecise)),
            (format!("{}e-400", "1".to_owned() + &"0".repeat(400)), Ok(1_000_000)),
            (format!("0.{}1e+401", "0".repeat(400)), Ok(1_000_000)),
            ("1e+".to_owned(), Err(AmountError::NotANumber)),
            ("1e-".to_owned(), Err(AmountError::NotANumber)),
            ("1e+-1".to_owned(), Err(AmountError::NotANumber)),
            ("1e1.5".to_owned(), Err(AmountError::NotANumber)),
        ] {
            assert_eq!(text.parse::<Credits>().map(Credits::millionths), expected, "{text}");
        }
    }

    #[test]
    fn the_outermost_amounts_are_read_and_nothing_beyond() {
        assert_eq!("9223372036854.775807".parse(), Ok(Credits(i64::MAX)));
        assert_eq!("-9223372036854.775808".parse(), Ok(Credits(i64::MIN)));
        assert_eq!("9223372036854.775808".parse::<Credits>(), Err(AmountError::Overflow));
        assert_eq!("-9223372036854.775809".parse::<Credits>(), Err(AmountError::Overflow));
        // What a cast would make something small of: 2^64, and 2^64 and one.
        for text in ["18446744073709551616", "18446744073709551617", "18446744073709.551617"] {
            assert_eq!(text.parse::<Credits>(), Err(AmountError::Overflow));
            assert_eq!(parse_scaled(text, 6), Err(AmountError::Overflow));
        }
    }

    proptest! {
        #[test]
        fn credits_survive_their_text(millionths in any::<i64>()) {
            let credits = Credits(millionths);
            prop_assert_eq!(credits.to_string().parse::<Credits>(), Ok(credits));
            let is_exact = millionths.unsigned_abs() < 1 << 53 || millionths % MILLIONTHS_PER_CREDIT == 0;
            let in_json = credits.to_json().to_string().parse::<Credits>();
            prop_assert!(!is_exact || in_json == Ok(credits), "{:?}", in_json);
        }

        #[test]
        fn however_a_number_is_written_it_is_the_same(
            millionths in any::<i64>(), zeros in 1_usize..400, shift in 0_usize..400, letter in "[eE]", plus in "[+]?",
        ) {
            let sign = if millionths < 0 { "-" } else { "" };
            let (leading, digits) = ("0".repeat(zeros), millionths.unsigned_abs());
            let shifted = "0".repeat(shift);
            for text in [
                format!("{sign}{leading}{digits}{letter}-6"),
                format!("{sign}{digits}{shifted}{letter}-{}", shift + 6),
                format!("{sign}{digits}.{leading}{letter}-{leading}6"),
                format!("{sign}0.{shifted}{digits:020}{letter}{plus}{}", shift + 14),
            ] {
                prop_assert_eq!(text.parse::<Credits>(), Ok(Credits(millionths)), "{}", text);
            }
        }

        #[test]
        fn nothing_is_rounded(whole in 0_i64..1_000_000, more in "[0-9]{0,400}", last in "[1-9]", less in 1_u32..400) {
            let text = format!("{whole}.123456{more}{last}");
            prop_assert_eq!(text.parse::<Credits>(), Err(AmountError::TooPrecise));
            prop_assert_eq!(format!("{whole}{last}e-{}", less + 6).parse::<Credits>(), Err(AmountError::TooPrecise));
            prop_assert_eq!(parse_scaled(&format!("{whole}.{last}"), 0), Err(AmountError::TooPrecise));
        }

        #[test]
        fn nothing_wraps(digits in "-?[1-9][0-9]{19,400}", exponent in 13_u64..) {
            prop_assert_eq!(parse_scaled(&digits, 0), Err(AmountError::Overflow));
            prop_assert_eq!(digits.parse::<Credits>(), Err(AmountError::Overflow));
            prop_assert_eq!(format!("9.3e{exponent}").parse::<Credits>(), Err(AmountError::Overflow));
        }

        /// Digits of other scripts, spaces, signs, separators, and words for what is no number.
        #[test]
        fn only_decimal_numbers_are_numbers(
            before in "[ \t+_,$]|\\PC|", number in "-?[0-9]{1,5}(\\.[0-9]{1,3})?", after in "[ \n%f_,]|\\PC|",
            odd in "\\p{Nd}{1,5}|NaN|-?[Ii]nf(inity)?|0[xob][0-9]+|[0-9]+[,_' ][0-9]{3}|",
        ) {
            let is_plain = |text: &str| text.is_empty() || text.bytes().all(|byte| byte.is_ascii_digit());
            let text = format!("{before}{number}{after}");
            let is_changed = !(is_plain(&before) || before == "-") || !is_plain(&after);
            prop_assert!(!is_changed || text.parse::<Credits>() == Err(AmountError::NotANumber), "{:?}", text);
            prop_assert!(is_plain(&odd) || odd.parse::<Credits>() == Err(AmountError::NotANumber), "{:?}", odd);
        }

        #[test]
        fn arithmetic_is_exact_or_refused(one in any::<i64>(), other in any::<i64>()) {
            let fits = |exact: i128| i64::try_from(exact).map(Credits).map_err(|_| AmountError::Overflow);
            let (a, b) = (i128::from(one), i128::from(other));
            let (one, times) = (Credits(one), other);
            prop_assert_eq!(one.checked_add(Credits(other)), fits(a + b));
            prop_assert_eq!(one.checked_sub(Credits(other)), fits(a - b));
            prop_assert_eq!(one.checked_mul(times), fits(a * b));
            prop_assert_eq!(one.checked_neg(), fits(-a));
            prop_assert_eq!(Credits::from_whole(other), fits(b * i128::from(MILLIONTHS_PER_CREDIT)));
            let whole = i128::from(one.floor_whole()) * i128::from(MILLIONTHS_PER_CREDIT);
            prop_assert!(whole <= a && a - whole < i128::from(MILLIONTHS_PER_CREDIT));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.eE]{0,24}|.{0,24}") {
            let read = text.parse::<Credits>();
            prop_assert!(read.is_err() || text.bytes().all(|byte| b"-+0123456789.eE".contains(&byte)));
            let _ = text.parse::<Currency>();
        }
    }
}
