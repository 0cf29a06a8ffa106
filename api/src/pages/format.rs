//! Amounts and times as people write them, in the languages that pages have.

use kernel::clock::{Timestamp, to_rfc3339};
use kernel::money::{Credits, Currency, Money};
use kernel::text_enum;
use maud::{Markup, html};
use time::macros::format_description;

/// A word at the beginning of a sentence, or a name that others write small.
pub(crate) fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

text_enum! {
    /// A language of the pages.
    Locale {
        English => "en",
        German => "de",
        Turkish => "tr",
    }
}

/// Currencies without a smaller unit, as Stripe counts them.
const WHOLE: [&str; 16] = [
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof",
    "xpf",
];
/// Currencies with a thousand smaller units.
const THOUSANDTHS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

impl Locale {
    /// The language with this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::English, Self::German, Self::Turkish].into_iter().find(|locale| locale.tag() == name)
    }

    /// As HTML and browsers name it.
    pub(crate) fn tag(self) -> &'static str {
        self.as_str()
    }

    /// Between whole numbers and decimals, and between thousands.
    fn separators(self) -> (char, char) {
        match self {
            Self::English => ('.', ','),
            Self::German | Self::Turkish => (',', '.'),
        }
    }

    /// Credits: `1,234.5`.
    pub(crate) fn credits(self, credits: Credits) -> String {
        self.decimal(&credits.to_string())
    }

    /// Money: `$25.00`, `25,00 €`, `CHF 25.00`.
    pub(crate) fn money(self, money: Money) -> String {
        let plain = units(money);
        let (sign, plain) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("−", rest));
        let (amount, code) = (self.decimal(plain), money.currency.upper());
        let symbol = match money.currency.as_str() {
            "eur" => "€",
            "gbp" => "£",
            "jpy" => "¥",
            "try" => "₺",
            "usd" => "$",
            _ => code.as_str(),
        };
        match self {
            Self::German => format!("{sign}{amount}\u{a0}{symbol}"),
            Self::English | Self::Turkish if symbol.len() == 3 && symbol == code => {
                format!("{sign}{symbol}\u{a0}{amount}")
            }
            Self::English | Self::Turkish => format!("{sign}{symbol}{amount}"),
        }
    }

    /// A plain decimal number with this language's separators.
    pub(crate) fn decimal(self, plain: &str) -> String {
        let (point, thousands) = self.separators();
        let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |digits| ("−", digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut text = sign.to_owned();
        for (index, digit) in whole.chars().enumerate() {
            let left = whole.len().saturating_sub(index);
            if index > 0 && left.is_multiple_of(3) {
                text.push(thousands);
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push(point);
            text.push_str(fraction);
        }
        text
    }
}

/// Money as a plain decimal number in the currency's unit, such as `25.00`.
pub(crate) fn units(money: Money) -> String {
    let places = decimals(money.currency);
    let digits = money.minor.unsigned_abs().to_string();
    let digits = format!("{digits:0>width$}", width = places.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
    let sign = if money.minor < 0 { "-" } else { "" };
    if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// How many decimals an amount of a currency has.
pub(crate) fn decimals(currency: Currency) -> usize {
    match currency.as_str() {
        code if WHOLE.contains(&code) => 0,
        code if THOUSANDTHS.contains(&code) => 3,
        _ => 2,
    }
}

/// A time, which the page's script shows in the reader's zone.
pub(crate) fn moment(at: Timestamp) -> Markup {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    html! { local-time datetime=(to_rfc3339(at)) { (at.format(format).unwrap_or_default()) } }
}

/// A time to the second, which the page's script shows in the reader's zone: for what happened one after another.
pub(crate) fn exact(at: Timestamp) -> Markup {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    html! { local-time datetime=(to_rfc3339(at)) show="exact" { (at.format(format).unwrap_or_default()) } }
}

/// A day, which the page's script shows in the reader's zone.
pub(crate) fn day(at: Timestamp) -> Markup {
    let format = format_description!("[year]-[month]-[day]");
    html! { local-time datetime=(to_rfc3339(at)) show="date" { (at.format(format).unwrap_or_default()) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_in_each_language() {
        let credits = |text: &str| text.parse::<Credits>().unwrap();
        assert_eq!(Locale::English.credits(credits("1234567.25")), "1,234,567.25");
        assert_eq!(Locale::German.credits(credits("-1234.5")), "−1.234,5");
        assert_eq!(Locale::Turkish.credits(credits("999")), "999");
        let money = |minor, code: &str| Money::new(minor, code.parse().unwrap());
        for (locale, amount, text) in [
            (Locale::English, money(123_456, "usd"), "$1,234.56"),
            (Locale::English, money(-5, "usd"), "−$0.05"),
            (Locale::German, money(2_500, "eur"), "25,00\u{a0}€"),
            (Locale::German, money(2_500, "chf"), "25,00\u{a0}CHF"),
            (Locale::English, money(2_500, "chf"), "CHF\u{a0}25.00"),
            (Locale::Turkish, money(250_000, "try"), "₺2.500,00"),
            (Locale::English, money(2_500, "jpy"), "¥2,500"),
            (Locale::English, money(1_500, "kwd"), "KWD\u{a0}1.500"),
        ] {
            assert_eq!(locale.money(amount), text);
        }
    }
}
